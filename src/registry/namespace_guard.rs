//! What namespaces allow: no writes into namespaces that don't exist or terminate, and no end of those that
//! Kubernetes itself lives in.
//!
//! Admission (its plugin NamespaceLifecycle) can take this over: then the registry is built without a guard.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::codec::{envelope, scan};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::status::{Cause, Details};
use keelson_storage::Storage;

use super::Stored;
use super::errors::About;
use super::stored::unreadable;

/// Asked before objects are created and namespaces deleted.
#[async_trait]
pub trait NamespaceGuard: Send + Sync {
    /// Whether this object may be created in its namespace.
    ///
    /// # Errors
    /// 404 where the namespace doesn't exist, 403 where it terminates.
    async fn admit_create(&self, group: &str, plural: &str, object: &Object) -> Result<(), Status>;

    /// Whether this object may be deleted.
    ///
    /// # Errors
    /// 403 for the namespaces that may not.
    fn admit_delete(&self, group: &str, plural: &str, name: &str) -> Result<(), Status>;
}

/// Namespaces as storage has them.
pub struct StoredNamespaces {
    storage: Arc<dyn Storage>,
}

impl StoredNamespaces {
    /// A guard that reads the namespace on every creation.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        StoredNamespaces { storage }
    }

    async fn phase(&self, namespace: &str) -> Result<String, Status> {
        let about = About { group: "", plural: "namespaces", name: namespace, verb: "get" };
        let found = self.storage.get(&format!("namespaces/{namespace}")).await;
        let Some(found) = found.map_err(|error| about.status(error))? else { return Err(about.not_found()) };
        let ty = keelson_api::facts::kind("", "v1", "Namespace")
            .ok_or_else(|| Status::internal("the schema has no Namespace"))?;
        if found.value.first() == Some(&b'{') {
            let stored = Stored { value: found.value, revision: found.revision };
            return Ok(stored.decode(ty)?.str_at(&["status", "phase"]).to_owned());
        }
        let envelope = envelope::open(&found.value).map_err(unreadable)?;
        let phase = scan::string_at(keelson_api::schema(), ty, envelope.raw, &["status", "phase"]);
        Ok(phase.map_err(unreadable)?.unwrap_or("").to_owned())
    }
}

#[async_trait]
impl NamespaceGuard for StoredNamespaces {
    async fn admit_create(&self, group: &str, plural: &str, object: &Object) -> Result<(), Status> {
        let namespace = object.namespace();
        if self.phase(namespace).await? != "Terminating" {
            return Ok(());
        }
        let name = match (object.name(), object.generate_name()) {
            ("", "") => "Unknown",
            ("", prefix) => prefix,
            (name, _) => name,
        };
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let cause = Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".into(),
        };
        Err(Status::forbidden(group, plural, name, why).with_details(Details {
            name: name.into(),
            group: group.into(),
            kind: plural.into(),
            causes: vec![cause],
            ..Details::default()
        }))
    }

    fn admit_delete(&self, group: &str, plural: &str, name: &str) -> Result<(), Status> {
        match (group, plural, name) {
            ("", "namespaces", "default" | "kube-system" | "kube-public") => {
                Err(Status::forbidden(group, plural, name, "this namespace may not be deleted"))
            }
            _ => Ok(()),
        }
    }
}
