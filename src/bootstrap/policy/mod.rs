//! The policy that a cluster starts with: roles and their bindings, flow schemas and priority levels, and the
//! APIServices of what the server itself serves.
//!
//! The objects stand in tables beside this file. What is absent is created; what is there is brought up to
//! date by each kind's own rules, which leave alone what an administrator changed. Several servers may do
//! this at once: every change is made on the object as it is.
//!
//! Source: "Default roles and role bindings" and "API Priority and Fairness" in the Kubernetes documentation.

mod api_services;
mod flow_control;
mod rbac;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

use super::{BootstrapError, Milestones, store};
use crate::registry::{
    Change, DeleteOptions, ListOptions, NoAdmission, Registry, ServerChange, ServerWriter, Store, note_server,
};

pub(super) use flow_control::maintain as maintain_flow_control;
pub(super) use rbac::node_rules;

/// How many objects are written at a time.
const WRITES: usize = 8;

/// Creates and brings up to date all of it.
pub(super) async fn ensure(registry: &Registry, milestones: &Milestones) -> Result<(), BootstrapError> {
    futures::future::try_join3(
        milestones.roles.after(Box::pin(rbac::ensure(registry))),
        milestones.flow_control.after(Box::pin(flow_control::ensure(registry))),
        milestones.api_services.after(Box::pin(api_services::ensure(registry))),
    )
    .await
    .map(|_| ())
}

/// What becomes of an object that is there: `None` leaves it as it is.
type Revise = fn(current: &Object, wanted: &Object) -> Option<Revision>;

/// How an object is brought up to date.
enum Revision {
    /// It is changed to this.
    Update(Object),
    /// What it is can't be changed: it is deleted, and made anew.
    Recreate,
}

/// The objects of one resource as they should be.
struct Wanted<'a> {
    store: &'a Store,
    objects: Vec<Object>,
}

/// The objects of one resource that are there, by namespace and name.
type Present = HashMap<(String, String), Object>;

impl<'a> Wanted<'a> {
    /// Reads a table: a JSON array, whose objects get these annotations and labels.
    fn read(
        registry: &'a Registry,
        (group, plural): (&'static str, &'static str),
        table: &str,
        annotation: Option<(&'static str, &str)>,
        label: Option<(&'static str, &str)>,
    ) -> Result<Self, BootstrapError> {
        let what = || plural.to_owned();
        let failed = |status| BootstrapError { what: what(), status };
        let wrong = |error: &dyn std::fmt::Display| failed(Status::internal(format!("a table: {error}")));
        let store = store(registry, group, plural).map_err(failed)?;
        let resource = store.resource();
        let Value::Array(list) = json::decode_untyped(table.as_bytes()).map_err(|e| wrong(&e))?.value else {
            return Err(wrong(&"no list"));
        };
        let mut objects = Vec::with_capacity(list.len());
        for value in list {
            let canonical = json::canonicalize(keelson_api::schema(), resource.type_id, value);
            let mut object =
                Object::try_from(canonical.map_err(|e| wrong(&e))?.value).map_err(|_| wrong(&"no object"))?;
            let separator = if resource.group.is_empty() { "" } else { "/" };
            object.set_type(&format!("{}{separator}{}", resource.group, resource.version), &resource.kind);
            if let Some((key, value)) = annotation {
                object.set_annotation(key, Some(value));
            }
            if let Some((key, value)) = label {
                let mut labels = object.labels().cloned().unwrap_or_default();
                labels.insert(key, value);
                object.set_labels(labels);
            }
            objects.push(object);
        }
        Ok(Wanted { store, objects })
    }

    /// What there is of the resource.
    async fn present(&self) -> Result<Present, BootstrapError> {
        let failed = |status| BootstrapError { what: self.store.resource().plural.to_string(), status };
        let listing = self.store.list(None, &ListOptions::default()).await.map_err(failed)?;
        let mut present = Present::with_capacity(listing.items.len());
        for item in listing.items {
            let object = item.decode(self.store.resource().type_id).map_err(failed)?;
            present.insert(key(&object), object);
        }
        Ok(present)
    }

    /// Creates what is absent and revises what is there.
    async fn ensure(&self, revise: Revise) -> Result<Present, BootstrapError> {
        let present = self.present().await?;
        self.ensure_over(&present, revise).await?;
        Ok(present)
    }

    /// The same, where it is known what is there.
    async fn ensure_over(&self, present: &Present, revise: Revise) -> Result<(), BootstrapError> {
        let all =
            self.objects.iter().map(|wanted| self.ensure_one(wanted, present.get(&key(wanted)), revise));
        let all: Vec<_> = all.collect();
        stream::iter(all).buffer_unordered(WRITES).try_collect::<()>().await
    }

    /// Creates an object that is not among the wanted ones yet, and notes that it is there.
    async fn prime(&self, object: Object, present: &mut Present) -> Result<(), BootstrapError> {
        let what = || format!("{}/{}", self.store.resource().plural, object.name());
        self.create(&object).await.map_err(|status| BootstrapError { what: what(), status })?;
        present.insert(key(&object), object);
        Ok(())
    }

    async fn ensure_one(
        &self,
        wanted: &Object,
        current: Option<&Object>,
        revise: Revise,
    ) -> Result<(), BootstrapError> {
        let done = match current.map(|current| (current, revise(current, wanted))) {
            None => self.create(wanted).await,
            Some((_, None)) => Ok(()),
            Some((_, Some(Revision::Update(_)))) => self.update(wanted, revise).await,
            Some((current, Some(Revision::Recreate))) => match self.delete(current).await {
                Ok(()) => self.create(wanted).await,
                failed => failed,
            },
        };
        let what = || format!("{}/{}", self.store.resource().plural, wanted.name());
        done.map_err(|status| BootstrapError { what: what(), status })
    }

    async fn create(&self, wanted: &Object) -> Result<(), Status> {
        let server = ServerWriter::new();
        let context = server.context(namespace(wanted));
        let mut object = wanted.clone();
        note_server(self.store.resource(), "", None, &mut object);
        match self.store.create(&context, object, &NoAdmission).await {
            Err(status) if status.reason() != "AlreadyExists" => Err(status),
            _ => Ok(()),
        }
    }

    async fn update(&self, wanted: &Object, revise: Revise) -> Result<(), Status> {
        let server = ServerWriter::new();
        let context = server.context(namespace(wanted));
        let mut change = Revised { wanted, revise };
        let mut change =
            ServerChange { change: &mut change, resource: self.store.resource(), subresource: "" };
        match self.store.update(&context, wanted.name(), &mut change, &NoAdmission).await {
            // Somebody deleted it meanwhile: the next start creates it.
            Err(status) if status.code() != 404 => Err(status),
            _ => Ok(()),
        }
    }

    /// Deletes an object as it was seen.
    async fn delete(&self, object: &Object) -> Result<(), Status> {
        let server = ServerWriter::new();
        let context = server.context(namespace(object));
        let options = DeleteOptions {
            precondition_resource_version: Some(object.resource_version().to_owned()),
            ..DeleteOptions::default()
        };
        match self.store.delete(&context, object.name(), &options, &NoAdmission).await {
            Err(status) if !matches!(status.code(), 404 | 409) => Err(status),
            _ => Ok(()),
        }
    }
}

fn key(object: &Object) -> (String, String) {
    (object.namespace().to_owned(), object.name().to_owned())
}

fn namespace(object: &Object) -> Option<&str> {
    Some(object.namespace()).filter(|namespace| !namespace.is_empty())
}

struct Revised<'a> {
    wanted: &'a Object,
    revise: Revise,
}

impl Change for Revised<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let current = current.ok_or_else(|| Status::not_found("", "", self.wanted.name()))?;
        Ok(match (self.revise)(current, self.wanted) {
            Some(Revision::Update(object)) => object,
            _ => current.clone(),
        })
    }
}

/// Adds to `current` the entries of `wanted` whose keys it lacks; whether there were some.
fn add_missing(current: &mut Map, wanted: Option<&Map>) -> bool {
    let mut added = false;
    for (key, value) in wanted.into_iter().flat_map(Map::iter) {
        if !current.contains_key(key) {
            current.insert(key, value.clone());
            added = true;
        }
    }
    added
}
