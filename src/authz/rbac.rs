//! RBAC: users may do what the roles allow that are bound to them or to their groups.
//!
//! The policy is an index from subjects to what is bound to them, so that a decision looks at the bindings of
//! one user and its groups alone. It is fed by whoever follows the objects ([`Policy`]); readers take no lock.
//!
//! Source: "Using RBAC Authorization" in the Kubernetes documentation.

mod escalation;
mod index;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use keelson_api::rbac::Rule;

pub use escalation::{Escalation, GROUP, Grant, Roles};
use index::Answer;
pub use index::{Binding, Policy, RoleRef, Subject};

use super::authorizer::joined;
use super::{Attributes, Authorizer, Decision, Rules, Verdict};
use crate::request::UserInfo;

/// Brings a [`Policy`] up to date with what was written here.
#[async_trait]
pub trait Freshness: Send + Sync {
    /// Waits until the policy shows what this server wrote before the call, but not for long. Cancel safe.
    async fn catch_up(&self);
}

/// See the module.
#[derive(Clone)]
pub struct Rbac {
    policy: Arc<Policy>,
    freshness: Arc<dyn Freshness>,
}

impl Rbac {
    /// Decides by `policy`, once `freshness` says that it is as fresh as it should be.
    pub fn new(policy: Arc<Policy>, freshness: Arc<dyn Freshness>) -> Self {
        Rbac { policy, freshness }
    }

    /// The rules that a user holds in a namespace (empty for the cluster), and the roles that are bound to it and
    /// don't exist. Each binding counts once. Cancel safe.
    async fn held_by(&self, user: &UserInfo, namespace: &str) -> (Vec<Rule>, Vec<RoleRef>) {
        self.freshness.catch_up().await;
        let policy = self.policy.now();
        let (mut rules, mut lost) = (Vec::new(), Vec::new());
        for binding in policy.bindings_of(user, namespace) {
            match policy.rules(binding) {
                Some(found) => rules.extend(found.iter().cloned()),
                None => lost.push(binding.role.clone()),
            }
        }
        (rules, lost)
    }
}

#[async_trait]
impl Authorizer for Rbac {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        self.freshness.catch_up().await;
        let policy = self.policy.now();
        match policy.judge(attributes) {
            Answer::Allowed(bound) => Verdict::new(Decision::Allow, format!("RBAC: allowed by {bound}")),
            Answer::Refused(lost) => match joined(lost.into_iter().map(RoleRef::not_found).collect()) {
                None => Verdict::no_opinion(),
                Some(errors) => Verdict::new(Decision::NoOpinion, format!("RBAC: {errors}")),
            },
        }
    }

    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        let (rules, lost) = self.held_by(user, namespace).await;
        let errors = joined(lost.iter().map(RoleRef::not_found).collect());
        Rules { rules, errors: errors.into_iter().collect(), ..Rules::default() }
    }
}

/// Whether a rule allows what a request asks for.
pub(super) fn allows(rule: &Rule, attributes: &Attributes<'_>) -> bool {
    let listed =
        |list: &[keelson_apimachinery::Text], wanted: &str| list.iter().any(|t| t == "*" || t == wanted);
    if !listed(&rule.verbs, attributes.verb) {
        return false;
    }
    if !attributes.is_resource_request {
        return rule.non_resource_urls.iter().any(|url| match url.ends_with('*') {
            true => attributes.path.starts_with(url.trim_end_matches('*')),
            false => url == attributes.path,
        });
    }
    let (resource, subresource) = (attributes.resource, attributes.subresource);
    let of_resource = |text: &keelson_apimachinery::Text| match subresource {
        _ if text == "*" => true,
        "" => text == resource,
        _ => {
            let before = text.strip_suffix(subresource).and_then(|text| text.strip_suffix('/'));
            before.is_some_and(|before| before == "*" || before == resource)
        }
    };
    listed(&rule.api_groups, attributes.group)
        && rule.resources.iter().any(of_resource)
        && (rule.resource_names.is_empty() || rule.resource_names.iter().any(|name| name == attributes.name))
}
