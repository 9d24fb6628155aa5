//! The objects that admission reads: snapshots in memory that follow storage.
//!
//! A resource is followed from the first time that it is asked for. What this server wrote is seen by the
//! next reader: it waits for the snapshot to reach the store's last write.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Text};
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use parking_lot::RwLock;
use tokio::sync::OnceCell;

use super::follow::{Follower, Followers, Target};
use crate::admission::{Objects, Resource, objects};
use crate::registry::{
    Change, ListOptions, NoAdmission, Registry, ServerWriter, Store, Stored, WriteContext,
};

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
    /// Where it is noted what is followed.
    followers: Followers,
}

struct Followed {
    follower: Arc<Follower<Snapshot>>,
    begun: OnceCell<()>,
}

#[derive(Default)]
struct Snapshot {
    objects: RwLock<Tree>,
    namespaced: bool,
    /// Whether the objects are kept without their status.
    without_status: bool,
}

impl Snapshots {
    /// Follows what is asked for in tasks of `tasks`, until `end`.
    pub(super) fn new(registry: Arc<Registry>, tasks: TaskGroup, end: Signal, followers: Followers) -> Self {
        let followed = FOLLOWED.iter().filter_map(|resource| {
            let store = registry.store(resource.group, resource.plural)?.clone();
            let snapshot = Snapshot {
                namespaced: store.resource().namespaced,
                without_status: *resource == objects::NODES,
                ..Snapshot::default()
            };
            let follower = Arc::new(Follower::new(store, snapshot));
            Some((*resource, Followed { follower, begun: OnceCell::new() }))
        });
        Snapshots { followed: followed.collect(), registry, tasks, end, followers }
    }

    fn store(&self, resource: Resource) -> Result<&Arc<Store>, Status> {
        let store = self.registry.store(resource.group, resource.plural);
        store.ok_or_else(|| Status::internal(format!("no store of {}", resource.plural)))
    }

    /// The snapshot of a resource, no older than what this server wrote; `None` where it is not followed.
    async fn snapshot(&self, resource: Resource) -> Result<Option<&Snapshot>, Status> {
        let Some(followed) = self.followed.get(&resource) else { return Ok(None) };
        let begin = || async {
            let events = followed.follower.load().await?;
            let (follower, end) = (followed.follower.clone(), self.end.clone());
            self.followers.add(&follower);
            self.tasks.spawn("admission-objects", async move {
                end.unless_begun(follower.follow(events)).await;
            });
            Ok::<(), Status>(())
        };
        followed.begun.get_or_try_init(begin).await?;
        followed.follower.catch_up().await;
        Ok(Some(&followed.follower.target))
    }
}

impl Snapshot {
    /// The object without what no plugin reads, under its name in the tree.
    fn insert(&self, tree: &mut Tree, mut object: Object) {
        object.set_managed_fields(Vec::new());
        if self.without_status {
            object.members_mut().remove("status");
        }
        let (namespace, name) = (Text::from(object.namespace()), Text::from(object.name()));
        tree.entry(namespace).or_default().insert(name, Arc::new(object));
    }
}

impl Target for Snapshot {
    type Kept = Object;

    fn keep(&self, object: Object) -> Object {
        object
    }

    fn replace(&self, objects: Vec<Object>) {
        let mut tree = Tree::new();
        objects.into_iter().for_each(|object| self.insert(&mut tree, object));
        *self.objects.write() = tree;
    }

    fn set(&self, object: Object) {
        self.insert(&mut self.objects.write(), object);
    }

    fn remove(&self, object: &Object) {
        let mut tree = self.objects.write();
        let Some(of_namespace) = tree.get_mut(object.namespace()) else { return };
        of_namespace.remove(object.name());
        if of_namespace.is_empty() {
            tree.remove(object.namespace());
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
        let all_namespaces = namespace.is_empty() && snapshot.namespaced;
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
        let server = ServerWriter::new();
        let namespace = object.namespace().to_owned();
        let context = server.context(Some(&namespace));
        self.store(resource)?.create(&context, object, &NoAdmission).await.map(drop)
    }

    async fn update_status(&self, resource: Resource, object: &Object) -> Result<Object, Status> {
        let server = ServerWriter::new();
        let context = WriteContext { subresource: "status", ..server.context(Some(object.namespace())) };
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
