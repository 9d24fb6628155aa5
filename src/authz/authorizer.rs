//! The trait, what it judges and what it says.

use std::borrow::Cow;

use async_trait::async_trait;
use keelson_api::rbac::Rule;

use crate::request::{RequestInfo, UserInfo};

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
    /// The field selector of `list`, `watch` and `deletecollection` as the client sent it; may be empty.
    pub field_selector: &'a str,
    /// The label selector of `list`, `watch` and `deletecollection` as the client sent it; may be empty.
    pub label_selector: &'a str,
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
            field_selector: &info.field_selector,
            label_selector: &info.label_selector,
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

/// A decision with its reason, which the client may see; may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Why.
    pub reason: Cow<'static, str>,
}

impl Verdict {
    /// Yes.
    pub fn allow() -> Self {
        Verdict { decision: Decision::Allow, reason: Cow::Borrowed("") }
    }

    /// Yes, for this reason.
    pub fn allow_because(reason: String) -> Self {
        Verdict { decision: Decision::Allow, reason: reason.into() }
    }

    /// Others decide.
    pub fn no_opinion() -> Self {
        Verdict { decision: Decision::NoOpinion, reason: Cow::Borrowed("") }
    }
}

/// An authorizer could not decide (its webhook is away, for instance). For the log and the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthorizationError(pub String);

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
    ///
    /// # Errors
    /// Where it can't decide; the request is then answered with 500.
    async fn authorize(&self, attributes: &Attributes<'_>) -> Result<Verdict, AuthorizationError>;

    /// What a user may do in a namespace (empty for the cluster). None by default: of most authorizers nobody
    /// can tell. Cancel safe.
    async fn rules_for(&self, _: &UserInfo, _namespace: &str) -> Rules {
        Rules::default()
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
    /// The first decision; otherwise the errors, and otherwise no opinion, with every reason that was given.
    async fn authorize(&self, attributes: &Attributes<'_>) -> Result<Verdict, AuthorizationError> {
        let (mut errors, mut reasons) = (Vec::new(), Vec::new());
        for authorizer in &self.authorizers {
            match authorizer.authorize(attributes).await {
                Ok(Verdict { decision: Decision::NoOpinion, reason }) if reason.is_empty() => {}
                Ok(Verdict { decision: Decision::NoOpinion, reason }) => reasons.push(reason),
                Ok(decided) => return Ok(decided),
                Err(AuthorizationError(error)) => errors.push(error),
            }
        }
        match errors.len() {
            0 => Ok(Verdict { decision: Decision::NoOpinion, reason: reasons.join("\n").into() }),
            1 => Err(AuthorizationError(errors.remove(0))),
            _ => Err(AuthorizationError(format!("[{}]", errors.join(", ")))),
        }
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
