//! The store: one resource's objects in storage, and the verbs on them, a file each.

mod collection;
mod create;
mod delete;
mod get;
mod list;
mod reads;
mod too_large;
mod update;
mod watch;

pub(crate) use create::now;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keelson_api::Resource;
use keelson_apimachinery::codec;
use keelson_apimachinery::field::FieldError;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::schema::Kind;
use keelson_apimachinery::{Map, Status, Text, TypeId, Value};
use keelson_base::metrics::HistogramVec;
use keelson_base::trace::{self, Span};
use keelson_storage::cacher::{self, Cacher, Index, Snapshot};
use keelson_storage::{Error, KeyValue, Storage};

use super::errors::About;
use super::keys::Keys;
use super::kinds;
use super::kinds::core::service::ServiceNetwork;
use super::master_leases::MasterLeases;
use super::metrics::ReadCounts;
use super::selection::{FieldRules, Selection};
use super::stored::text_at;
use super::stored_form::StoredForm;
use super::strategy::{Behaviour, FieldLabels, NEW_EVENT_FIELDS, Plain, Strategy};
use super::{Hooks, Stored};

/// What the registry is built with.
#[derive(Clone)]
pub struct RegistryConfig {
    /// What storage puts before all keys, such as `/registry`: only texts show it.
    pub prefix: String,
    /// How services get addresses and ports.
    pub services: ServiceNetwork,
    /// How long events are kept (`--event-ttl`).
    pub event_ttl: Duration,
    /// Which resources are read from watch caches (`--watch-cache`, `--watch-cache-sizes`).
    pub caches: Caches,
    /// Whether objects are stored as JSON rather than protobuf (`--storage-media-type`). What is stored already is
    /// read in either.
    pub as_json: bool,
    /// How many objects of a collection are deleted at a time (`--delete-collection-workers`); 1 by default.
    pub delete_workers: usize,
    /// Whether objects wait for a garbage collector to delete or orphan what depends on them
    /// (`--enable-garbage-collector`).
    pub garbage_collector: bool,
    /// Takes how long reads waited for a watch cache to be as new as they need, by group and resource, in seconds.
    pub read_waits: Option<HistogramVec>,
}

/// Which resources are read from watch caches. Events never are: they are written more often than read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caches {
    /// No resource.
    None,
    /// All but these, by group and plural.
    AllBut(Vec<(String, String)>),
}

impl Caches {
    fn holds(&self, resource: &Resource) -> bool {
        match self {
            Caches::None => false,
            Caches::AllBut(others) => {
                let named = |(group, plural): &(String, String)| {
                    *group == *resource.group && *plural == *resource.plural
                };
                resource.plural != "events" && !others.iter().any(named)
            }
        }
    }
}

/// The defaults of kube-apiserver.
impl Default for RegistryConfig {
    fn default() -> Self {
        RegistryConfig {
            prefix: "/registry".into(),
            services: ServiceNetwork::default(),
            event_ttl: Duration::from_secs(3600),
            caches: Caches::AllBut(Vec::new()),
            as_json: false,
            delete_workers: 1,
            garbage_collector: true,
            read_waits: None,
        }
    }
}

impl fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryConfig").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// All stores.
pub struct Registry {
    stores: HashMap<Text, HashMap<Text, Arc<Store>>>,
    /// By the directories of their keys.
    cachers: BTreeMap<Text, CacherOf>,
    /// What all of them may remember together.
    budgets: cacher::Budgets,
    storage: Arc<dyn Storage>,
    config: RegistryConfig,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Registry {
    /// Stores for all built-in resources over `storage`, whose keys are below the server's prefix.
    pub fn new(storage: Arc<dyn Storage>, config: RegistryConfig) -> Self {
        let mut registry = Registry {
            stores: HashMap::new(),
            cachers: BTreeMap::new(),
            budgets: cacher::Budgets::default(),
            storage,
            config,
        };
        for resource in keelson_api::resources().iter().filter(|r| !r.storage_path.is_empty()) {
            let done = registry.store(&resource.group, &resource.plural).is_some();
            let (group, version) = &resource.storage_version;
            // Where the storage version isn't served, the registry works with the one that is.
            let stored = keelson_api::facts::resource(group, version, &resource.plural).unwrap_or(resource);
            if !done {
                let store = registry.open(resource, stored, Arc::new(Plain));
                registry.insert(store);
            }
        }
        // Hooks that need other stores come when those exist.
        for (group, plural, hooks) in kinds::all(&registry) {
            let plain = registry.store(group, plural).map(|store| (store.served, store.resource));
            if let Some((served, stored)) = plain {
                let store = registry.open(served, stored, hooks);
                registry.insert(store);
            }
        }
        registry
    }

    fn open(&mut self, served: &'static Resource, stored: &'static Resource, hooks: Arc<dyn Hooks>) -> Store {
        let behaviour = Behaviour::of(&stored.group, &stored.plural);
        let zero_status = zero_member(stored.type_id, "status");
        // A version that is no stored one may have rules of its own.
        let rules = keelson_api::validation::rules(&served.group, &served.plural)
            .or_else(|| keelson_api::validation::rules(&stored.group, &stored.plural));
        let strategy = Strategy { behaviour, rules, hooks, namespaced: stored.namespaced, zero_status };
        Store {
            cache: self.cacher(served, stored, behaviour),
            served,
            resource: stored,
            form: StoredForm::of(stored, self.config.as_json),
            keys: Keys::new(&stored.storage_path, stored.namespaced),
            storage: Arc::clone(&self.storage),
            strategy,
            prefix: self.config.prefix.clone(),
            ttl: (stored.plural == "events").then_some(self.config.event_ttl),
            delete_workers: self.config.delete_workers.max(1),
            garbage_collector: self.config.garbage_collector,
            written: AtomicU64::new(0),
            reads: Arc::default(),
        }
    }

    /// The cacher of a resource, one for all its stores; `None` where it has none.
    fn cacher(
        &mut self,
        served: &'static Resource,
        stored: &'static Resource,
        behaviour: &'static Behaviour,
    ) -> Option<Arc<Cacher>> {
        if !self.config.caches.holds(served) {
            return None;
        }
        let made = self.cachers.entry(stored.storage_path.clone()).or_insert_with(|| {
            let mut options = cacher::Options::new(format!("{}/", stored.storage_path));
            options.budgets = self.budgets.clone();
            let waits = self.config.read_waits.as_ref();
            options.read_waits = waits.map(|w| w.with_label_values(&[&served.group, &served.plural]));
            options.index = behaviour.index.map(|path| {
                fn value<'s>(state: &'s KeyValue, stored: &Resource, path: &[&str]) -> Cow<'s, str> {
                    text_at(&state.value, state.revision, stored, path)
                }
                Index::new(move |state: &KeyValue| value(state, stored, path))
            });
            let cacher = Arc::new(Cacher::new(Arc::clone(&self.storage), options));
            CacherOf { group: &served.group, plural: &served.plural, cacher }
        });
        Some(Arc::clone(&made.cacher))
    }

    /// All stores, by group and plural.
    pub(crate) fn stores(&self) -> impl Iterator<Item = &Arc<Store>> {
        let mut stores: Vec<&Arc<Store>> = self.stores.values().flat_map(HashMap::values).collect();
        stores.sort_by_key(|store| store.served_as());
        // Events are stored once, whatever their group.
        stores.into_iter().filter(|store| store.served.group == store.resource.group)
    }

    /// The cachers, for what is counted in them.
    pub(crate) fn cachers(&self) -> impl Iterator<Item = &CacherOf> {
        self.cachers.values()
    }

    /// Whether some cache that is in use has not got its objects yet.
    pub(crate) fn caches_begin(&self) -> bool {
        self.cachers.values().any(|of| of.cacher.begins())
    }

    /// Ends the caches: their watches end, and reads go to storage.
    pub async fn close(&self) {
        let closing = self.cachers.values().map(|of| of.cacher.close());
        for unfinished in futures::future::join_all(closing).await.into_iter().filter_map(Result::err) {
            tracing::warn!(%unfinished, "a watch cache did not end in time");
        }
    }

    fn insert(&mut self, store: Store) {
        let of_group = self.stores.entry(store.served.group.clone()).or_default();
        of_group.insert(store.served.plural.clone(), Arc::new(store));
    }

    /// The store of a resource; `None` where there is no such resource, or it stores nothing.
    pub fn store(&self, group: &str, plural: &str) -> Option<&Arc<Store>> {
        self.stores.get(group)?.get(plural)
    }

    /// Which servers are there; `None` where there are no Endpoints.
    pub fn master_leases(&self) -> Option<MasterLeases> {
        MasterLeases::new(self.storage())
    }

    /// The storage below the stores.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// What the registry was built with.
    pub fn config(&self) -> &RegistryConfig {
        &self.config
    }
}

/// The cacher of a resource.
#[derive(Clone)]
pub(crate) struct CacherOf {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) cacher: Arc<Cacher>,
}

/// One resource's objects.
pub struct Store {
    /// The resource as paths name it: texts speak of its group.
    served: &'static Resource,
    /// The resource in the version that objects go in and out in.
    resource: &'static Resource,
    form: StoredForm,
    keys: Keys,
    storage: Arc<dyn Storage>,
    cache: Option<Arc<Cacher>>,
    strategy: Strategy,
    prefix: String,
    ttl: Option<Duration>,
    /// How many objects are deleted at a time.
    delete_workers: usize,
    /// Whether a garbage collector works off finalizers.
    garbage_collector: bool,
    /// The revision of the last write.
    written: AtomicU64,
    /// What reads took.
    reads: Arc<ReadCounts>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("keys", &self.keys)
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// A part of a request's trace that is about a key.
    fn span(&self, name: &'static str, key: &str) -> Span {
        let span = trace::span(name);
        if span.is_recorded() {
            let resource = self.resource();
            span.text("key", key).text("group", &resource.group).text("resource", &resource.plural);
        }
        span
    }

    /// The resource in the version of the objects that go in and out: its storage version, where that is served.
    pub fn resource(&self) -> &'static Resource {
        self.resource
    }

    /// What tells this resource from others on the write path.
    pub fn behaviour(&self) -> &'static Behaviour {
        self.strategy.behaviour
    }

    /// The group and the plural that paths name.
    pub(crate) fn served_as(&self) -> (&'static str, &'static str) {
        (&self.served.group, &self.served.plural)
    }

    /// What reads took.
    pub(super) fn read_counts(&self) -> &ReadCounts {
        &self.reads
    }

    /// What the watch cache has; `None` where there is none, or it is not in use.
    pub(crate) fn cached(&self) -> Option<Arc<Snapshot>> {
        self.cache.as_ref()?.peek()
    }

    /// What metrics call the index of the cache; empty where there is none.
    pub(super) fn index_name(&self) -> String {
        self.strategy.behaviour.index.map(|path| format!("f:{}", path.join("."))).unwrap_or_default()
    }

    /// The revision of the last write through this store; 0 where there was none since it was opened.
    pub fn last_written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    fn note_written(&self, revision: u64) {
        self.written.fetch_max(revision, Ordering::AcqRel);
    }

    /// How many objects there are.
    pub async fn count(&self) -> Result<u64, Status> {
        let prefix = self.keys.directory_of(None)?;
        self.storage.count(&prefix).await.map_err(|error| self.about("list", "").status(error))
    }

    /// Namespace (empty where there is none) and name of an object that this store handed out.
    pub fn name_of(&self, stored: &Stored) -> Result<(String, String), Status> {
        match stored.scan(self.resource)? {
            Some(metadata) => Ok((metadata.namespace.to_owned(), metadata.name.to_owned())),
            None => {
                let object = stored.decode(self.resource.type_id)?;
                Ok((object.namespace().to_owned(), object.name().to_owned()))
            }
        }
    }

    fn about<'a>(&'a self, verb: &'static str, name: &'a str) -> About<'a> {
        About { group: &self.served.group, plural: &self.served.plural, name, verb }
    }

    /// 422 for an object of this resource.
    fn invalid(&self, name: &str, errors: &[FieldError]) -> Status {
        // The name of the kind as it is stored: events of any group are core events.
        Status::invalid(&self.resource.group, &self.resource.kind, name, errors)
    }

    fn selection(&self, label: &str, field: &str) -> Result<Selection, Status> {
        let served = self.served;
        // Events are stored as core events, but events.k8s.io calls their fields otherwise.
        let renamed = served.plural == "events" && served.group != self.resource.group;
        let known =
            if renamed { FieldLabels::Listed(NEW_EVENT_FIELDS) } else { self.strategy.behaviour.fields };
        let kind = (served.group.as_str(), served.version.as_str(), served.kind.as_str());
        let rules = FieldRules { known, kind, namespaced: served.namespaced };
        Selection::parse(label, field, rules, self.resource)
    }

    /// The bytes that storage gets for an object, without what only answers have.
    fn encode(&self, mut object: Object) -> Result<Bytes, Status> {
        object.set_resource_version("");
        object.set_self_link("");
        self.form.encode(object)
    }

    fn decode(&self, current: &KeyValue) -> Result<Object, Status> {
        let stored = Stored { value: current.value.clone(), revision: current.revision };
        stored.decode(self.resource.type_id)
    }
}

/// The canonical tree of a struct member's zero value; `{}` where the type has no such member.
fn zero_member(ty: TypeId, member: &str) -> Value {
    let schema = keelson_api::schema();
    match schema.json_field(ty, member).map(|(_, field)| &field.kind) {
        Some(Kind::Struct(inner)) => codec::json::decode(schema, *inner, b"{}")
            .map_or_else(|_| Value::Object(Map::new()), |decoded| decoded.value),
        _ => Value::Object(Map::new()),
    }
}
