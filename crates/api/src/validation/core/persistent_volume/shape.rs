//! How errors show volumes: their specs and sources with the names that upstream's internal types have.

use crate::validation::shared::render::Shape;
use crate::validation::shared::render::Shape::{Flag, Int, Json, Pointer, Struct, Text};

const SECRET: Shape = Pointer(&Struct(&[("name", "Name", Text), ("namespace", "Namespace", Text)]));

const REFERENCE: Shape = Pointer(&Struct(&[
    ("kind", "Kind", Text),
    ("namespace", "Namespace", Text),
    ("name", "Name", Text),
    ("uid", "UID", Text),
    ("apiVersion", "APIVersion", Text),
    ("resourceVersion", "ResourceVersion", Text),
    ("fieldPath", "FieldPath", Text),
]));

const REQUIREMENTS: Shape =
    Shape::List(&Struct(&[("key", "Key", Text), ("operator", "Operator", Text), ("values", "Values", Json)]));

/// `VolumeNodeAffinity`.
pub(super) const NODE_AFFINITY: Shape = Pointer(&Struct(&[(
    "required",
    "Required",
    Pointer(&Struct(&[(
        "nodeSelectorTerms",
        "NodeSelectorTerms",
        Shape::List(&Struct(&[
            ("matchExpressions", "MatchExpressions", REQUIREMENTS),
            ("matchFields", "MatchFields", REQUIREMENTS),
        ])),
    )])),
)]));

macro_rules! shape {
    ($($json:literal $go:literal $shape:expr),* $(,)?) => { Pointer(&Struct(&[$(($json, $go, $shape)),*])) };
}

/// A member with Go's name and its shape.
type Member = (&'static str, &'static str, Shape);

const SOURCES: [Member; 22] = [
    (
        "gcePersistentDisk",
        "GCEPersistentDisk",
        shape!["pdName" "PDName" Text, "fsType" "FSType" Text, "partition" "Partition" Int, "readOnly" "ReadOnly" Flag],
    ),
    (
        "awsElasticBlockStore",
        "AWSElasticBlockStore",
        shape!["volumeID" "VolumeID" Text, "fsType" "FSType" Text, "partition" "Partition" Int, "readOnly" "ReadOnly" Flag],
    ),
    ("hostPath", "HostPath", shape!["path" "Path" Text, "type" "Type" Json]),
    (
        "glusterfs",
        "Glusterfs",
        shape!["endpoints" "EndpointsName" Text, "path" "Path" Text, "readOnly" "ReadOnly" Flag,
               "endpointsNamespace" "EndpointsNamespace" Json],
    ),
    ("nfs", "NFS", shape!["server" "Server" Text, "path" "Path" Text, "readOnly" "ReadOnly" Flag]),
    (
        "rbd",
        "RBD",
        shape!["monitors" "CephMonitors" Json, "image" "RBDImage" Text, "fsType" "FSType" Text,
               "pool" "RBDPool" Text, "user" "RadosUser" Text, "keyring" "Keyring" Text, "secretRef" "SecretRef" SECRET,
               "readOnly" "ReadOnly" Flag],
    ),
    (
        "quobyte",
        "Quobyte",
        shape!["registry" "Registry" Text, "volume" "Volume" Text, "readOnly" "ReadOnly" Flag, "user" "User" Text,
               "group" "Group" Text, "tenant" "Tenant" Text],
    ),
    (
        "iscsi",
        "ISCSI",
        shape!["targetPortal" "TargetPortal" Text, "iqn" "IQN" Text, "lun" "Lun" Int,
               "iscsiInterface" "ISCSIInterface" Text, "fsType" "FSType" Text, "readOnly" "ReadOnly" Flag,
               "portals" "Portals" Json, "chapAuthDiscovery" "DiscoveryCHAPAuth" Flag,
               "chapAuthSession" "SessionCHAPAuth" Flag, "secretRef" "SecretRef" SECRET,
               "initiatorName" "InitiatorName" Json],
    ),
    (
        "flexVolume",
        "FlexVolume",
        shape!["driver" "Driver" Text, "fsType" "FSType" Text, "secretRef" "SecretRef" SECRET,
               "readOnly" "ReadOnly" Flag, "options" "Options" Json],
    ),
    (
        "cinder",
        "Cinder",
        shape!["volumeID" "VolumeID" Text, "fsType" "FSType" Text, "readOnly" "ReadOnly" Flag,
               "secretRef" "SecretRef" SECRET],
    ),
    (
        "cephfs",
        "CephFS",
        shape!["monitors" "Monitors" Json, "path" "Path" Text, "user" "User" Text, "secretFile" "SecretFile" Text,
               "secretRef" "SecretRef" SECRET, "readOnly" "ReadOnly" Flag],
    ),
    (
        "fc",
        "FC",
        shape!["targetWWNs" "TargetWWNs" Json, "lun" "Lun" Json, "fsType" "FSType" Text, "readOnly" "ReadOnly" Flag,
               "wwids" "WWIDs" Json],
    ),
    ("flocker", "Flocker", shape!["datasetName" "DatasetName" Text, "datasetUUID" "DatasetUUID" Text]),
    (
        "azureFile",
        "AzureFile",
        shape!["secretName" "SecretName" Text, "shareName" "ShareName" Text, "readOnly" "ReadOnly" Flag,
               "secretNamespace" "SecretNamespace" Json],
    ),
    (
        "vsphereVolume",
        "VsphereVolume",
        shape!["volumePath" "VolumePath" Text, "fsType" "FSType" Text, "storagePolicyName" "StoragePolicyName" Text,
               "storagePolicyID" "StoragePolicyID" Text],
    ),
    (
        "azureDisk",
        "AzureDisk",
        shape!["diskName" "DiskName" Text, "diskURI" "DataDiskURI" Text, "cachingMode" "CachingMode" Json,
               "fsType" "FSType" Json, "readOnly" "ReadOnly" Json, "kind" "Kind" Json],
    ),
    ("photonPersistentDisk", "PhotonPersistentDisk", shape!["pdID" "PdID" Text, "fsType" "FSType" Text]),
    (
        "portworxVolume",
        "PortworxVolume",
        shape!["volumeID" "VolumeID" Text, "fsType" "FSType" Text, "readOnly" "ReadOnly" Flag],
    ),
    (
        "scaleIO",
        "ScaleIO",
        shape!["gateway" "Gateway" Text, "system" "System" Text, "secretRef" "SecretRef" SECRET,
               "sslEnabled" "SSLEnabled" Flag, "protectionDomain" "ProtectionDomain" Text,
               "storagePool" "StoragePool" Text, "storageMode" "StorageMode" Text, "volumeName" "VolumeName" Text,
               "fsType" "FSType" Text, "readOnly" "ReadOnly" Flag],
    ),
    ("local", "Local", shape!["path" "Path" Text, "fsType" "FSType" Json]),
    (
        "storageos",
        "StorageOS",
        shape!["volumeName" "VolumeName" Text, "volumeNamespace" "VolumeNamespace" Text, "fsType" "FSType" Text,
               "readOnly" "ReadOnly" Flag, "secretRef" "SecretRef" REFERENCE],
    ),
    (
        "csi",
        "CSI",
        shape!["driver" "Driver" Text, "volumeHandle" "VolumeHandle" Text, "readOnly" "ReadOnly" Flag,
               "fsType" "FSType" Text, "volumeAttributes" "VolumeAttributes" Json,
               "controllerPublishSecretRef" "ControllerPublishSecretRef" SECRET,
               "nodeStageSecretRef" "NodeStageSecretRef" SECRET,
               "nodePublishSecretRef" "NodePublishSecretRef" SECRET,
               "controllerExpandSecretRef" "ControllerExpandSecretRef" SECRET,
               "nodeExpandSecretRef" "NodeExpandSecretRef" SECRET],
    ),
];

/// The names of all sources.
pub(super) fn sources() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(member, ..)| *member)
}

/// The source of a volume, out of its spec.
pub(super) const SOURCE: Shape = Struct(&SOURCES);

const REST: [Member; 9] = [
    ("capacity", "Capacity", Json),
    ("accessModes", "AccessModes", Json),
    ("claimRef", "ClaimRef", REFERENCE),
    ("persistentVolumeReclaimPolicy", "PersistentVolumeReclaimPolicy", Text),
    ("storageClassName", "StorageClassName", Text),
    ("mountOptions", "MountOptions", Json),
    ("volumeMode", "VolumeMode", Json),
    ("nodeAffinity", "NodeAffinity", NODE_AFFINITY),
    ("volumeAttributesClassName", "VolumeAttributesClassName", Json),
];

/// The whole spec: the capacity, the source, and the rest.
const ALL: [Member; 31] = {
    let mut all = [REST[0]; 31];
    let mut i = 0;
    while i < SOURCES.len() {
        all[1 + i] = SOURCES[i];
        i += 1;
    }
    let mut j = 1;
    while j < REST.len() {
        all[22 + j] = REST[j];
        j += 1;
    }
    all
};

/// `PersistentVolumeSpec`.
pub(in crate::validation) const SPEC: Shape = Struct(&ALL);
