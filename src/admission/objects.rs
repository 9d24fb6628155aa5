//! How plugins read other objects.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

/// A resource that plugins read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// The group; empty for the core group.
    pub group: &'static str,
    /// The plural.
    pub plural: &'static str,
}

impl Resource {
    const fn core(plural: &'static str) -> Self {
        Resource { group: "", plural }
    }
}

/// Namespaces.
pub const NAMESPACES: Resource = Resource::core("namespaces");
/// Service accounts.
pub const SERVICE_ACCOUNTS: Resource = Resource::core("serviceaccounts");
/// Limit ranges.
pub const LIMIT_RANGES: Resource = Resource::core("limitranges");
/// Resource quotas.
pub const RESOURCE_QUOTAS: Resource = Resource::core("resourcequotas");
/// Nodes.
pub const NODES: Resource = Resource::core("nodes");
/// Pods.
pub const PODS: Resource = Resource::core("pods");
/// Volumes.
pub const PERSISTENT_VOLUMES: Resource = Resource::core("persistentvolumes");
/// Claims.
pub const PERSISTENT_VOLUME_CLAIMS: Resource = Resource::core("persistentvolumeclaims");
/// Priority classes.
pub const PRIORITY_CLASSES: Resource = Resource { group: "scheduling.k8s.io", plural: "priorityclasses" };
/// Storage classes.
pub const STORAGE_CLASSES: Resource = Resource { group: "storage.k8s.io", plural: "storageclasses" };
/// CSI drivers.
pub const CSI_DRIVERS: Resource = Resource { group: "storage.k8s.io", plural: "csidrivers" };
/// Ingress classes.
pub const INGRESS_CLASSES: Resource = Resource { group: "networking.k8s.io", plural: "ingressclasses" };
/// Runtime classes.
pub const RUNTIME_CLASSES: Resource = Resource { group: "node.k8s.io", plural: "runtimeclasses" };

/// Other objects, in their storage version.
///
/// `get` and `list` read a snapshot in memory that follows storage: what was written a moment ago may be missing
/// there. `get_now` and `list_now` ask storage. All are cancel safe.
#[async_trait]
pub trait Objects: Send + Sync {
    /// One object; an empty namespace for what is in none.
    ///
    /// # Errors
    /// Where there is no snapshot, and none can be made.
    async fn get(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status>;

    /// The objects of a namespace (all of them for an empty one), in the order of their names.
    ///
    /// # Errors
    /// As [`Objects::get`].
    async fn list(&self, resource: Resource, namespace: &str) -> Result<Vec<Arc<Object>>, Status>;

    /// One object as storage has it.
    ///
    /// # Errors
    /// Where storage can't be read.
    async fn get_now(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status>;

    /// The objects of a namespace as storage has them.
    ///
    /// # Errors
    /// Where storage can't be read.
    async fn list_now(&self, resource: Resource, namespace: &str) -> Result<Vec<Arc<Object>>, Status>;

    /// Creates an object, without admission.
    ///
    /// # Errors
    /// As a client would get them.
    async fn create(&self, resource: Resource, object: Object) -> Result<(), Status>;

    /// Replaces an object's `status`, without admission, if its resource version is still that of `object`.
    /// Returns the object as it is then.
    ///
    /// # Errors
    /// 409 where it changed meanwhile, 404 where it is gone.
    async fn update_status(&self, resource: Resource, object: &Object) -> Result<Object, Status>;
}
