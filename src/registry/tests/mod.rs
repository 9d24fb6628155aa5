//! The registry over the embedded store.

mod cached;
mod create;
mod defaults;
mod delete;
mod every_kind;
mod kinds;
mod list;
mod stored_bytes;
mod update;
mod watch;
mod well_formed;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_storage::Storage;
use keelson_storage::embedded::{Embedded, Options};

use super::options::{
    Admit, Change, DeleteOptions, Deleted, ListOptions, NoAdmission, Warnings, WriteContext,
};
use super::{Registry, RegistryConfig, ServiceNetwork, Store, Stored};
use crate::request::UserInfo;

/// A registry over a store of its own, with the namespace `ns`.
pub(super) struct Cluster {
    pub(super) registry: Registry,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) warnings: Warnings,
    user: UserInfo,
    embedded: Arc<Embedded>,
    _directory: tempfile::TempDir,
}

impl Cluster {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut RegistryConfig)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let embedded =
            Embedded::open(Options::new(directory.path().join("data"))).await.expect("a new store");
        let storage: Arc<dyn Storage> = embedded.clone();
        let mut config = RegistryConfig::default();
        change(&mut config);
        let user = UserInfo {
            name: "alice".into(),
            groups: vec!["devs".into(), "system:authenticated".into()],
            ..UserInfo::default()
        };
        let cluster = Cluster {
            registry: Registry::new(Arc::clone(&storage), config),
            storage,
            warnings: Warnings::default(),
            user,
            embedded,
            _directory: directory,
        };
        cluster.create("namespaces", "", r#"{"metadata":{"name":"ns"}}"#).await.expect("a namespace");
        let cidrs = cluster.registry.config().services.cidrs.iter();
        let cidrs: Vec<String> = cidrs.map(|cidr| format!("\"{cidr}\"")).collect();
        cluster.add_service_range("kubernetes", &cidrs.join(",")).await;
        cluster
    }

    /// A ServiceCIDR that is ready.
    pub(super) async fn add_service_range(&self, name: &str, cidrs: &str) {
        let resource = "networking.k8s.io/servicecidrs";
        let text = format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"cidrs":[{cidrs}]}}}}"#);
        self.create(resource, "", &text).await.expect("a service range");
        let ready = r#"{"conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"","message":""}]}"#;
        let context = WriteContext { subresource: "status", ..self.context("") };
        self.patch(resource, context, name, |o| set(o, &["status"], ready)).await.expect("its status");
    }

    /// Ends the store's work.
    pub(super) async fn close(self) {
        self.registry.close().await;
        self.embedded.close().await.expect("a store that ends");
    }

    /// The store of `plural`, or of `group/plural`.
    pub(super) fn store(&self, resource: &str) -> &Arc<Store> {
        let (group, plural) = resource.split_once('/').unwrap_or(("", resource));
        self.registry.store(group, plural).unwrap_or_else(|| panic!("no store of {resource}"))
    }

    pub(super) fn context<'a>(&'a self, namespace: &'a str) -> WriteContext<'a> {
        WriteContext {
            namespace: Some(namespace).filter(|n| !n.is_empty()),
            user: &self.user,
            subresource: "",
            dry_run: false,
            field_manager: "test",
            create_missing: false,
            warnings: &self.warnings,
        }
    }

    /// An object of a resource, canonical, with its defaults and whatever else it can't be without.
    pub(super) fn object(&self, resource: &str, text: &str) -> Object {
        let stored = self.store(resource).resource();
        let sent =
            json::decode_untyped(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")).value;
        let whole = well_formed::well_formed(resource, sent);
        let decoded = json::canonicalize(keelson_api::schema(), stored.type_id, whole);
        let value = decoded.unwrap_or_else(|error| panic!("{text}: {error}")).value;
        let mut object = Object::try_from(value).expect("a JSON object");
        keelson_api::defaults::apply(stored.type_id, &mut object);
        let separator = if stored.group.is_empty() { "" } else { "/" };
        object.set_type(&format!("{}{separator}{}", stored.group, stored.version), &stored.kind);
        object
    }

    pub(super) async fn create(&self, resource: &str, namespace: &str, text: &str) -> Result<Object, Status> {
        let object = self.object(resource, text);
        let store = self.store(resource);
        let stored = store.create(&self.context(namespace), object, &NoAdmission).await?;
        stored.decode(store.resource().type_id)
    }

    pub(super) async fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Object, Status> {
        let store = self.store(resource);
        let stored = store.get(Some(namespace).filter(|n| !n.is_empty()), name).await?;
        stored.decode(store.resource().type_id)
    }

    /// Replaces an object.
    pub(super) async fn put(
        &self,
        resource: &str,
        context: WriteContext<'_>,
        text: &str,
    ) -> Result<(Object, bool), Status> {
        let object = self.object(resource, text);
        let name = object.name().to_owned();
        let mut change = Put { uid: Some(object.uid().to_owned()).filter(|u| !u.is_empty()), object };
        let store = self.store(resource);
        let (stored, created) = store.update(&context, &name, &mut change, &NoAdmission).await?;
        Ok((stored.decode(store.resource().type_id)?, created))
    }

    /// Changes an object in place, as a patch does: what comes out is read again, with its defaults.
    pub(super) async fn patch(
        &self,
        resource: &str,
        context: WriteContext<'_>,
        name: &str,
        mut patch: impl FnMut(&mut Object) + Send,
    ) -> Result<Object, Status> {
        let store = self.store(resource);
        let ty = store.resource().type_id;
        let mut change = Patch(|object: &mut Object| {
            patch(object);
            keelson_api::defaults::apply(ty, object);
        });
        let (stored, _) = store.update(&context, name, &mut change, &NoAdmission).await?;
        stored.decode(store.resource().type_id)
    }

    pub(super) async fn delete(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        self.store(resource).delete(&self.context(namespace), name, options, &NoAdmission).await
    }

    /// The names that a list shows.
    pub(super) async fn names(
        &self,
        resource: &str,
        namespace: &str,
        options: &ListOptions,
    ) -> Result<Vec<String>, Status> {
        let store = self.store(resource);
        let listing = store.list(Some(namespace).filter(|n| !n.is_empty()), options).await?;
        listing.items.iter().map(|item| Ok(store.name_of(item)?.1)).collect()
    }

    pub(super) fn tree(&self, resource: &str, stored: &Stored) -> Object {
        stored.decode(self.store(resource).resource().type_id).expect("an object that was stored")
    }
}

struct Put {
    uid: Option<String>,
    object: Object,
}

impl Change for Put {
    fn apply(&mut self, _: Option<&Object>) -> Result<Object, Status> {
        Ok(self.object.clone())
    }

    fn precondition_uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }
}

struct Patch<F>(F);

impl<F: FnMut(&mut Object) + Send> Change for Patch<F> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let mut object = current.cloned().unwrap_or_default();
        (self.0)(&mut object);
        Ok(object)
    }
}

/// Sets a member at a path of the object, or with `null` removes it.
pub(super) fn set(object: &mut Object, path: &[&'static str], text: &str) {
    let value = json::decode_untyped(text.as_bytes()).expect("the test's JSON").value;
    let (last, parents) = path.split_last().expect("a path");
    let map = parents.iter().fold(object.members_mut(), |map, key| super::strategy::member(map, key));
    match value {
        Value::Null => map.remove(last),
        value => map.insert(*last, value),
    };
}

/// What a status says, in short.
pub(super) fn said(status: &Status) -> (u16, &'static str, &str) {
    (status.code(), status.reason(), status.message())
}

/// Waits until `done` is true; fails after ten seconds.
pub(super) async fn eventually<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    for _ in 0..1000 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen");
}

/// Refuses everything but its own writes.
pub(super) struct Refuse;

#[async_trait]
impl Admit for Refuse {
    async fn mutate(&self, _: super::Operation, _: &mut Object, _: Option<&Object>) -> Result<(), Status> {
        Ok(())
    }

    async fn validate(
        &self,
        operation: super::Operation,
        _: Option<&Object>,
        _: Option<&Object>,
    ) -> Result<(), Status> {
        Err(Status::forbidden("", "", "", format!("{operation:?}")))
    }
}
