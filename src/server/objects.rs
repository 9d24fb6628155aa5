//! The objects that admission reads: snapshots in memory that follow storage.
//!
//! A resource is followed from the first time that it is asked for. What this server wrote is seen by the
//! next reader: it waits for the snapshot to reach the store's last write.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Text};
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use keelson_base::{clock, random};
use parking_lot::RwLock;
use tokio::sync::{OnceCell, watch};
use tracing::warn;

use crate::admission::{Objects, Resource, objects};
use crate::registry::{
    Change, ListOptions, NoAdmission, Registry, SERVER_MANAGER, Store, Stored, Warnings, WatchEvent,
    WatchEventKind, WatchStream, WriteContext, server_user,
};

/// How long a reader waits for the snapshot to reach the last write.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How long it takes before a watch that ended is begun again, at least.
const RETRY: Duration = Duration::from_millis(100);

/// What admission reads in passing.
const FOLLOWED: [Resource; 11] = [
    objects::NAMESPACES,
    objects::SERVICE_ACCOUNTS,
    objects::LIMIT_RANGES,
    objects::RESOURCE_QUOTAS,
    objects::NODES,
    objects::PERSISTENT_VOLUMES,
    objects::PRIORITY_CLASSES,
    objects::STORAGE_CLASSES,
    objects::CSI_DRIVERS,
    objects::INGRESS_CLASSES,
    objects::RUNTIME_CLASSES,
];

/// Objects by namespace and name.
type Tree = HashMap<Text, BTreeMap<Text, Arc<Object>>>;

/// The registry as [`Objects`].
pub(super) struct Snapshots {
    registry: Arc<Registry>,
    followed: HashMap<Resource, Followed>,
    tasks: TaskGroup,
    end: Signal,
}

struct Followed {
    snapshot: Arc<Snapshot>,
    begun: OnceCell<()>,
}

struct Snapshot {
    store: Arc<Store>,
    objects: RwLock<Tree>,
    /// The revision that the objects show.
    reached: watch::Sender<u64>,
}

impl Snapshots {
    /// Follows what is asked for in tasks of `tasks`, until `end`.
    pub(super) fn new(registry: Arc<Registry>, tasks: TaskGroup, end: Signal) -> Self {
        let followed = FOLLOWED.iter().filter_map(|resource| {
            let store = registry.store(resource.group, resource.plural)?.clone();
            let snapshot = Snapshot { store, objects: RwLock::default(), reached: watch::Sender::new(0) };
            Some((*resource, Followed { snapshot: Arc::new(snapshot), begun: OnceCell::new() }))
        });
        Snapshots { followed: followed.collect(), registry, tasks, end }
    }

    fn store(&self, resource: Resource) -> Result<&Arc<Store>, Status> {
        let store = self.registry.store(resource.group, resource.plural);
        store.ok_or_else(|| Status::internal(format!("no store of {}", resource.plural)))
    }

    /// The snapshot of a resource, no older than what this server wrote; `None` where it is not followed.
    async fn snapshot(&self, resource: Resource) -> Result<Option<&Snapshot>, Status> {
        let Some(followed) = self.followed.get(&resource) else { return Ok(None) };
        let begin = || async {
            let events = followed.snapshot.load().await?;
            let (snapshot, end) = (followed.snapshot.clone(), self.end.clone());
            self.tasks.spawn("admission-objects", async move {
                end.unless_begun(snapshot.follow(events)).await;
            });
            Ok::<(), Status>(())
        };
        followed.begun.get_or_try_init(begin).await?;
        followed.snapshot.catch_up().await;
        Ok(Some(&followed.snapshot))
    }
}

impl Snapshot {
    /// Replaces the objects by what is stored now, and returns what happens then.
    async fn load(&self) -> Result<WatchStream, Status> {
        let options = ListOptions {
            send_initial_events: Some(true),
            resource_version_match: "NotOlderThan".into(),
            allow_watch_bookmarks: true,
            ..ListOptions::default()
        };
        let mut events = self.store.watch(None, &options).await?;
        let mut tree = Tree::new();
        while let Some(event) = events.next().await {
            let event = event?;
            if event.kind == WatchEventKind::InitialEventsEnd {
                *self.objects.write() = tree;
                self.reached.send_replace(event.object.revision);
                return Ok(events);
            }
            self.apply(&mut tree, &event);
        }
        Err(Status::internal(format!("the watch of {} ended early", self.store.resource().plural)))
    }

    async fn follow(self: Arc<Self>, mut events: WatchStream) {
        loop {
            while let Some(Ok(event)) = events.next().await {
                if !matches!(event.kind, WatchEventKind::Bookmark | WatchEventKind::InitialEventsEnd) {
                    self.apply(&mut self.objects.write(), &event);
                }
                self.reached.send_replace(event.object.revision);
            }
            events = loop {
                clock::sleep(random::jitter(RETRY, 1.0)).await;
                match self.load().await {
                    Ok(events) => break events,
                    Err(status) => {
                        let resource = &self.store.resource().plural;
                        warn!(%resource, error = %status, "admission can't follow a resource");
                    }
                }
            };
        }
    }

    fn apply(&self, tree: &mut Tree, event: &WatchEvent) {
        let decoded = self.decode(&event.object);
        let Some(object) = decoded else { return };
        let (namespace, name) = (Text::from(object.namespace()), Text::from(object.name()));
        if event.kind == WatchEventKind::Deleted {
            if let Some(of_namespace) = tree.get_mut(&namespace) {
                of_namespace.remove(&name);
                if of_namespace.is_empty() {
                    tree.remove(&namespace);
                }
            }
        } else {
            tree.entry(namespace).or_default().insert(name, Arc::new(object));
        }
    }

    /// The object without what no plugin reads.
    fn decode(&self, stored: &Stored) -> Option<Object> {
        let resource = self.store.resource();
        match stored.decode(resource.type_id) {
            Ok(mut object) => {
                object.set_managed_fields(Vec::new());
                if resource.plural == "nodes" {
                    object.members_mut().remove("status");
                }
                Some(object)
            }
            Err(status) => {
                warn!(resource = %resource.plural, error = %status, "admission can't read an object");
                None
            }
        }
    }

    async fn catch_up(&self) {
        let written = self.store.last_written();
        if *self.reached.borrow() >= written {
            return;
        }
        let mut reached = self.reached.subscribe();
        let waited = tokio::time::timeout(CATCH_UP, reached.wait_for(|reached| *reached >= written)).await;
        if waited.is_err() {
            let resource = &self.store.resource().plural;
            warn!(%resource, "what admission knows of a resource is behind what was written");
        }
    }
}

#[async_trait]
impl Objects for Snapshots {
    async fn get(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        match self.snapshot(resource).await? {
            Some(snapshot) => {
                let objects = snapshot.objects.read();
                Ok(objects.get(namespace).and_then(|of_namespace| of_namespace.get(name)).cloned())
            }
            None => self.get_now(resource, namespace, name).await,
        }
    }

    async fn list(&self, resource: Resource, namespace: &str) -> Result<Vec<Arc<Object>>, Status> {
        let Some(snapshot) = self.snapshot(resource).await? else {
            return self.list_now(resource, namespace).await;
        };
        let objects = snapshot.objects.read();
        let all_namespaces = namespace.is_empty() && snapshot.store.resource().namespaced;
        if all_namespaces {
            return Ok(objects.values().flat_map(BTreeMap::values).cloned().collect());
        }
        Ok(objects.get(namespace).map(|found| found.values().cloned().collect()).unwrap_or_default())
    }

    async fn get_now(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        let store = self.store(resource)?;
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        match store.get(namespace, name).await {
            Ok(stored) => Ok(Some(Arc::new(stored.decode(store.resource().type_id)?))),
            Err(status) if status.code() == 404 => Ok(None),
            Err(status) => Err(status),
        }
    }

    async fn list_now(&self, resource: Resource, namespace: &str) -> Result<Vec<Arc<Object>>, Status> {
        let store = self.store(resource)?;
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        let listing = store.list(namespace, &ListOptions::default()).await?;
        let decode = |stored: &Stored| Ok(Arc::new(stored.decode(store.resource().type_id)?));
        listing.items.iter().map(decode).collect()
    }

    async fn create(&self, resource: Resource, object: Object) -> Result<(), Status> {
        let (user, warnings) = (server_user(), Warnings::default());
        let namespace = object.namespace().to_owned();
        let context = WriteContext {
            namespace: Some(namespace.as_str()).filter(|namespace| !namespace.is_empty()),
            user: &user,
            subresource: "",
            dry_run: false,
            field_manager: SERVER_MANAGER,
            create_missing: false,
            warnings: &warnings,
        };
        self.store(resource)?.create(&context, object, &NoAdmission).await.map(drop)
    }

    async fn update_status(&self, resource: Resource, object: &Object) -> Result<Object, Status> {
        let (user, warnings) = (server_user(), Warnings::default());
        let context = WriteContext {
            namespace: Some(object.namespace()).filter(|namespace| !namespace.is_empty()),
            user: &user,
            subresource: "status",
            dry_run: false,
            field_manager: SERVER_MANAGER,
            create_missing: false,
            warnings: &warnings,
        };
        let store = self.store(resource)?;
        let mut change = SetStatus(object);
        let (stored, _) = store.update(&context, object.name(), &mut change, &NoAdmission).await?;
        stored.decode(store.resource().type_id)
    }
}

/// The status of an object, if the object is still of the version that it was made from.
struct SetStatus<'a>(&'a Object);

impl Change for SetStatus<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let mut object = current.unwrap_or(self.0).clone();
        object.set_resource_version(self.0.resource_version());
        if let Some(status) = self.0.get("status") {
            object.members_mut().insert("status", status.clone());
        }
        Ok(object)
    }

    fn precondition_uid(&self) -> Option<&str> {
        Some(self.0.uid()).filter(|uid| !uid.is_empty())
    }
}
