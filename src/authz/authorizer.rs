//! The trait, what it judges and what it says.

use std::borrow::Cow;

use async_trait::async_trait;
use keelson_api::rbac::Rule;

use crate::request::{RequestInfo, Selectors, UserInfo};

/// What a request asks for, and who asks.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a UserInfo,
    /// The verb: `get`, `list`, …; for paths of no resource the method in lower case.
    pub verb: &'a str,
    /// Whether it is about a resource; if not, `path` says what it is about.
    pub is_resource_request: bool,
    /// The group; empty for the core group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// The resource's plural.
    pub resource: &'a str,
    /// The subresource; may be empty.
    pub subresource: &'a str,
    /// The namespace; empty for what is in none, and for lists over all.
    pub namespace: &'a str,
    /// The object's name; may be empty.
    pub name: &'a str,
    /// The decoded path.
    pub path: &'a str,
    /// What the selectors of `list`, `watch` and `deletecollection` demand.
    pub selectors: &'a Selectors,
}

impl<'a> Attributes<'a> {
    /// Those of a request.
    pub fn of(user: &'a UserInfo, info: &'a RequestInfo) -> Self {
        Attributes {
            user,
            verb: &info.verb,
            is_resource_request: info.is_resource_request,
            group: &info.api_group,
            version: &info.api_version,
            resource: &info.resource,
            subresource: &info.subresource,
            namespace: &info.namespace,
            name: &info.name,
            path: &info.path,
            selectors: &info.selectors,
        }
    }

    /// Those of a question about resources: all but who asks and the verb is empty.
    pub fn on_resources(user: &'a UserInfo, verb: &'a str) -> Self {
        Attributes {
            user,
            verb,
            is_resource_request: true,
            group: "",
            version: "",
            resource: "",
            subresource: "",
            namespace: "",
            name: "",
            path: "",
            selectors: Selectors::NONE,
        }
    }
}

/// What an authorizer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, whatever others would say.
    Deny,
    /// Neither: others decide.
    NoOpinion,
}

/// What an authorizer says: its decision, and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is allowed but by a verdict that says so"]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Why; the client may see it. May be empty.
    pub reason: Cow<'static, str>,
    /// What went wrong on the way to the decision (a webhook is away, for instance). For the log and the client.
    /// What is allowed is allowed nevertheless; what is not is answered with 500.
    pub error: Option<String>,
}

impl Verdict {
    /// This, for this reason.
    pub fn new(decision: Decision, reason: impl Into<Cow<'static, str>>) -> Self {
        Verdict { decision, reason: reason.into(), error: None }
    }

    /// Yes.
    pub fn allow() -> Self {
        Verdict::new(Decision::Allow, "")
    }

    /// Others decide.
    pub fn no_opinion() -> Self {
        Verdict::new(Decision::NoOpinion, "")
    }

    /// Something went wrong; `decision` is what holds then.
    pub fn failed(decision: Decision, error: impl Into<String>) -> Self {
        Verdict { error: Some(error.into()), ..Verdict::new(decision, "") }
    }

    /// Whether it is a yes.
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }
}

/// What a user may do, as far as it can be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The rules, of resources and of paths.
    pub rules: Vec<Rule>,
    /// Whether there may be more that can't be listed.
    pub incomplete: bool,
    /// Why some could not be found.
    pub errors: Vec<String>,
}

/// Judges whether users may do things.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Judges one request. Cancel safe.
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict;

    /// What a user may do in a namespace (empty for the cluster). None by default: of most authorizers nobody
    /// can tell. Cancel safe.
    async fn rules_for(&self, _: &UserInfo, _namespace: &str) -> Rules {
        Rules::default()
    }
}

#[async_trait]
impl<A: Authorizer + ?Sized> Authorizer for std::sync::Arc<A> {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        (**self).authorize(attributes).await
    }

    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        (**self).rules_for(user, namespace).await
    }
}

/// Asks its authorizers in order until one allows or denies.
pub struct Union {
    authorizers: Vec<Box<dyn Authorizer>>,
}

impl Union {
    /// Asks these, in this order.
    pub fn new(authorizers: Vec<Box<dyn Authorizer>>) -> Self {
        Union { authorizers }
    }
}

#[async_trait]
impl Authorizer for Union {
    /// The first decision; otherwise no opinion, with every reason that was given and everything that went wrong.
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let (mut errors, mut reasons) = (Vec::new(), Vec::new());
        for authorizer in &self.authorizers {
            let verdict = authorizer.authorize(attributes).await;
            if verdict.decision != Decision::NoOpinion {
                return verdict;
            }
            if !verdict.reason.is_empty() {
                reasons.push(verdict.reason);
            }
            errors.extend(verdict.error);
        }
        let reason = reasons.join("\n").into();
        Verdict { decision: Decision::NoOpinion, reason, error: joined(errors) }
    }

    /// Those of all.
    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        let mut all = Rules::default();
        for authorizer in &self.authorizers {
            let Rules { rules, incomplete, errors } = authorizer.rules_for(user, namespace).await;
            all.rules.extend(rules);
            all.incomplete |= incomplete;
            all.errors.extend(errors);
        }
        all
    }
}

/// Errors as one text, each once.
pub(super) fn joined(mut errors: Vec<String>) -> Option<String> {
    let mut seen = std::collections::HashSet::new();
    errors.retain(|error| seen.insert(error.clone()));
    match errors.len() {
        0 => None,
        1 => errors.pop(),
        _ => Some(format!("[{}]", errors.join(", "))),
    }
}
