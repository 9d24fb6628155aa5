//! Keeps RBAC's policy as the registry has it: four watches, from the first decision on until the end.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use keelson_api::rbac::Rule;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Text, Value};

use super::follow::{Follower, Following, Target};
use crate::authz::Authorizer;
use crate::authz::rbac::{Binding, Escalation, Freshness, GROUP, Policy, Rbac, RoleRef, Roles, Subject};
use crate::registry::Registry;

/// RBAC's authorizer, which has its policy when this returns.
///
/// # Errors
/// What the registry says of the policy's first reading.
pub(super) async fn begin(registry: &Registry, following: &Following<'_>) -> Result<Rbac, Status> {
    let policy = Arc::new(Policy::default());
    let followed = Followed::begin(registry, &policy, following).await?;
    Ok(Rbac::new(policy, Arc::new(followed)))
}

/// Who keeps rights from being given by who doesn't have them, as `authorizer` and RBAC's policy say.
pub(super) fn escalation(
    authorizer: Arc<dyn Authorizer>,
    rbac: Rbac,
    registry: &Arc<Registry>,
) -> Arc<Escalation> {
    Arc::new(Escalation::new(authorizer, rbac, Arc::new(Stored(registry.clone()))))
}

/// Roles as storage has them, whichever server wrote them.
struct Stored(Arc<Registry>);

#[async_trait]
impl Roles for Stored {
    async fn rules(&self, role: &RoleRef, namespace: &str) -> Result<Option<Vec<Rule>>, Status> {
        let (plural, namespace) =
            if role.cluster { ("clusterroles", None) } else { ("roles", Some(namespace)) };
        let store = self.0.store(GROUP, plural);
        let store = store.ok_or_else(|| Status::internal(format!("there are no {plural}")))?;
        match store.get(namespace, &role.name).await {
            Ok(stored) => {
                let object = stored.decode(store.resource().type_id)?;
                Ok(Some(Rule::read_all(object.as_value())))
            }
            Err(status) if status.code() == 404 => Ok(None),
            Err(status) => Err(status),
        }
    }
}

/// The four resources that are followed.
struct Followed {
    sources: Vec<Arc<Follower<Source>>>,
}

/// What the policy has of one resource.
struct Source {
    policy: Arc<Policy>,
    kind: Kind,
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
    /// Reads the policy, and follows it.
    ///
    /// # Errors
    /// What the registry says of the first reading.
    async fn begin(
        registry: &Registry,
        policy: &Arc<Policy>,
        following: &Following<'_>,
    ) -> Result<Self, Status> {
        let mut sources = Vec::new();
        for (plural, kind) in KINDS {
            let store = registry.store(GROUP, plural);
            let store = store.ok_or_else(|| Status::internal(format!("there are no {plural}")))?.clone();
            sources.push(Arc::new(Follower::new(store, Source { policy: policy.clone(), kind })));
        }
        for (source, events) in sources.iter().zip(join_all(sources.iter().map(|s| s.load())).await) {
            following.followers.add(source);
            let (source, events, end) = (source.clone(), events?, following.end.clone());
            following
                .tasks
                .spawn("rbac-policy", async move { end.unless_begun(source.follow(events)).await });
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

impl Target for Source {
    type Kept = Object;

    fn keep(&self, object: Object) -> Object {
        object
    }

    fn replace(&self, objects: Vec<Object>) {
        match self.kind {
            Kind::Roles { cluster } => {
                self.policy.replace_roles(cluster, objects.iter().map(role).collect());
            }
            Kind::Bindings { cluster } => {
                self.policy.replace_bindings(cluster, objects.iter().map(binding).collect());
            }
        }
    }

    fn set(&self, object: Object) {
        match self.kind {
            Kind::Roles { .. } => {
                let (namespace, name, rules) = role(&object);
                self.policy.set_role(&namespace, &name, rules);
            }
            Kind::Bindings { .. } => self.policy.set_binding(binding(&object)),
        }
    }

    fn remove(&self, object: &Object) {
        let (namespace, name) = (object.namespace(), object.name());
        match self.kind {
            Kind::Roles { .. } => self.policy.remove_role(namespace, name),
            Kind::Bindings { .. } => self.policy.remove_binding(namespace, name),
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
