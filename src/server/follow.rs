//! Follows a resource: its objects first, then what happens to them, for as long as the server runs. What keeps
//! something in memory as the registry has it (RBAC's policy, what admission reads) is fed by this.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use keelson_apimachinery::Status;
use keelson_apimachinery::codec::protobuf::Part;
use keelson_apimachinery::meta::Object;
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use keelson_base::{clock, random};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::warn;

use crate::registry::{ListOptions, Store, WatchEvent, WatchEventKind, WatchStream};

/// How long a reader waits for what this server wrote.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How long it takes before a watch that ended is begun again, at least.
const RETRY: Duration = Duration::from_millis(100);

/// What is fed.
pub(super) trait Target: Send + Sync + 'static {
    /// What it needs of an object: little, where there are many of them.
    type Kept: Send;

    /// What of an object it reads; `None` for all of it.
    fn part(&self) -> Option<&Part> {
        None
    }

    /// What it needs of this object.
    fn keep(&self, object: Object) -> Self::Kept;

    /// These are all objects.
    fn replace(&self, all: Vec<Self::Kept>);

    /// This object is there, new or changed.
    fn set(&self, kept: Self::Kept);

    /// This object is gone.
    fn remove(&self, object: &Object);
}

/// See the module.
pub(super) struct Follower<T> {
    store: Arc<Store>,
    /// All namespaces where it is `None`.
    namespace: Option<&'static str>,
    /// A field selector; all objects where it is empty.
    selected: String,
    pub(super) target: T,
    /// The revision that the target shows.
    reached: watch::Sender<u64>,
}

impl<T: Target> Follower<T> {
    /// Feeds `target` from `store`; nothing is read yet.
    pub(super) fn new(store: Arc<Store>, target: T) -> Self {
        Follower { store, namespace: None, selected: String::new(), target, reached: watch::Sender::new(0) }
    }

    /// Feeds the target with those objects of a namespace that a field selector selects. Such a follower can't
    /// [catch up](Follower::catch_up): it does not see what else is written.
    pub(super) fn only(self, namespace: &'static str, selected: String) -> Self {
        Follower { namespace: Some(namespace), selected, ..self }
    }

    /// Replaces what the target has, and returns what happens then.
    ///
    /// # Errors
    /// What the registry says.
    pub(super) async fn load(&self) -> Result<WatchStream, Status> {
        let options = ListOptions {
            field_selector: self.selected.clone(),
            send_initial_events: Some(true),
            resource_version_match: "NotOlderThan".into(),
            allow_watch_bookmarks: true,
            ..ListOptions::default()
        };
        let mut events = self.store.watch(self.namespace, &options).await?;
        let mut objects = Vec::new();
        while let Some(event) = events.next().await {
            let event = event?;
            if event.kind == WatchEventKind::InitialEventsEnd {
                self.target.replace(objects);
                self.reached.send_replace(event.object.revision);
                return Ok(events);
            }
            objects.extend(self.decode(&event).map(|object| self.target.keep(object)));
        }
        Err(Status::internal(format!("the watch of {} ended early", self.store.resource().plural)))
    }

    /// Feeds the target for as long as it is asked to, however often the resource can't be read.
    pub(super) async fn run(self: Arc<Self>) {
        let events = self.load_at_last().await;
        self.follow(events).await;
    }

    /// Waits until the target was fed once. Cancel safe.
    pub(super) async fn loaded(&self) {
        // The sender lives as long as this value does.
        let _ = self.reached.subscribe().wait_for(|reached| *reached > 0).await;
    }

    /// Whether the target was fed once.
    pub(super) fn is_loaded(&self) -> bool {
        *self.reached.borrow() > 0
    }

    async fn load_at_last(&self) -> WatchStream {
        loop {
            match self.load().await {
                Ok(events) => return events,
                Err(status) => {
                    let resource = &self.store.resource().plural;
                    warn!(%resource, error = %status, "a resource can't be followed");
                }
            }
            clock::sleep(random::jitter(RETRY, 1.0)).await;
        }
    }

    /// Feeds the target with `events`, which [`Follower::load`] returned, and whatever comes behind. Ends when
    /// it is dropped.
    pub(super) async fn follow(self: Arc<Self>, mut events: WatchStream) {
        loop {
            while let Some(Ok(event)) = events.next().await {
                self.apply(&event);
                self.reached.send_replace(event.object.revision);
            }
            clock::sleep(random::jitter(RETRY, 1.0)).await;
            events = self.load_at_last().await;
        }
    }

    /// Waits until the target shows what this server wrote before the call, but not for long. Cancel safe.
    pub(super) async fn catch_up(&self) {
        let written = self.store.last_written();
        if *self.reached.borrow() >= written {
            return;
        }
        let mut reached = self.reached.subscribe();
        let waited = tokio::time::timeout(CATCH_UP, reached.wait_for(|reached| *reached >= written)).await;
        if waited.is_err() {
            let resource = &self.store.resource().plural;
            warn!(%resource, "what is kept of a resource is behind what was written");
        }
    }

    /// Whether it sees all that is written to its resource.
    fn is_whole(&self) -> bool {
        self.namespace.is_none() && self.selected.is_empty()
    }

    fn apply(&self, event: &WatchEvent) {
        if matches!(event.kind, WatchEventKind::Bookmark | WatchEventKind::InitialEventsEnd) {
            return;
        }
        match (event.kind, self.decode(event)) {
            (_, None) => {}
            (WatchEventKind::Deleted, Some(object)) => self.target.remove(&object),
            (_, Some(object)) => self.target.set(self.target.keep(object)),
        }
    }

    fn decode(&self, event: &WatchEvent) -> Option<Object> {
        let resource = self.store.resource();
        let decoded = match self.target.part() {
            Some(part) => event.object.decode_part(resource, part),
            None => event.object.decode(resource.type_id),
        };
        match decoded {
            Ok(object) => Some(object),
            Err(status) => {
                warn!(resource = %resource.plural, error = %status, "an object can't be read");
                None
            }
        }
    }
}

/// With what resources are followed.
pub(super) struct Following<'a> {
    /// Where the tasks are.
    pub(super) tasks: &'a TaskGroup,
    /// Until when.
    pub(super) end: &'a Signal,
    /// Where it is noted what is followed.
    pub(super) followers: &'a Followers,
}

/// All that the server keeps in memory of resources, for telling whether it is there. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Followers {
    all: Arc<Mutex<Vec<Arc<dyn Synced>>>>,
}

/// Something that is to show what storage has.
#[async_trait]
trait Synced: Send + Sync {
    /// The resource.
    fn plural(&self) -> &str;

    /// Whether it has shown it once.
    fn has_synced(&self) -> bool;

    /// Waits until it shows what this server wrote.
    async fn sync(&self);
}

#[async_trait]
impl<T: Target> Synced for Follower<T> {
    fn plural(&self) -> &str {
        &self.store.resource().plural
    }

    fn has_synced(&self) -> bool {
        self.is_loaded()
    }

    async fn sync(&self) {
        self.loaded().await;
        if self.is_whole() {
            self.catch_up().await;
        }
    }
}

impl Followers {
    /// Notes that something is followed.
    pub(super) fn add<T: Target>(&self, follower: &Arc<Follower<T>>) {
        self.all.lock().push(follower.clone());
    }

    /// The resources that were not read yet.
    pub(super) fn behind(&self) -> Vec<String> {
        let all = self.all.lock();
        all.iter().filter(|one| !one.has_synced()).map(|one| one.plural().to_owned()).collect()
    }

    /// Waits until all that is followed by now was read, and shows what this server wrote.
    pub(super) async fn synced(&self) {
        let all = self.all.lock().clone();
        futures::future::join_all(all.iter().map(|one| one.sync())).await;
    }
}
