//! The Node authorizer: a kubelet may do what its node needs, and no more.
//!
//! What a kubelet reads is bound to what runs on its node: the secrets, config maps, claims and accounts that its
//! pods name, and what hangs on those. The [`Graph`] knows, by node, what that is; it is fed by whoever follows
//! the objects. What else nodes do is in `rules.rs`, a function a resource; what concerns all nodes alike is in
//! the role `system:node`. The checks that need the object itself are made in admission (NodeRestriction).
//!
//! Source: "Using Node Authorization" in the Kubernetes documentation.

mod graph;
mod references;
mod rules;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_api::rbac::Rule;

pub use graph::{Edges, Graph, Kind};
pub use references::{Feeder, MIRROR, visit_config_maps, visit_secrets};

use super::rbac::Freshness;
use super::{Attributes, Authorizer, Decision, Rules, Verdict};
use crate::request::UserInfo;
use rules::Ruling;

/// What the names of kubelets begin with.
pub const USER_PREFIX: &str = "system:node:";

/// The group that all kubelets are in.
pub const GROUP: &str = "system:nodes";

/// The name of the node that a user is; `None` for users that are none. Empty where the user is a node that can't
/// be told.
pub fn identity(user: &UserInfo) -> Option<&str> {
    user.name.strip_prefix(USER_PREFIX).filter(|_| user.in_group(GROUP))
}

/// See the module.
pub struct Node {
    graph: Arc<Graph>,
    freshness: Arc<dyn Freshness>,
    /// What all nodes may do.
    rules: Vec<Rule>,
    /// Whether pods get certificates: the rules on their requests hold then.
    pod_certificates: bool,
}

impl Node {
    /// Decides by `graph`, and by `rules` on what concerns all nodes alike. Before an object is refused as one that
    /// has nothing to do with the node, `freshness` brings the graph up to date.
    pub fn new(graph: Arc<Graph>, freshness: Arc<dyn Freshness>, rules: Vec<Rule>) -> Self {
        Node { graph, freshness, rules, pod_certificates: false }
    }

    /// With the rules on PodCertificateRequests, a kind that a server may serve or not.
    #[must_use]
    pub fn with_pod_certificates(mut self, served: bool) -> Self {
        self.pod_certificates = served;
        self
    }

    /// Whether the object of a request has to do with the node.
    ///
    /// What is known needs no waiting. A kubelet may have heard of its pod before the graph did, though.
    async fn relates(&self, node: &str, kind: Kind, attributes: &Attributes<'_>) -> bool {
        let known = || self.graph.relates(node, kind, attributes.namespace, attributes.name);
        if known() {
            return true;
        }
        self.freshness.catch_up().await;
        known()
    }
}

#[async_trait]
impl Authorizer for Node {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let no = |reason: Cow<'static, str>| Verdict::new(Decision::NoOpinion, reason);
        let Some(node) = identity(attributes.user) else { return Verdict::no_opinion() };
        if node.is_empty() {
            return no(format!("unknown node for user {:?}", attributes.user.name).into());
        }
        match rules::rule(node, attributes, self.pod_certificates) {
            Ruling::Allow => Verdict::allow(),
            Ruling::Refuse(why) => no(why),
            Ruling::IfRelated(_) if attributes.name.is_empty() => no("No Object name found".into()),
            Ruling::IfRelated(kind) if self.relates(node, kind, attributes).await => Verdict::allow(),
            Ruling::IfRelated(_) => {
                no(format!("no relationship found between node '{node}' and this object").into())
            }
            Ruling::AsAllNodes if self.rules.iter().any(|rule| super::rbac::allows(rule, attributes)) => {
                Verdict::allow()
            }
            Ruling::AsAllNodes => Verdict::no_opinion(),
        }
    }

    /// What a node may do hangs on its pods: it can't be listed.
    async fn rules_for(&self, user: &UserInfo, _: &str) -> Rules {
        match identity(user) {
            None => Rules::default(),
            Some(_) => Rules {
                incomplete: true,
                errors: vec!["node authorizer does not support user rule resolution".into()],
                ..Rules::default()
            },
        }
    }
}
