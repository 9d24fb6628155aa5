//! What is served: resources in their versions, with their stores.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use keelson_api::{Resource, Subresource};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Text, TypeId};

use crate::registry::{Store, Stored};

/// A resource in one version.
pub(super) struct Served {
    /// The facts.
    pub(super) resource: &'static Resource,
    /// Where its objects are; `None` for kinds that are never stored.
    pub(super) store: Option<Arc<Store>>,
    /// `apps/v1`.
    pub(super) api_version: String,
    /// `DeploymentList`.
    pub(super) list_kind: String,
    /// What every request for it is warned of.
    pub(super) deprecation: Option<String>,
    /// Whether objects are stored in this version: then reads need no trees.
    pub(super) stored_as_served: bool,
    /// Tells it from everything else that is or was served.
    pub(super) number: u32,
    /// How many watches there are: alone, one need not share what it encodes.
    pub(super) watchers: AtomicUsize,
}

impl Served {
    /// A resource and its store, where it has one.
    pub(super) fn new(resource: &'static Resource, store: Option<Arc<Store>>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let stored_as_served = store.as_ref().is_none_or(|s| s.resource().type_id == resource.type_id);
        let api_version = api_version(&resource.group, &resource.version);
        let deprecation =
            keelson_api::facts::deprecation(resource).map(|since| format!("{api_version} {since}"));
        Served {
            resource,
            store,
            list_kind: format!("{}List", resource.kind),
            api_version,
            deprecation,
            stored_as_served,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            watchers: AtomicUsize::new(0),
        }
    }

    /// The store.
    ///
    /// # Errors
    /// 501 where there is none.
    pub(super) fn store(&self) -> Result<&Arc<Store>, Status> {
        self.store.as_ref().ok_or_else(|| not_supported(&self.resource.plural))
    }

    /// The type of its objects in this version.
    pub(super) fn ty(&self) -> TypeId {
        self.resource.type_id
    }

    /// The type of its objects in the version they are stored in.
    pub(super) fn stored_ty(&self) -> TypeId {
        self.store.as_ref().map_or(self.resource.type_id, |s| s.resource().type_id)
    }

    /// The message of a stored object, where it is protobuf of this version.
    pub(super) fn message<'a>(&self, stored: &'a Stored) -> Result<Option<&'a [u8]>, Status> {
        if self.stored_as_served { stored.message(self.resource) } else { Ok(None) }
    }

    /// The tree of a stored object in this version.
    pub(super) fn tree(&self, stored: &Stored) -> Result<Object, Status> {
        let mut object = self.to_served(stored.decode(self.stored_ty())?)?;
        if stored.revision == 0 {
            object.set_resource_version("");
        }
        Ok(object)
    }

    /// An object of the stored version in the served one.
    pub(super) fn to_served(&self, object: Object) -> Result<Object, Status> {
        self.convert(object, true)
    }

    /// An object of the served version in the stored one.
    pub(super) fn to_stored(&self, object: Object) -> Result<Object, Status> {
        self.convert(object, false)
    }

    fn convert(&self, object: Object, to_served: bool) -> Result<Object, Status> {
        let Some(store) = self.store.as_ref().filter(|_| !self.stored_as_served) else { return Ok(object) };
        let served = (self.resource.group.as_str(), self.resource.version.as_str());
        let stored = (store.resource().group.as_str(), store.resource().version.as_str());
        let (from, to) = if to_served { (stored, served) } else { (served, stored) };
        keelson_api::conversion::convert(object, from, to).map_err(Status::internal)
    }

    /// The subresource of this name.
    pub(super) fn subresource(&self, name: &str) -> Option<&'static Subresource> {
        self.resource.subresources.iter().find(|s| s.name == name)
    }

    /// 404 for an object of this resource.
    pub(super) fn not_found(&self, name: &str) -> Status {
        Status::not_found(&self.resource.group, &self.resource.plural, name)
    }

    /// The Go type that upstream's messages name: `*core.SecretList`.
    pub(super) fn go_type(&self, suffix: &str) -> String {
        let package = match self.resource.group.split('.').next().unwrap_or_default() {
            "" | "events" => "core",
            label => label,
        };
        format!("*{package}.{}{suffix}", self.resource.kind)
    }
}

/// 501 for what discovery lists and this version can't do.
pub(super) fn not_supported(what: &str) -> Status {
    Status::new(501, "NotImplemented", format!("{what} is not supported by this version"))
}

/// `group/version`, or the version alone for the core group.
pub(super) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Everything that is served, by group, version and plural.
#[derive(Default)]
pub(super) struct Catalogue {
    groups: HashMap<Text, HashMap<(Text, Text), Arc<Served>>>,
}

/// What a look-up found.
pub(super) enum Lookup<'a> {
    /// The resource.
    Found(&'a Arc<Served>),
    /// The group is served, the version or resource is not.
    UnknownResource,
    /// No such group.
    UnknownGroup,
}

impl Catalogue {
    /// These resources, with the stores that `store` has for them.
    pub(super) fn new(
        resources: &[&'static Resource],
        store: impl Fn(&Resource) -> Option<Arc<Store>>,
    ) -> Self {
        let mut catalogue = Catalogue::default();
        for resource in resources.iter().copied() {
            let group = catalogue.groups.entry(resource.group.clone()).or_default();
            let key = (resource.version.clone(), resource.plural.clone());
            group.insert(key, Arc::new(Served::new(resource, store(resource))));
        }
        catalogue
    }

    /// Whether a group is served.
    pub(super) fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// Looks a resource up.
    pub(super) fn find(&self, group: &str, version: &str, plural: &str) -> Lookup<'_> {
        let Some(group) = self.groups.get(group) else { return Lookup::UnknownGroup };
        match group.get(&(Text::from(version), Text::from(plural))) {
            Some(served) => Lookup::Found(served),
            None => Lookup::UnknownResource,
        }
    }
}
