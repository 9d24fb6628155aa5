//! Keeps RBAC's policy as the registry has it: four watches, from the first decision on until the end.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::join_all;
use keelson_api::rbac::Rule;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Text, Value};
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use keelson_base::{clock, random};
use tokio::sync::watch;
use tracing::warn;

use crate::authz::rbac::{Binding, Freshness, Policy, Rbac, RoleRef, Subject};
use crate::authz::{self, Authorizer, Mode};
use crate::registry::{ListOptions, Registry, Store, WatchEvent, WatchEventKind, WatchStream};

const GROUP: &str = "rbac.authorization.k8s.io";

/// How long a decision waits for what this server wrote.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How long it takes before a watch that ended is begun again, at least.
const RETRY: Duration = Duration::from_millis(100);

/// The authorizers of these modes, as one; RBAC's has its policy when this returns.
///
/// # Errors
/// What the registry says of the policy's first reading.
pub(super) async fn authorizer(
    modes: &[Mode],
    registry: &Registry,
    tasks: &TaskGroup,
    end: &Signal,
) -> Result<Arc<dyn Authorizer>, Status> {
    let policy = Arc::new(Policy::default());
    let freshness: Arc<dyn Freshness> = match modes.contains(&Mode::Rbac) {
        true => Arc::new(Followed::begin(registry, &policy, tasks, end).await?),
        false => Arc::new(Followed { sources: Vec::new() }),
    };
    Ok(authz::build(modes, &mut || Box::new(Rbac::new(policy.clone(), freshness.clone()))))
}

/// The four resources that are followed.
struct Followed {
    sources: Vec<Arc<Source>>,
}

struct Source {
    policy: Arc<Policy>,
    store: Arc<Store>,
    kind: Kind,
    /// The revision that the policy shows.
    reached: watch::Sender<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Roles { cluster: bool },
    Bindings { cluster: bool },
}

const KINDS: [(&str, Kind); 4] = [
    ("roles", Kind::Roles { cluster: false }),
    ("clusterroles", Kind::Roles { cluster: true }),
    ("rolebindings", Kind::Bindings { cluster: false }),
    ("clusterrolebindings", Kind::Bindings { cluster: true }),
];

impl Followed {
    /// Reads the policy, and follows it in `tasks` until `end`.
    ///
    /// # Errors
    /// What the registry says of the first reading.
    async fn begin(
        registry: &Registry,
        policy: &Arc<Policy>,
        tasks: &TaskGroup,
        end: &Signal,
    ) -> Result<Self, Status> {
        let mut sources = Vec::new();
        for (plural, kind) in KINDS {
            let store = registry.store(GROUP, plural);
            let store = store.ok_or_else(|| Status::internal(format!("there are no {plural}")))?.clone();
            let source = Source { policy: policy.clone(), store, kind, reached: watch::Sender::new(0) };
            sources.push(Arc::new(source));
        }
        for (source, events) in sources.iter().zip(join_all(sources.iter().map(|s| s.load())).await) {
            let (source, events, end) = (source.clone(), events?, end.clone());
            tasks.spawn("rbac-policy", async move { end.unless_begun(source.follow(events)).await });
        }
        Ok(Followed { sources })
    }
}

#[async_trait]
impl Freshness for Followed {
    async fn catch_up(&self) {
        for source in &self.sources {
            source.catch_up().await;
        }
    }
}

impl Source {
    /// Replaces what the policy has of the resource, and returns what happens then.
    async fn load(&self) -> Result<WatchStream, Status> {
        let options = ListOptions {
            send_initial_events: Some(true),
            resource_version_match: "NotOlderThan".into(),
            allow_watch_bookmarks: true,
            ..ListOptions::default()
        };
        let mut events = self.store.watch(None, &options).await?;
        let mut objects = Vec::new();
        while let Some(event) = events.next().await {
            let event = event?;
            if event.kind == WatchEventKind::InitialEventsEnd {
                match self.kind {
                    Kind::Roles { cluster } => {
                        self.policy.replace_roles(cluster, objects.iter().map(role).collect());
                    }
                    Kind::Bindings { cluster } => {
                        self.policy.replace_bindings(cluster, objects.iter().map(binding).collect());
                    }
                }
                self.reached.send_replace(event.object.revision);
                return Ok(events);
            }
            objects.extend(self.decode(&event));
        }
        Err(Status::internal(format!("the watch of {} ended early", self.store.resource().plural)))
    }

    async fn follow(self: Arc<Self>, mut events: WatchStream) {
        loop {
            while let Some(Ok(event)) = events.next().await {
                self.apply(&event);
                self.reached.send_replace(event.object.revision);
            }
            events = loop {
                clock::sleep(random::jitter(RETRY, 1.0)).await;
                match self.load().await {
                    Ok(events) => break events,
                    Err(status) => {
                        let resource = &self.store.resource().plural;
                        warn!(%resource, error = %status, "RBAC can't follow a resource");
                    }
                }
            };
        }
    }

    fn apply(&self, event: &WatchEvent) {
        let gone = match event.kind {
            WatchEventKind::Added | WatchEventKind::Modified => false,
            WatchEventKind::Deleted => true,
            WatchEventKind::Bookmark | WatchEventKind::InitialEventsEnd => return,
        };
        let Some(object) = self.decode(event) else { return };
        let (namespace, name) = (object.namespace(), object.name());
        match (self.kind, gone) {
            (Kind::Roles { .. }, true) => self.policy.remove_role(namespace, name),
            (Kind::Bindings { .. }, true) => self.policy.remove_binding(namespace, name),
            (Kind::Roles { .. }, false) => {
                self.policy.set_role(namespace, name, Rule::read_all(object.as_value()));
            }
            (Kind::Bindings { .. }, false) => self.policy.set_binding(binding(&object)),
        }
    }

    fn decode(&self, event: &WatchEvent) -> Option<Object> {
        let resource = self.store.resource();
        match event.object.decode(resource.type_id) {
            Ok(object) => Some(object),
            Err(status) => {
                warn!(resource = %resource.plural, error = %status, "RBAC can't read an object");
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
            warn!(%resource, "what RBAC knows of a resource is behind what was written");
        }
    }
}

fn role(object: &Object) -> (Text, Text, Vec<Rule>) {
    (object.namespace().into(), object.name().into(), Rule::read_all(object.as_value()))
}

fn binding(object: &Object) -> Binding {
    let subjects = object.get("subjects").and_then(Value::as_array).unwrap_or_default();
    Binding {
        namespace: object.namespace().into(),
        name: object.name().into(),
        role: RoleRef {
            cluster: object.str_at(&["roleRef", "kind"]) == "ClusterRole",
            name: object.str_at(&["roleRef", "name"]).into(),
        },
        subjects: subjects.iter().filter_map(|s| Subject::read(s, object.namespace())).collect(),
    }
}
