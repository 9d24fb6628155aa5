//! Kinds of storage.k8s.io, as tables of objects and what is said of them.

use crate::validation::tests::Kind;

const fn kind(plural: &'static str, least: &'static str) -> Kind {
    Kind { group: "storage.k8s.io", plural, least }
}

#[test]
fn storage_classes() {
    let kind = kind(
        "storageclasses",
        r#"{"metadata":{"name":"a"},"provisioner":"Example.com/p","reclaimPolicy":"Delete","volumeBindingMode":"Immediate"}"#,
    );
    kind.takes_the_least();
    kind.create(
        r#"{"provisioner":"a b","parameters":{"":"x"},"reclaimPolicy":"Recycle","volumeBindingMode":null}"#,
        &[
            "provisioner: Invalid value: \"a b\": name part must consist of…",
            "parameters: Invalid value: \"\": field can not be empty.",
            "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
            "volumeBindingMode: Required value",
        ],
    );
    let term = r#"{"matchLabelExpressions":[{"key":"beta.kubernetes.io/os","values":["x","y"]}]}"#;
    let turned = r#"{"matchLabelExpressions":[{"key":"beta.kubernetes.io/os","values":["y","x"]}]}"#;
    kind.create(
        &format!(r#"{{"allowedTopologies":[{term},{turned},{{"matchLabelExpressions":[{{"key":"k","values":["v","v"]}},{{"key":"k"}}]}}]}}"#),
        &[
            "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"",
            "allowedTopologies[2].matchLabelExpressions[0].values[1]: Duplicate value: \"v\"",
            "allowedTopologies[2].matchLabelExpressions[1].values: Required value",
            "allowedTopologies[2].matchLabelExpressions[1].key: Duplicate value: \"k\"",
        ],
    );
    kind.warn(
        &format!(r#"{{"allowedTopologies":[{term}]}}"#),
        &["allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.14; use \"kubernetes.io/os\" instead"],
    );
    kind.update(
        "",
        "{}",
        r#"{"parameters":{"a":"b"},"provisioner":"p","reclaimPolicy":"Retain","volumeBindingMode":"WaitForFirstConsumer"}"#,
        &[
            "parameters: Invalid value: {\"a\":\"b\"}: field is immutable",
            "provisioner: Invalid value: \"p\": field is immutable",
            "reclaimPolicy: Invalid value: \"Retain\": field is immutable",
            "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable",
        ],
    );
}

#[test]
fn csi_drivers() {
    let kind = kind(
        "csidrivers",
        r#"{"metadata":{"name":"a"},"spec":{"attachRequired":true,"podInfoOnMount":false,"storageCapacity":false,"seLinuxMount":false,"volumeLifecycleModes":["Persistent"]}}"#,
    );
    kind.takes_the_least();
    kind.create(
        r#"{"spec":null}"#,
        &[
            "spec.attachedRequired: Required value",
            "spec.podInfoOnMount: Required value",
            "spec.storageCapacity: Required value",
            "spec.seLinuxMount: Required value",
        ],
    );
    kind.create(
        r#"{"spec":{"tokenRequests":[{"audience":"a","expirationSeconds":5},{"audience":"b","expirationSeconds":4294967297},{"audience":"a"}],"nodeAllocatableUpdatePeriodSeconds":9}}"#,
        &[
            "spec.tokenRequests[0].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes",
            "spec.tokenRequests[1].expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
            "spec.tokenRequests[2].audience: Duplicate value: \"a\"",
            "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds",
        ],
    );
    kind.update(
        "",
        "{}",
        r#"{"spec":{"attachRequired":false,"volumeLifecycleModes":["Ephemeral"],"serviceAccountTokenInSecrets":true}}"#,
        &[
            "spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified",
            "spec.attachedRequired: Invalid value: false: field is immutable",
            "spec.volumeLifecycleModes: Invalid value: [\"Ephemeral\"]: field is immutable",
        ],
    );
    kind.warn(
        r#"{"spec":{"tokenRequests":[{"audience":"a"}]}}"#,
        &["spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"],
    );
}

#[test]
fn csi_nodes() {
    let kind = kind(
        "csinodes",
        r#"{"metadata":{"name":"a"},"spec":{"drivers":[{"name":"d","nodeID":"n","topologyKeys":["z"],"allocatable":{"count":1}}]}}"#,
    );
    kind.takes_the_least();
    kind.create(
        r#"{"spec":{"drivers":[{"name":"D_","nodeID":"","topologyKeys":["a","a",""],"allocatable":{"count":-1}}]}}"#,
        &[
            "spec.drivers[0].name: Invalid value: \"D_\": a lowercase RFC 1123 subdomain must…",
            "spec.drivers[0].nodeID: Required value",
            "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
            "spec.drivers[0]: Duplicate value: \"a\"",
            "spec.drivers[0]: Required value",
            "spec.drivers[0]: Invalid value: \"\": name part must be non-empty",
            "spec.drivers[0]: Invalid value: \"\": name part must consist of…",
        ],
    );
    kind.update(
        "",
        "{}",
        r#"{"spec":{"drivers":[{"name":"d","nodeID":"n","topologyKeys":["z"]},{"name":"e","nodeID":"m"}]}}"#,
        &[],
    );
    kind.update(
        "",
        "{}",
        r#"{"spec":{"drivers":[{"name":"d","nodeID":"m","topologyKeys":["z"],"allocatable":{"count":1}}]}}"#,
        &["spec.drivers: Invalid value: {\"Name\":\"d\",\"NodeID\":\"m\",\"TopologyKeys\":[\"z\"],\"Allocatable\":null}: field is immutable"],
    );
}

#[test]
fn volume_attachments() {
    let kind = kind(
        "volumeattachments",
        r#"{"metadata":{"name":"a"},"spec":{"attacher":"d.example.com","nodeName":"n","source":{"persistentVolumeName":"p"}}}"#,
    );
    kind.takes_the_least();
    kind.create(
        r#"{"spec":{"source":{"persistentVolumeName":null,"inlineVolumeSpec":{"accessModes":["ReadWriteOnce"],"csi":{"driver":"d","volumeHandle":"h"},"capacity":{"storage":"1"},"volumeMode":"Block","claimRef":{},"storageClassName":"s","persistentVolumeReclaimPolicy":"Delete","nodeAffinity":{}}}}}"#,
        &[
            "spec.source.inlineVolumeSpec.claimRef: Forbidden: may not be specified in the context of inline volumes",
            "spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes",
            "spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes",
            "spec.source.inlineVolumeSpec.nodeAffinity: Forbidden: may not be specified in the context of inline volumes",
            "spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes",
            "spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes",
        ],
    );
    let long =
        format!(r#"{{"status":{{"attachError":{{"message":"{}","errorCode":-1}}}}}}"#, "x".repeat(1025));
    kind.update(
        "status",
        "{}",
        &long,
        &[
            "status.attachError.message: Too long: may not be more than 262144 bytes",
            "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        ],
    );
    kind.update(
        "",
        "{}",
        r#"{"spec":{"nodeName":"m"}}"#,
        &["spec: Invalid value: {\"Attacher\":\"d.example.com\",\"Source\":{\"PersistentVolumeName\":\"p\",\"InlineVolumeSpec\":null},\"NodeName\":\"m\"}: field is immutable"],
    );
}

#[test]
fn capacities_and_attributes_classes() {
    let capacity = kind(
        "csistoragecapacities",
        r#"{"metadata":{"name":"a","namespace":"n"},"storageClassName":"s","nodeTopology":{"matchLabels":{"a":"b"}}}"#,
    );
    capacity.takes_the_least();
    capacity.update(
        "",
        "{}",
        r#"{"storageClassName":"t","nodeTopology":{"matchLabels":{"a":"c"}},"capacity":"-1"}"#,
        &[
            "capacity: Invalid value: \"-1\": must be greater than or equal to 0",
            "nodeTopology: Invalid value: {\"matchLabels\":{\"a\":\"c\"}}: field is immutable",
            "storageClassName: Invalid value: \"t\": field is immutable",
        ],
    );
    capacity.warn(
        r#"{"nodeTopology":{"matchLabels":{"beta.kubernetes.io/arch":"x"}}}"#,
        &["nodeTopology.matchLabels.beta.kubernetes.io/arch: deprecated since v1.14; use \"kubernetes.io/arch\" instead"],
    );
    let class = kind(
        "volumeattributesclasses",
        r#"{"metadata":{"name":"a"},"driverName":"d.example.com","parameters":{"a":"b"}}"#,
    );
    class.takes_the_least();
    class.create(
        r#"{"parameters":null}"#,
        &["parameters: Required value: must contain at least one key/value pair"],
    );
    class.update(
        "",
        "{}",
        r#"{"driverName":"e","parameters":{"a":"c"}}"#,
        &[
            "driverName: Forbidden: updates to driverName are forbidden.",
            "parameters: Forbidden: updates to parameters are forbidden.",
        ],
    );
}
