use super::*;

/// Creates the pod with volumes; errors leave `spec.volumes[0].` out.
fn check_volume(volume: &str, expected: &[&str]) {
    let errors = create(&pod(&format!(r#"{{"spec":{{"volumes":[{volume}]}}}}"#)));
    let errors: Vec<String> = errors.iter().map(|e| e.replacen("spec.volumes[0].", "", 1)).collect();
    assert_texts(&errors, expected, volume);
}

#[test]
fn volumes_have_one_type_and_a_name_of_their_own() {
    check_volume(r#"{"name":"v"}"#, &["spec.volumes[0]: Required value: must specify a volume type"]);
    check_volume(r#"{"emptyDir":{}}"#, &["name: Required value"]);
    check_volume(
        r#"{"name":"v","emptyDir":{},"nfs":{},"csi":{}}"#,
        &[
            "nfs: Forbidden: may not specify more than 1 volume type",
            "csi: Forbidden: may not specify more than 1 volume type",
        ],
    );
    check_volume(
        r#"{"name":"v","emptyDir":{}},{"name":"v","emptyDir":{}}"#,
        &["spec.volumes[1].name: Duplicate value: \"v\""],
    );
    check_volume(
        r#"{"name":"v","ephemeral":{"volumeClaimTemplate":{"metadata":{"name":"x"},"spec":{"accessModes":["ReadWriteOnce"],
            "resources":{"requests":{"storage":"1"}}}}}},{"name":"w","persistentVolumeClaim":{"claimName":"p-v"}}"#,
        &[
            "ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
            "spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: \"p-v\": must not reference a PVC that gets created for an ephemeral volume",
        ],
    );
}

#[test]
fn each_type_has_its_rules() {
    let check =
        |source: &str, expected: &[&str]| check_volume(&format!(r#"{{"name":"v",{source}}}"#), expected);
    check(
        r#""emptyDir":{"sizeLimit":"-1"}"#,
        &["emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"],
    );
    check(
        r#""hostPath":{"path":"/a/..","type":"x"}"#,
        &[
            "hostPath.path: Invalid value: \"/a/..\": must not contain '..'",
            "hostPath.type: Unsupported value: \"x\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
        ],
    );
    check(
        r#""gitRepo":{"directory":"/x"}"#,
        &[
            "gitRepo.repository: Required value",
            "gitRepo.directory: Invalid value: \"/x\": must be a relative path",
        ],
    );
    check(
        r#""gcePersistentDisk":{"pdName":"","partition":256}"#,
        &[
            "persistentDisk.pdName: Required value",
            "persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
        ],
    );
    check(r#""awsElasticBlockStore":{"volumeID":""}"#, &["awsElasticBlockStore.volumeID: Required value"]);
    check(
        r#""secret":{"secretName":"","defaultMode":-1,"items":[{"key":"","path":"..a"}]}"#,
        &[
            "secret.secretName: Required value",
            "secret.defaultMode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive",
            "secret.items[0].key: Required value",
            "secret.items[0].path: Invalid value: \"..a\": must not start with '..'",
        ],
    );
    check(
        r#""nfs":{"server":"","path":""}"#,
        &[
            "nfs.server: Required value",
            "nfs.path: Required value",
            "nfs.path: Invalid value: \"\": must be an absolute path",
        ],
    );
    check(
        r#""iscsi":{"targetPortal":"","iqn":"x","lun":300,"chapAuthSession":true,"initiatorName":"iqn.bad"}"#,
        &[
            "iscsi.targetPortal: Required value",
            "iscsi.iqn: Invalid value: \"x\": must be valid format starting with iqn, eui, or naa",
            "iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive",
            "iscsi.secretRef: Required value",
            "iscsi.initiatorname: Invalid value: \"iqn.bad\": must be valid format",
        ],
    );
    check(
        r#""glusterfs":{"endpoints":"","path":""}"#,
        &["glusterfs.endpoints: Required value", "glusterfs.path: Required value"],
    );
    check(
        r#""flocker":{"datasetName":"a/b","datasetUUID":"u"}"#,
        &[
            "flocker: Invalid value: \"resource\": datasetName and datasetUUID can not be specified simultaneously",
            "flocker.datasetName: Invalid value: \"a/b\": must not contain '/'",
        ],
    );
    check(
        r#""persistentVolumeClaim":{"claimName":""}"#,
        &["persistentVolumeClaim.claimName: Required value"],
    );
    check(
        r#""rbd":{"monitors":null,"image":""}"#,
        &["rbd.monitors: Required value", "rbd.image: Required value"],
    );
    check(
        r#""cinder":{"volumeID":"","secretRef":{}}"#,
        &["cinder.volumeID: Required value", "cinder.secretRef.name: Required value"],
    );
    check(r#""cephfs":{"monitors":[]}"#, &["cephfs.monitors: Required value"]);
    check(
        r#""quobyte":{"registry":"a:1,b","volume":""}"#,
        &[
            "quobyte.registry: Invalid value: \"a:1,b\": must be a host:port pair or multiple pairs separated by commas",
            "quobyte.volume: Required value",
        ],
    );
    check(
        r#""downwardAPI":{"items":[{"path":"a","fieldRef":{"apiVersion":"v1","fieldPath":"spec.nodeName"}}]}"#,
        &[
            "downwardAPI.fieldRef.fieldPath: Unsupported value: \"spec.nodeName\": supported values: \"metadata.annotations\", \"metadata.labels\", \"metadata.name\", \"metadata.namespace\", \"metadata.uid\"",
        ],
    );
    check(
        r#""fc":{}"#,
        &["fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"],
    );
    check(
        r#""fc":{"targetWWNs":["a"]}"#,
        &["fc.lun: Required value: lun is required if targetWWNs is specified"],
    );
    check(
        r#""flexVolume":{"driver":"","options":{"a.k8s.io/x":"y","ak8s.io":"z"}}"#,
        &[
            "flexVolume.driver: Required value",
            "flexVolume.options[a.k8s.io/x]: Invalid value: \"a.k8s.io/x\": kubernetes.io and k8s.io namespaces are reserved",
        ],
    );
    check(r#""configMap":{"name":""}"#, &["configMap.name: Required value"]);
    check(
        r#""azureFile":{"secretName":"","shareName":""}"#,
        &["azureFile.secretName: Required value", "azureFile.shareName: Required value"],
    );
    check(r#""vsphereVolume":{"volumePath":""}"#, &["vsphereVolume.volumePath: Required value"]);
    check(r#""photonPersistentDisk":{"pdID":""}"#, &["photonPersistentDisk.pdID: Required value"]);
    check(r#""portworxVolume":{"volumeID":""}"#, &["portworxVolume.volumeID: Required value"]);
    check(
        r#""azureDisk":{"diskName":"d","diskURI":"x","kind":"Managed","cachingMode":"y"}"#,
        &[
            "azureDisk.cachingMode: Unsupported value: \"y\": supported values: \"None\", \"ReadOnly\", \"ReadWrite\"",
            "azureDisk.diskURI: Unsupported value: \"x\": supported values: \"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}\"",
        ],
    );
    check(
        r#""storageos":{"volumeName":"A","volumeNamespace":"B","secretRef":{}}"#,
        &[
            "storageos.volumeName: Invalid value: \"A\": a lowercase RFC 1123 label...",
            "storageos.volumeNamespace: Invalid value: \"B\": a lowercase RFC 1123 label...",
            "storageos.secretRef.name: Required value",
        ],
    );
    check(
        r#""scaleIO":{"gateway":"","system":""}"#,
        &[
            "scaleIO.gateway: Required value",
            "scaleIO.system: Required value",
            "scaleIO.volumeName: Required value",
        ],
    );
    check(
        r#""csi":{"driver":"_","nodePublishSecretRef":{"name":"A"}}"#,
        &[
            "csi.driver: Invalid value: \"_\": a lowercase RFC 1123 subdomain...",
            "csi.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain...",
        ],
    );
    check(r#""ephemeral":{}"#, &["ephemeral.volumeClaimTemplate: Required value"]);
    check(
        r#""image":{"reference":"","pullPolicy":""}"#,
        &["image.reference: Required value", "image.pullPolicy: Required value"],
    );
}

#[test]
fn projected_files_have_paths_of_their_own() {
    check_volume(
        r#"{"name":"v","projected":{"defaultMode":1000,"sources":[
            {"secret":{"name":"s","items":[{"key":"k","path":"a"}]}},
            {"configMap":{"name":"","items":[{"key":"k","path":"a"}]},
                "downwardAPI":{"items":[{"path":"a","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}]}},
            {"serviceAccountToken":{"expirationSeconds":600,"path":"../t"}},
            {"clusterTrustBundle":{"name":"a:b:C","path":"b"}},
            {"clusterTrustBundle":{"path":"b"}},
            {"podCertificate":{"signerName":"x","keyType":"RSA1","maxExpirationSeconds":1}}]}}"#,
        &[
            "projected.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
            "projected.sources[1].configMap.name: Required value",
            "projected: Invalid value: \"\": conflicting duplicate paths",
            "projected: Invalid value: \"a\": conflicting duplicate paths",
            "projected.sources[1]: Forbidden: may not specify more than 1 volume type per source",
            "projected.path: Invalid value: \"../t\": must not contain '..'",
            "projected.sources[3].clusterTrustBundle.name: Invalid value: \"a:b:C\": not a valid clustertrustbundlename: a lowercase RFC 1123 subdomain...",
            "projected.sources[4].clusterTrustBundle: Required value: either name or signerName must be specified",
            "projected: Invalid value: \"b\": conflicting duplicate paths",
            "projected.sources[5].podCertificate.signerName: Invalid value: \"x\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
            "projected.sources[5].podCertificate.keyType: Unsupported value: \"RSA1\": supported values: \"RSA3072\", \"RSA4096\", \"ECDSAP256\", \"ECDSAP384\", \"ECDSAP521\", \"ED25519\"",
            "projected.sources[5].podCertificate.maxExpirationSeconds: Invalid value: 1: if provided, maxExpirationSeconds must be >= 3600",
            "projected.sources[5].podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath",
        ],
    );
    check(
        r#"{"spec":{"serviceAccountName":null,"volumes":[{"name":"v","projected":{"sources":[
            {"serviceAccountToken":{"expirationSeconds":600,"path":"t"}}]}}]}}"#,
        &[
            "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
        ],
    );
}

#[test]
fn mounts_name_volumes_that_are_fine() {
    let with_volumes = |container: &str, expected: &[&str]| {
        let volumes = r#"{"spec":{"volumes":[{"name":"e","emptyDir":{}},{"name":"p","persistentVolumeClaim":{"claimName":"c"}}]}}"#;
        let errors = create(&with(pod_with_container(container), value(volumes)));
        let errors: Vec<String> = errors.iter().map(|e| e.replacen("spec.containers[0].", "", 1)).collect();
        assert_texts(&errors, expected, container);
    };
    with_volumes(
        r#"{"volumeMounts":[{"name":"e","mountPath":"/a","subPath":"/x","subPathExpr":"../y","mountPropagation":"Bidirectional"},
            {"name":"none","mountPath":"/a"},{"name":"","mountPath":""},
            {"name":"e","mountPath":"/b","recursiveReadOnly":"Enabled"},{"name":"e","mountPath":"/c","recursiveReadOnly":"x"}]}"#,
        &[
            "volumeMounts.subPath: Invalid value: \"/x\": must be a relative path",
            "volumeMounts[0].subPathExpr: Invalid value: \"../y\": subPathExpr and subPath are mutually exclusive",
            "volumeMounts.subPathExpr: Invalid value: \"../y\": must not contain '..'",
            "volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers",
            "volumeMounts[1].name: Not found: \"none\"",
            "volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
            "volumeMounts[2].name: Required value",
            "volumeMounts[2].name: Not found: \"\"",
            "volumeMounts[2].mountPath: Required value",
            "volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
            "volumeMounts.recursiveReadOnly: Unsupported value: \"x\": supported values: \"Disabled\", \"Enabled\", \"IfPossible\"",
        ],
    );
    with_volumes(
        r#"{"volumeDevices":[{"name":"p","devicePath":"/d"},{"name":"p","devicePath":"/d"},{"name":"e","devicePath":""}]}"#,
        &[
            "volumeDevices[1].name: Invalid value: \"p\": must be unique",
            "volumeDevices[1].devicePath: Invalid value: \"/d\": must be unique",
            "volumeDevices[2].name: Invalid value: \"e\": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
            "volumeDevices[2].devicePath: Required value",
        ],
    );
}
