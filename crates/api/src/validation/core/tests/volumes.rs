//! Volumes and claims.

use super::kind;
use crate::validation::tests::Kind;

const VOLUME: Kind = kind(
    "persistentvolumes",
    r#"{"metadata":{"name":"a"},"spec":{"accessModes":["ReadWriteOnce"],"capacity":{"storage":"1Gi"},"hostPath":{"path":"/x"}}}"#,
);

const CLAIM: Kind = kind(
    "persistentvolumeclaims",
    r#"{"metadata":{"name":"a","namespace":"n"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}},"volumeMode":"Filesystem"},"status":{"phase":"Pending"}}"#,
);

#[test]
fn volumes_are_refused_with_upstreams_texts() {
    VOLUME.takes_the_least();
    VOLUME.create(
        r#"{"spec":{"capacity":{"storage":"-1","cpu":"1"},"local":{"path":""}}}"#,
        &[
            "spec.capacity: Unsupported value: {\"cpu\":\"1\",\"storage\":\"-1\"}: supported values: \"storage\"",
            "spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
            "spec.capacity[storage]: Invalid value: \"-1\": must be greater than zero",
            "spec.local: Forbidden: may not specify more than 1 volume type",
        ],
    );
    VOLUME.create(
        r#"{"metadata":{"annotations":{"volume.beta.kubernetes.io/mount-options":"ro"}},"spec":{"volumeAttributesClassName":""}}"#,
        &[
            "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
            "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
            "metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount options for this volume type",
        ],
    );
}

#[test]
fn every_source_has_its_rules() {
    let check = |source: &str, expected: &[&str]| {
        let source = source.strip_prefix('{').expect("an object");
        VOLUME.create(&format!(r#"{{"spec":{{"hostPath":null,{source}}}"#), expected);
    };
    check(
        r#"{"gcePersistentDisk":{"partition":300}}"#,
        &[
            "spec.persistentDisk.pdName: Required value",
            "spec.persistentDisk.partition: Invalid value: 300: must be between 1 and 255, inclusive",
        ],
    );
    check(r#"{"awsElasticBlockStore":{}}"#, &["spec.awsElasticBlockStore.volumeID: Required value"]);
    check(
        r#"{"glusterfs":{"endpoints":"e","path":"p","endpointsNamespace":""}}"#,
        &[
            "spec.glusterfs.endpointsNamespace: Invalid value: \"\": if the endpointnamespace is set, it must be a valid namespace name",
        ],
    );
    check(
        r#"{"flocker":{}}"#,
        &["spec.flocker: Required value: one of datasetName and datasetUUID is required"],
    );
    check(
        r#"{"nfs":{"server":"s","path":"p"}}"#,
        &["spec.nfs.path: Invalid value: \"p\": must be an absolute path"],
    );
    check(r#"{"rbd":{"image":"i"}}"#, &["spec.rbd.monitors: Required value"]);
    let pairs = "must be a host:port pair or multiple pairs separated by commas";
    check(
        r#"{"quobyte":{"registry":"a:1,[::1]:2,b","volume":"v"}}"#,
        &[&format!("spec.quobyte.registry: Invalid value: \"a:1,[::1]:2,b\": {pairs}")],
    );
    check(r#"{"cephfs":{}}"#, &["spec.cephfs.monitors: Required value"]);
    check(
        r#"{"iscsi":{"targetPortal":"p","iqn":"iqn.2015-02.example.com:test","lun":0,"chapAuthSession":true,"initiatorName":"naa.x"}}"#,
        &[
            "spec.iscsi.secretRef: Required value",
            "spec.iscsi.initiatorname: Invalid value: \"naa.x\": must be valid format",
        ],
    );
    check(
        r#"{"iscsi":{"targetPortal":"p","iqn":"iqn.2015-2.example.com","lun":256,"secretRef":{}}}"#,
        &[
            "spec.iscsi.iqn: Invalid value: \"iqn.2015-2.example.com\": must be valid format",
            "spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
            "spec.iscsi.secretRef.name: Required value",
        ],
    );
    check(
        r#"{"cinder":{"volumeID":"v","secretRef":{"name":"n"}}}"#,
        &["spec.cinder.secretRef.namespace: Required value"],
    );
    check(
        r#"{"fc":{"targetWWNs":["a"],"wwids":["b"]}}"#,
        &[
            "spec.fc.targetWWNs: Invalid value: [\"a\"]: targetWWNs and wwids can not be specified simultaneously",
            "spec.fc.lun: Required value: lun is required if targetWWNs is specified",
        ],
    );
    check(
        r#"{"flexVolume":{"driver":"d","options":{"K8s.io/x":"y","a":"b"}}}"#,
        &[
            "spec.flexVolume.options[K8s.io/x]: Invalid value: \"K8s.io/x\": kubernetes.io and k8s.io namespaces are reserved",
        ],
    );
    check(
        r#"{"azureFile":{"secretName":"s","shareName":"t","secretNamespace":""}}"#,
        &["spec.azureFile.secretNamespace: Required value"],
    );
    check(
        r#"{"azureDisk":{"diskName":"d","diskURI":"x","kind":"Managed","cachingMode":"None"}}"#,
        &[
            "spec.azureDisk.diskURI: Unsupported value: \"x\": supported values: \"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}\"",
        ],
    );
    check(
        r#"{"scaleIO":{"gateway":"g"}}"#,
        &["spec.scaleIO.system: Required value", "spec.scaleIO.volumeName: Required value"],
    );
    check(
        r#"{"local":{"path":"/a/../b"}}"#,
        &[
            "spec.local.path: Invalid value: \"/a/../b\": must not contain '..'",
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
        ],
    );
    check(
        r#"{"storageos":{"volumeName":"v","secretRef":{}}}"#,
        &[
            "spec.storageos.secretRef.name: Required value",
            "spec.storageos.secretRef.namespace: Required value",
        ],
    );
    check(
        r#"{"csi":{"driver":"D.example.com","nodePublishSecretRef":{"name":"n"}}}"#,
        &["spec.csi.volumeHandle: Required value", "spec.csi.nodePublishSecretRef.namespace: Required value"],
    );
    for member in ["vsphereVolume", "photonPersistentDisk", "portworxVolume"] {
        let id = match member {
            "vsphereVolume" => "volumePath",
            "photonPersistentDisk" => "pdID",
            _ => "volumeID",
        };
        check(&format!(r#"{{"{member}":{{}}}}"#), &[&format!("spec.{member}.{id}: Required value")]);
    }
    VOLUME.create(r#"{"spec":{"hostPath":null}}"#, &["spec: Required value: must specify a volume type"]);
}

#[test]
fn sources_of_volumes_stay() {
    VOLUME.update(
        "",
        "{}",
        r#"{"spec":{"hostPath":{"path":"/y"}}}"#,
        &["spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ -2,7 +2,7 @@\n  \"GCEPersistentDisk\": null,\n  \"AWSElasticBlockStore\": null,\n  \"HostPath\": {\n-  \"Path\": \"/x\",\n+  \"Path\": \"/y\",\n   \"Type\": null\n  },\n  \"Glusterfs\": null,\n"],
    );
    let csi = r#"{"spec":{"hostPath":null,"csi":{"driver":"d","volumeHandle":"h"}}}"#;
    let expands = r#"{"spec":{"hostPath":null,"csi":{"driver":"d","volumeHandle":"h","controllerExpandSecretRef":{"name":"s","namespace":"n"}}}}"#;
    VOLUME.update("", csi, expands, &[]);
    let affinity = |label: &str| {
        format!(
            r#"{{"spec":{{"nodeAffinity":{{"required":{{"nodeSelectorTerms":[{{"matchExpressions":[{{"key":"{label}","operator":"Exists"}}]}}]}}}}}}}}"#
        )
    };
    VOLUME.update("", "{}", &affinity("a"), &[]);
    VOLUME.update("", &affinity("beta.kubernetes.io/os"), &affinity("kubernetes.io/os"), &[]);
    VOLUME.update(
        "",
        &affinity("a"),
        "{}",
        &["nodeAffinity: Invalid value: null: field is immutable, except for updating from beta label to GA"],
    );
    // The rules of new volumes are asked twice.
    VOLUME.update(
        "",
        "{}",
        r#"{"spec":{"accessModes":null,"volumeMode":"Block"}}"#,
        &[
            "spec.accessModes: Required value",
            "spec.accessModes: Required value",
            "volumeMode: Invalid value: \"Block\": field is immutable",
        ],
    );
}

#[test]
fn volumes_that_had_their_time_are_warned_of() {
    VOLUME.warn(
        r#"{"metadata":{"annotations":{"volume.beta.kubernetes.io/storage-class":"x"}},"spec":{"rbd":{},"persistentVolumeReclaimPolicy":"Recycle",
            "nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"beta.kubernetes.io/os"}]}]}}}}"#,
        &[
            "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use \"storageClassName\" attribute instead",
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
            "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use \"kubernetes.io/os\" instead",
            "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
        ],
    );
}

#[test]
fn claims_are_refused_with_upstreams_texts() {
    CLAIM.takes_the_least();
    CLAIM.create(
        r#"{"spec":{"accessModes":null,"resources":null,"dataSource":{"kind":"X","name":"n"},"dataSourceRef":{"apiGroup":"Bad","kind":"X","name":"n","namespace":"N"}}}"#,
        &[
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
            "spec.dataSource: Invalid value: \"X\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            "spec.dataSourceRef.apiGroup: Invalid value: \"Bad\": a lowercase RFC 1123 subdomain must…",
            "spec.dataSourceRef.namespace: Invalid value: \"N\": a lowercase RFC 1123 label must…",
            "spec: Invalid value: {}: may not be specified when dataSourceRef.namespace is specified",
        ],
    );
    CLAIM.warn(
        r#"{"spec":{"resources":{"requests":{"storage":"1500m"}}}}"#,
        &["spec.resources.requests[storage]: fractional byte value \"1500m\" is invalid, must be an integer"],
    );
}

#[test]
fn claims_change_only_as_they_are_bound_and_grow() {
    let changed = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@…";
    CLAIM.update("", "{}", r#"{"spec":{"volumeName":"v"}}"#, &[]);
    CLAIM.update("", r#"{"spec":{"volumeName":"v"}}"#, r#"{"spec":{"volumeName":"w"}}"#, &[changed]);
    CLAIM.update("", "{}", r#"{"spec":{"accessModes":["ReadWriteMany"]}}"#, &[changed]);
    CLAIM.update("", "{}", r#"{"spec":{"storageClassName":"s"}}"#, &[]);
    CLAIM.update(
        "",
        r#"{"spec":{"storageClassName":"s"}}"#,
        r#"{"spec":{"storageClassName":"t"}}"#,
        &[changed],
    );
    CLAIM.update("", "{}", r#"{"spec":{"resources":{"requests":{"storage":"1024Mi"}}}}"#, &[]);
    CLAIM.update("", "{}", r#"{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}"#, &[changed]);
    let bound = |size: &str| {
        format!(
            r#"{{"spec":{{"resources":{{"requests":{{"storage":"{size}"}}}}}},"status":{{"phase":"Bound","capacity":{{"storage":"2Gi"}}}}}}"#
        )
    };
    CLAIM.update("", &bound("2Gi"), &bound("4Gi"), &[]);
    CLAIM.update("", &bound("4Gi"), &bound("3Gi"), &[]);
    CLAIM.update(
        "",
        &bound("4Gi"),
        &bound("2Gi"),
        &["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
    );
    CLAIM.update(
        "",
        "{}",
        r#"{"spec":{"volumeMode":"Block"}}"#,
        &[changed, "volumeMode: Invalid value: \"Block\": field is immutable"],
    );
    let class = r#"{"spec":{"volumeAttributesClassName":"a"},"status":{"phase":"Bound","currentVolumeAttributesClassName":"a"}}"#;
    CLAIM.update(
        "",
        class,
        r#"{"status":{"phase":"Bound","currentVolumeAttributesClassName":"a"}}"#,
        &["spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"],
    );
    CLAIM.update(
        "status",
        "{}",
        r#"{"status":{"capacity":{"storage":"-1"},"allocatedResources":{"cpu":"1","storage":"1Gi"},"allocatedResourceStatuses":{"storage":"X"}}}"#,
        &[
            "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
            "status.allocatedResourceStatuses: Unsupported value: \"storage\": supported values: \"ControllerResizeInProgress\", \"ControllerResizeInfeasible\", \"NodeResizeInProgress\", \"NodeResizeInfeasible\", \"NodeResizePending\"",
            "status.allocatedResources: Unsupported value: \"cpu\": supported values: \"storage\"",
        ],
    );
}
