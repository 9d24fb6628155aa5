//! The store: one resource's objects in storage, and the verbs on them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use keelson_api::Resource;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Text};
use keelson_storage::Storage;

use super::options::{Admit, Change, DeleteOptions, Deleted, ListOptions, Listing, WriteContext};
use super::{Stored, Strategy, WatchStream};

/// What the registry is built with.
#[derive(Clone, Debug, Default)]
pub struct RegistryConfig {
    /// The ranges that services get their cluster IPs from (`--service-cluster-ip-range`), the first one's
    /// family being the default.
    pub service_cidrs: Vec<String>,
}

/// All stores.
pub struct Registry {
    stores: HashMap<(Text, Text), Arc<Store>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("stores", &self.stores.len()).finish()
    }
}

impl Registry {
    /// Stores for all built-in resources over `storage`, whose keys are below the server's prefix.
    pub fn new(storage: Arc<dyn Storage>, config: RegistryConfig) -> Self {
        let _ = (storage, config);
        unimplemented!()
    }

    /// The store of a resource; `None` where there is no such resource, or it stores nothing.
    pub fn store(&self, group: &str, plural: &str) -> Option<&Arc<Store>> {
        self.stores.get(&(Text::from(group), Text::from(plural)))
    }
}

/// One resource's objects.
pub struct Store {
    resource: &'static Resource,
    storage: Arc<dyn Storage>,
    strategy: Strategy,
}

impl Store {
    /// The resource in its storage version.
    pub fn resource(&self) -> &'static Resource {
        self.resource
    }

    /// The object as it is now.
    pub async fn get(&self, namespace: Option<&str>, name: &str) -> Result<Stored, Status> {
        let _ = (namespace, name, &self.storage, &self.strategy);
        unimplemented!()
    }

    /// The object as it is now, or as it was at some time after `resource_version`, as the client asked.
    pub async fn get_at(
        &self,
        namespace: Option<&str>,
        name: &str,
        resource_version: &str,
    ) -> Result<Stored, Status> {
        let _ = (namespace, name, resource_version);
        unimplemented!()
    }

    /// A page of the objects that `options` select.
    pub async fn list(&self, namespace: Option<&str>, options: &ListOptions) -> Result<Listing, Status> {
        let _ = (namespace, options);
        unimplemented!()
    }

    /// What happens to the objects that `options` select.
    pub async fn watch(&self, namespace: Option<&str>, options: &ListOptions) -> Result<WatchStream, Status> {
        let _ = (namespace, options);
        unimplemented!()
    }

    /// Writes a new object. `metadata.name` may come from `generateName`.
    pub async fn create(
        &self,
        context: &WriteContext<'_>,
        object: Object,
        admit: &dyn Admit,
    ) -> Result<Stored, Status> {
        let _ = (context, object, admit);
        unimplemented!()
    }

    /// Writes what `change` makes of the object; the flag says whether it was created.
    pub async fn update(
        &self,
        context: &WriteContext<'_>,
        name: &str,
        change: &mut dyn Change,
        admit: &dyn Admit,
    ) -> Result<(Stored, bool), Status> {
        let _ = (context, name, change, admit);
        unimplemented!()
    }

    /// Deletes an object, or marks it so.
    pub async fn delete(
        &self,
        context: &WriteContext<'_>,
        name: &str,
        options: &DeleteOptions,
        admit: &dyn Admit,
    ) -> Result<Deleted, Status> {
        let _ = (context, name, options, admit);
        unimplemented!()
    }

    /// Deletes the objects that `list` selects, and returns them as they were.
    pub async fn delete_collection(
        &self,
        context: &WriteContext<'_>,
        list: &ListOptions,
        options: &DeleteOptions,
        admit: &dyn Admit,
    ) -> Result<Listing, Status> {
        let _ = (context, list, options, admit);
        unimplemented!()
    }
}
