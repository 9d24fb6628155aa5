//! Escalation: who writes a role may do what it allows, and who binds one, too, unless they have the right to
//! `escalate` or to `bind`. So nobody gives others, or themselves, what they don't have.
//!
//! Source: "Privilege escalation prevention and bootstrapping" in the Kubernetes documentation.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_api::rbac::{Rule, compact, uncovered_within};
use keelson_apimachinery::field::quote;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use tracing::error;

use super::{Rbac, RoleRef};
use crate::authz::{Attributes, Authorizer, MASTERS};
use crate::request::UserInfo;

/// The group of RBAC's resources.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// How many comparisons of rules a write may cost.
const MOST_COMPARISONS: usize = 20_000_000;

/// Gives the rules of roles as they are now.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The rules of a role: of this namespace, where it is no ClusterRole. `None` where there is no such role.
    /// Cancel safe.
    ///
    /// # Errors
    /// What storage says, and 400 for what can't be a name.
    async fn rules(&self, role: &RoleRef, namespace: &str) -> Result<Option<Vec<Rule>>, Status>;
}

/// A write of a role or a binding.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// Who writes.
    pub user: &'a UserInfo,
    /// The plural of the resource.
    pub resource: &'a str,
    /// The namespace of the request; empty for the cluster's.
    pub namespace: &'a str,
    /// The name in the request; empty for a creation.
    pub name: &'a str,
    /// The object as it is to be written, in v1.
    pub new: &'a Object,
    /// The object as it is, where there is one.
    pub old: Option<&'a Object>,
}

/// See the module.
pub struct Escalation {
    authorizer: Arc<dyn Authorizer>,
    held: Rbac,
    roles: Arc<dyn Roles>,
}

impl Escalation {
    /// Asks `authorizer` for the rights to escalate and to bind; `held` knows what users may do, and `roles` what
    /// is bound.
    pub fn new(authorizer: Arc<dyn Authorizer>, held: Rbac, roles: Arc<dyn Roles>) -> Self {
        Escalation { authorizer, held, roles }
    }

    /// Whether a write gives nothing that its user doesn't have. Resources that are none of RBAC's give nothing.
    /// Cancel safe.
    ///
    /// # Errors
    /// 403 with what is missing; 404 where the role that is bound does not exist.
    pub async fn check(&self, grant: &Grant<'_>) -> Result<(), Status> {
        if grant.user.in_group(MASTERS) {
            return Ok(());
        }
        match grant.resource {
            "roles" | "clusterroles" => self.check_role(grant).await,
            "rolebindings" | "clusterrolebindings" => self.check_binding(grant).await,
            _ => Ok(()),
        }
    }

    async fn check_role(&self, grant: &Grant<'_>) -> Result<(), Status> {
        let escalates = Attributes {
            group: GROUP,
            version: "*",
            resource: grant.resource,
            namespace: grant.namespace,
            name: grant.name,
            ..Attributes::on_resources(grant.user, "escalate")
        };
        if self.may(&escalates).await || grant.is_for_collection_alone() {
            return Ok(());
        }
        self.confirm(grant, &Rule::read_all(grant.new.as_value())).await?;
        // What is aggregated is not known: it may be anything.
        if (aggregates(grant.new) || grant.old.is_some_and(aggregates))
            && self.confirm(grant, &everything()).await.is_err()
        {
            return Err(grant.forbidden("must have cluster-admin privileges to use the aggregationRule"));
        }
        Ok(())
    }

    async fn check_binding(&self, grant: &Grant<'_>) -> Result<(), Status> {
        if grant.is_for_collection_alone() {
            return Ok(());
        }
        let reference = |key| grant.new.str_at(&["roleRef", key]);
        let (kind, name) = (reference("kind"), reference("name"));
        let (cluster, resource) = match kind {
            "ClusterRole" => (true, "clusterroles"),
            "Role" => (false, "roles"),
            // Validation would refuse it, too, but comes behind.
            _ => return Err(Status::opaque(format!("unsupported role reference kind: {}", quote(kind)))),
        };
        let binds = Attributes {
            group: reference("apiGroup"),
            version: "*",
            resource,
            namespace: grant.namespace,
            name,
            ..Attributes::on_resources(grant.user, "bind")
        };
        if self.may(&binds).await {
            return Ok(());
        }
        let role = RoleRef { cluster, name: name.into() };
        match self.roles.rules(&role, grant.namespace).await? {
            Some(rules) => self.confirm(grant, &rules).await,
            None => Err(grant.not_found(&role)),
        }
    }

    async fn may(&self, attributes: &Attributes<'_>) -> bool {
        let verdict = self.authorizer.authorize(attributes).await;
        if let Some(failure) = &verdict.error {
            error!(error = failure, verb = attributes.verb, "can't authorize a right to give rights");
        }
        verdict.is_allowed()
    }

    /// Whether the user holds these rules.
    async fn confirm(&self, grant: &Grant<'_>, wanted: &[Rule]) -> Result<(), Status> {
        let user = grant.user;
        let (held, lost) = self.held.held_by(user, grant.namespace).await;
        let Some(missing) = uncovered_within(MOST_COMPARISONS, &held, wanted) else {
            return Err(
                grant.forbidden("its rules are too many to be compared with those that the user holds")
            );
        };
        if missing.is_empty() {
            return Ok(());
        }
        let shown: BTreeSet<String> = compact(missing).iter().map(ToString::to_string).collect();
        let groups: Vec<String> = user.groups.iter().map(|group| quote(group)).collect();
        let mut text = format!(
            "user {} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
            quote(&user.name),
            groups.join(" "),
            shown.into_iter().collect::<Vec<_>>().join("\n")
        );
        let lost = lost.iter().map(|role| grant.not_found(role).message().to_owned()).collect();
        if let Some(errors) = crate::authz::authorizer::joined(lost) {
            text.push_str(&format!("; resolution errors: [{errors}]"));
        }
        Err(grant.forbidden(&text))
    }
}

impl Grant<'_> {
    /// Whether nothing changes but what garbage collection needs to bring the object to its end.
    fn is_for_collection_alone(&self) -> bool {
        const OF_COLLECTION: [&str; 4] = ["ownerReferences", "finalizers", "selfLink", "managedFields"];
        let Some(old) = self.old else { return false };
        let rest = |object: &Object| {
            let mut object = object.clone();
            let members = object.members_mut();
            for key in ["apiVersion", "kind"] {
                members.remove(key);
            }
            if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
                for key in OF_COLLECTION {
                    metadata.remove(key);
                }
            }
            object
        };
        same(Some(rest(self.new).as_value()), Some(rest(old).as_value()))
    }

    fn forbidden(&self, why: &str) -> Status {
        Status::forbidden(GROUP, self.resource, self.new.name(), why)
    }

    /// A role is missing, in words of the resource that is written: clients know upstream's.
    fn not_found(&self, role: &RoleRef) -> Status {
        Status::not_found(GROUP, self.resource, &role.name)
    }
}

/// Whether a ClusterRole gathers the rules of others.
fn aggregates(role: &Object) -> bool {
    let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]).and_then(Value::as_array);
    selectors.is_some_and(|selectors| !selectors.is_empty())
}

fn everything() -> [Rule; 2] {
    let all = || vec!["*".into()];
    [
        Rule { verbs: all(), api_groups: all(), resources: all(), ..Rule::default() },
        Rule { verbs: all(), non_resource_urls: all(), ..Rule::default() },
    ]
}

/// Whether two values mean the same: what is empty is as good as absent.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    let is_empty = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    };
    match (a, b) {
        (a, b) if is_empty(a) || is_empty(b) => is_empty(a) && is_empty(b),
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            a.iter().all(|(key, value)| same(Some(value), b.get(key)))
                && b.iter().all(|(key, value)| a.contains_key(key) || same(None, Some(value)))
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b)))
        }
        (a, b) => a == b,
    }
}
