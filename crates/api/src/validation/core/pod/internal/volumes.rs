//! Volumes, as [`super`] has them.

use crate::validation::shared::render::Shape::{self, Flag, Int, Json, List, Pointer, Struct, Text};
use crate::validation::shared::selector::SELECTOR;

const HOST_PATH_VOLUME_SOURCE: Shape = Struct(&[("path", "Path", Text), ("type", "Type", Json)]);

const EMPTY_DIR_VOLUME_SOURCE: Shape =
    Struct(&[("medium", "Medium", Text), ("sizeLimit", "SizeLimit", Json)]);

const GCE_PERSISTENT_DISK_VOLUME_SOURCE: Shape = Struct(&[
    ("pdName", "PDName", Text),
    ("fsType", "FSType", Text),
    ("partition", "Partition", Int),
    ("readOnly", "ReadOnly", Flag),
]);

const AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE: Shape = Struct(&[
    ("volumeID", "VolumeID", Text),
    ("fsType", "FSType", Text),
    ("partition", "Partition", Int),
    ("readOnly", "ReadOnly", Flag),
]);

const GIT_REPO_VOLUME_SOURCE: Shape = Struct(&[
    ("repository", "Repository", Text),
    ("revision", "Revision", Text),
    ("directory", "Directory", Text),
]);

const KEY_TO_PATH: Shape = Struct(&[("key", "Key", Text), ("path", "Path", Text), ("mode", "Mode", Json)]);

const SECRET_VOLUME_SOURCE: Shape = Struct(&[
    ("secretName", "SecretName", Text),
    ("items", "Items", List(&KEY_TO_PATH)),
    ("defaultMode", "DefaultMode", Json),
    ("optional", "Optional", Json),
]);

const NFS_VOLUME_SOURCE: Shape =
    Struct(&[("server", "Server", Text), ("path", "Path", Text), ("readOnly", "ReadOnly", Flag)]);

pub(in crate::validation::core::pod) const LOCAL_OBJECT_REFERENCE: Shape = Struct(&[("name", "Name", Text)]);

const ISCSI_VOLUME_SOURCE: Shape = Struct(&[
    ("targetPortal", "TargetPortal", Text),
    ("iqn", "IQN", Text),
    ("lun", "Lun", Int),
    ("iscsiInterface", "ISCSIInterface", Text),
    ("fsType", "FSType", Text),
    ("readOnly", "ReadOnly", Flag),
    ("portals", "Portals", Json),
    ("chapAuthDiscovery", "DiscoveryCHAPAuth", Flag),
    ("chapAuthSession", "SessionCHAPAuth", Flag),
    ("secretRef", "SecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
    ("initiatorName", "InitiatorName", Json),
]);

const GLUSTERFS_VOLUME_SOURCE: Shape =
    Struct(&[("endpoints", "EndpointsName", Text), ("path", "Path", Text), ("readOnly", "ReadOnly", Flag)]);

const PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE: Shape =
    Struct(&[("claimName", "ClaimName", Text), ("readOnly", "ReadOnly", Flag)]);

const RBD_VOLUME_SOURCE: Shape = Struct(&[
    ("monitors", "CephMonitors", Json),
    ("image", "RBDImage", Text),
    ("fsType", "FSType", Text),
    ("pool", "RBDPool", Text),
    ("user", "RadosUser", Text),
    ("keyring", "Keyring", Text),
    ("secretRef", "SecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
    ("readOnly", "ReadOnly", Flag),
]);

const QUOBYTE_VOLUME_SOURCE: Shape = Struct(&[
    ("registry", "Registry", Text),
    ("volume", "Volume", Text),
    ("readOnly", "ReadOnly", Flag),
    ("user", "User", Text),
    ("group", "Group", Text),
    ("tenant", "Tenant", Text),
]);

const FLEX_VOLUME_SOURCE: Shape = Struct(&[
    ("driver", "Driver", Text),
    ("fsType", "FSType", Text),
    ("secretRef", "SecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
    ("readOnly", "ReadOnly", Flag),
    ("options", "Options", Json),
]);

const CINDER_VOLUME_SOURCE: Shape = Struct(&[
    ("volumeID", "VolumeID", Text),
    ("fsType", "FSType", Text),
    ("readOnly", "ReadOnly", Flag),
    ("secretRef", "SecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
]);

const CEPH_FS_VOLUME_SOURCE: Shape = Struct(&[
    ("monitors", "Monitors", Json),
    ("path", "Path", Text),
    ("user", "User", Text),
    ("secretFile", "SecretFile", Text),
    ("secretRef", "SecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
    ("readOnly", "ReadOnly", Flag),
]);

const FLOCKER_VOLUME_SOURCE: Shape =
    Struct(&[("datasetName", "DatasetName", Text), ("datasetUUID", "DatasetUUID", Text)]);

pub(in crate::validation::core::pod) const OBJECT_FIELD_SELECTOR: Shape =
    Struct(&[("apiVersion", "APIVersion", Text), ("fieldPath", "FieldPath", Text)]);

pub(in crate::validation::core::pod) const RESOURCE_FIELD_SELECTOR: Shape = Struct(&[
    ("containerName", "ContainerName", Text),
    ("resource", "Resource", Text),
    ("divisor", "Divisor", Json),
]);

const DOWNWARD_API_VOLUME_FILE: Shape = Struct(&[
    ("path", "Path", Text),
    ("fieldRef", "FieldRef", Pointer(&OBJECT_FIELD_SELECTOR)),
    ("resourceFieldRef", "ResourceFieldRef", Pointer(&RESOURCE_FIELD_SELECTOR)),
    ("mode", "Mode", Json),
]);

const DOWNWARD_API_VOLUME_SOURCE: Shape =
    Struct(&[("items", "Items", List(&DOWNWARD_API_VOLUME_FILE)), ("defaultMode", "DefaultMode", Json)]);

const FC_VOLUME_SOURCE: Shape = Struct(&[
    ("targetWWNs", "TargetWWNs", Json),
    ("lun", "Lun", Json),
    ("fsType", "FSType", Text),
    ("readOnly", "ReadOnly", Flag),
    ("wwids", "WWIDs", Json),
]);

const AZURE_FILE_VOLUME_SOURCE: Shape = Struct(&[
    ("secretName", "SecretName", Text),
    ("shareName", "ShareName", Text),
    ("readOnly", "ReadOnly", Flag),
]);

const CONFIG_MAP_VOLUME_SOURCE: Shape = Struct(&[
    ("name", "Name", Text),
    ("items", "Items", List(&KEY_TO_PATH)),
    ("defaultMode", "DefaultMode", Json),
    ("optional", "Optional", Json),
]);

const VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE: Shape = Struct(&[
    ("volumePath", "VolumePath", Text),
    ("fsType", "FSType", Text),
    ("storagePolicyName", "StoragePolicyName", Text),
    ("storagePolicyID", "StoragePolicyID", Text),
]);

const AZURE_DISK_VOLUME_SOURCE: Shape = Struct(&[
    ("diskName", "DiskName", Text),
    ("diskURI", "DataDiskURI", Text),
    ("cachingMode", "CachingMode", Json),
    ("fsType", "FSType", Json),
    ("readOnly", "ReadOnly", Json),
    ("kind", "Kind", Json),
]);

const PHOTON_PERSISTENT_DISK_VOLUME_SOURCE: Shape =
    Struct(&[("pdID", "PdID", Text), ("fsType", "FSType", Text)]);

const SECRET_PROJECTION: Shape =
    Struct(&[("name", "Name", Text), ("items", "Items", List(&KEY_TO_PATH)), ("optional", "Optional", Json)]);

const DOWNWARD_API_PROJECTION: Shape = Struct(&[("items", "Items", List(&DOWNWARD_API_VOLUME_FILE))]);

const CONFIG_MAP_PROJECTION: Shape =
    Struct(&[("name", "Name", Text), ("items", "Items", List(&KEY_TO_PATH)), ("optional", "Optional", Json)]);

const SERVICE_ACCOUNT_TOKEN_PROJECTION: Shape = Struct(&[
    ("audience", "Audience", Text),
    ("expirationSeconds", "ExpirationSeconds", Int),
    ("path", "Path", Text),
]);

pub(in crate::validation::core::pod) const CLUSTER_TRUST_BUNDLE_PROJECTION: Shape = Struct(&[
    ("name", "Name", Json),
    ("signerName", "SignerName", Json),
    ("labelSelector", "LabelSelector", Pointer(&SELECTOR)),
    ("optional", "Optional", Json),
    ("path", "Path", Text),
]);

const POD_CERTIFICATE_PROJECTION: Shape = Struct(&[
    ("signerName", "SignerName", Text),
    ("keyType", "KeyType", Text),
    ("maxExpirationSeconds", "MaxExpirationSeconds", Json),
    ("credentialBundlePath", "CredentialBundlePath", Text),
    ("keyPath", "KeyPath", Text),
    ("certificateChainPath", "CertificateChainPath", Text),
    ("userAnnotations", "UserAnnotations", Json),
]);

const VOLUME_PROJECTION: Shape = Struct(&[
    ("secret", "Secret", Pointer(&SECRET_PROJECTION)),
    ("downwardAPI", "DownwardAPI", Pointer(&DOWNWARD_API_PROJECTION)),
    ("configMap", "ConfigMap", Pointer(&CONFIG_MAP_PROJECTION)),
    ("serviceAccountToken", "ServiceAccountToken", Pointer(&SERVICE_ACCOUNT_TOKEN_PROJECTION)),
    ("clusterTrustBundle", "ClusterTrustBundle", Pointer(&CLUSTER_TRUST_BUNDLE_PROJECTION)),
    ("podCertificate", "PodCertificate", Pointer(&POD_CERTIFICATE_PROJECTION)),
]);

const PROJECTED_VOLUME_SOURCE: Shape =
    Struct(&[("sources", "Sources", List(&VOLUME_PROJECTION)), ("defaultMode", "DefaultMode", Json)]);

const PORTWORX_VOLUME_SOURCE: Shape =
    Struct(&[("volumeID", "VolumeID", Text), ("fsType", "FSType", Text), ("readOnly", "ReadOnly", Flag)]);

const SCALE_IO_VOLUME_SOURCE: Shape = Struct(&[
    ("gateway", "Gateway", Text),
    ("system", "System", Text),
    ("secretRef", "SecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
    ("sslEnabled", "SSLEnabled", Flag),
    ("protectionDomain", "ProtectionDomain", Text),
    ("storagePool", "StoragePool", Text),
    ("storageMode", "StorageMode", Text),
    ("volumeName", "VolumeName", Text),
    ("fsType", "FSType", Text),
    ("readOnly", "ReadOnly", Flag),
]);

const STORAGE_OS_VOLUME_SOURCE: Shape = Struct(&[
    ("volumeName", "VolumeName", Text),
    ("volumeNamespace", "VolumeNamespace", Text),
    ("fsType", "FSType", Text),
    ("readOnly", "ReadOnly", Flag),
    ("secretRef", "SecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
]);

const CSI_VOLUME_SOURCE: Shape = Struct(&[
    ("driver", "Driver", Text),
    ("readOnly", "ReadOnly", Json),
    ("fsType", "FSType", Json),
    ("volumeAttributes", "VolumeAttributes", Json),
    ("nodePublishSecretRef", "NodePublishSecretRef", Pointer(&LOCAL_OBJECT_REFERENCE)),
]);

const VOLUME_RESOURCE_REQUIREMENTS: Shape =
    Struct(&[("limits", "Limits", Json), ("requests", "Requests", Json)]);

const TYPED_LOCAL_OBJECT_REFERENCE: Shape =
    Struct(&[("apiGroup", "APIGroup", Json), ("kind", "Kind", Text), ("name", "Name", Text)]);

const TYPED_OBJECT_REFERENCE: Shape = Struct(&[
    ("apiGroup", "APIGroup", Json),
    ("kind", "Kind", Text),
    ("name", "Name", Text),
    ("namespace", "Namespace", Json),
]);

const PERSISTENT_VOLUME_CLAIM_SPEC: Shape = Struct(&[
    ("accessModes", "AccessModes", Json),
    ("selector", "Selector", Pointer(&SELECTOR)),
    ("resources", "Resources", VOLUME_RESOURCE_REQUIREMENTS),
    ("volumeName", "VolumeName", Text),
    ("storageClassName", "StorageClassName", Json),
    ("volumeMode", "VolumeMode", Json),
    ("dataSource", "DataSource", Pointer(&TYPED_LOCAL_OBJECT_REFERENCE)),
    ("dataSourceRef", "DataSourceRef", Pointer(&TYPED_OBJECT_REFERENCE)),
    ("volumeAttributesClassName", "VolumeAttributesClassName", Json),
]);

const PERSISTENT_VOLUME_CLAIM_TEMPLATE: Shape = Struct(&[("spec", "Spec", PERSISTENT_VOLUME_CLAIM_SPEC)]);

const EPHEMERAL_VOLUME_SOURCE: Shape =
    Struct(&[("volumeClaimTemplate", "VolumeClaimTemplate", Pointer(&PERSISTENT_VOLUME_CLAIM_TEMPLATE))]);

const IMAGE_VOLUME_SOURCE: Shape =
    Struct(&[("reference", "Reference", Text), ("pullPolicy", "PullPolicy", Text)]);

pub(in crate::validation::core::pod) const VOLUME: Shape = Struct(&[
    ("name", "Name", Text),
    ("hostPath", "HostPath", Pointer(&HOST_PATH_VOLUME_SOURCE)),
    ("emptyDir", "EmptyDir", Pointer(&EMPTY_DIR_VOLUME_SOURCE)),
    ("gcePersistentDisk", "GCEPersistentDisk", Pointer(&GCE_PERSISTENT_DISK_VOLUME_SOURCE)),
    ("awsElasticBlockStore", "AWSElasticBlockStore", Pointer(&AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE)),
    ("gitRepo", "GitRepo", Pointer(&GIT_REPO_VOLUME_SOURCE)),
    ("secret", "Secret", Pointer(&SECRET_VOLUME_SOURCE)),
    ("nfs", "NFS", Pointer(&NFS_VOLUME_SOURCE)),
    ("iscsi", "ISCSI", Pointer(&ISCSI_VOLUME_SOURCE)),
    ("glusterfs", "Glusterfs", Pointer(&GLUSTERFS_VOLUME_SOURCE)),
    ("persistentVolumeClaim", "PersistentVolumeClaim", Pointer(&PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE)),
    ("rbd", "RBD", Pointer(&RBD_VOLUME_SOURCE)),
    ("quobyte", "Quobyte", Pointer(&QUOBYTE_VOLUME_SOURCE)),
    ("flexVolume", "FlexVolume", Pointer(&FLEX_VOLUME_SOURCE)),
    ("cinder", "Cinder", Pointer(&CINDER_VOLUME_SOURCE)),
    ("cephfs", "CephFS", Pointer(&CEPH_FS_VOLUME_SOURCE)),
    ("flocker", "Flocker", Pointer(&FLOCKER_VOLUME_SOURCE)),
    ("downwardAPI", "DownwardAPI", Pointer(&DOWNWARD_API_VOLUME_SOURCE)),
    ("fc", "FC", Pointer(&FC_VOLUME_SOURCE)),
    ("azureFile", "AzureFile", Pointer(&AZURE_FILE_VOLUME_SOURCE)),
    ("configMap", "ConfigMap", Pointer(&CONFIG_MAP_VOLUME_SOURCE)),
    ("vsphereVolume", "VsphereVolume", Pointer(&VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE)),
    ("azureDisk", "AzureDisk", Pointer(&AZURE_DISK_VOLUME_SOURCE)),
    ("photonPersistentDisk", "PhotonPersistentDisk", Pointer(&PHOTON_PERSISTENT_DISK_VOLUME_SOURCE)),
    ("projected", "Projected", Pointer(&PROJECTED_VOLUME_SOURCE)),
    ("portworxVolume", "PortworxVolume", Pointer(&PORTWORX_VOLUME_SOURCE)),
    ("scaleIO", "ScaleIO", Pointer(&SCALE_IO_VOLUME_SOURCE)),
    ("storageos", "StorageOS", Pointer(&STORAGE_OS_VOLUME_SOURCE)),
    ("csi", "CSI", Pointer(&CSI_VOLUME_SOURCE)),
    ("ephemeral", "Ephemeral", Pointer(&EPHEMERAL_VOLUME_SOURCE)),
    ("image", "Image", Pointer(&IMAGE_VOLUME_SOURCE)),
]);
