//! Impersonation: a user acts as another one, where it may.
//!
//! Rights come in modes, which are tried in order: to act as the node that a service account's pod runs on, as
//! any node, as a service account, as any other user (each for certain verbs on certain resources alone), and the
//! old, unconstrained right `impersonate`. The mode that a user succeeded with last is tried first.
//!
//! Source: "User impersonation" in the Kubernetes documentation, and KEP-5284.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use keelson_apimachinery::Status;
use keelson_apimachinery::content::names::{NameRule, dns_label, dns_subdomain};
use keelson_apimachinery::field::quote;
use parking_lot::Mutex;

use super::{Attributes, Authorizer, MASTERS, forbidden};
use crate::request::UserInfo;

const ANONYMOUS: &str = "system:anonymous";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const NODES: &str = "system:nodes";
const NODE_PREFIX: &str = "system:node:";
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// From so many groups or extra values on, the right to all of them is asked for first.
const MANY: usize = 4;

/// So many users' modes are remembered.
const REMEMBERED: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    AssociatedNode,
    ArbitraryNode,
    ServiceAccount,
    UserInfo,
    Legacy,
}

impl Mode {
    const ALL: [Mode; 5] =
        [Mode::AssociatedNode, Mode::ArbitraryNode, Mode::ServiceAccount, Mode::UserInfo, Mode::Legacy];

    /// The name in verbs; `None` for the unconstrained one.
    fn name(self) -> Option<&'static str> {
        match self {
            Mode::AssociatedNode => Some("associated-node"),
            Mode::ArbitraryNode => Some("arbitrary-node"),
            Mode::ServiceAccount => Some("serviceaccount"),
            Mode::UserInfo => Some("user-info"),
            Mode::Legacy => None,
        }
    }

    /// Whether the mode speaks of such a user.
    fn fits(self, requestor: &UserInfo, wanted: &UserInfo) -> bool {
        let name_alone = wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        let node = node_name(&wanted.name);
        let account = service_account(&wanted.name);
        match self {
            Mode::AssociatedNode => {
                let own = requestor.extra.get(NODE_NAME).map(Vec::as_slice);
                let own = match own {
                    Some([one]) => Some(one.as_str()),
                    _ => None,
                };
                name_alone && node.is_some() && service_account(&requestor.name).is_some() && own == node
            }
            Mode::ArbitraryNode => name_alone && node.is_some(),
            Mode::ServiceAccount => name_alone && account.is_some(),
            Mode::UserInfo => node.is_none() && account.is_none(),
            Mode::Legacy => true,
        }
    }
}

/// Decides who may act as whom.
pub struct Impersonation {
    authorizer: Arc<dyn Authorizer>,
    /// The mode that a user succeeded with last.
    last: Mutex<HashMap<String, Mode>>,
}

impl Impersonation {
    /// Asks `authorizer` for the rights.
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Impersonation { authorizer, last: Mutex::default() }
    }

    /// The user as whom the sender of a request acts: `wanted` with the groups that it has anyway. Cancel safe.
    ///
    /// # Errors
    /// 403 where the sender may not.
    pub async fn act_as(&self, wanted: &UserInfo, attributes: &Attributes<'_>) -> Result<UserInfo, Status> {
        let requestor = attributes.user;
        let last = self.last.lock().get(&requestor.name).copied();
        let others = Mode::ALL.into_iter().filter(|mode| Some(*mode) != last);
        let mut refusal = None;
        for mode in last.into_iter().chain(others).filter(|mode| mode.fits(requestor, wanted)) {
            match self.check(mode, wanted, attributes).await {
                Ok(user) => {
                    if Some(mode) != last {
                        self.remember(&requestor.name, mode);
                    }
                    return Ok(user);
                }
                Err(status) => refusal = Some(refusal.unwrap_or(status)),
            }
        }
        // The unconstrained mode fits everybody.
        Err(refusal.unwrap_or_else(|| forbidden(attributes, "")))
    }

    fn remember(&self, name: &str, mode: Mode) {
        let mut last = self.last.lock();
        if last.len() >= REMEMBERED {
            last.clear();
        }
        last.insert(name.to_owned(), mode);
    }

    async fn check(
        &self,
        mode: Mode,
        wanted: &UserInfo,
        attributes: &Attributes<'_>,
    ) -> Result<UserInfo, Status> {
        let requestor = match mode {
            Mode::AssociatedNode => &without_extra_values(attributes.user),
            _ => attributes.user,
        };
        let verb = match mode.name() {
            Some(name) => {
                let verb = format!("impersonate-on:{name}:{}", attributes.verb);
                self.ask(&Attributes { verb: &verb, user: requestor, ..*attributes }).await?;
                format!("impersonate:{name}")
            }
            None => "impersonate".to_owned(),
        };
        let rights = Rights { authorizer: &*self.authorizer, requestor, verb: &verb, mode };
        let mut user = wanted.clone();
        rights.name(wanted, &mut user).await?;
        rights.uid(&wanted.uid).await?;
        rights.groups(&wanted.groups).await?;
        rights.extra(wanted).await?;
        if user.name == ANONYMOUS {
            add_group(&mut user, UNAUTHENTICATED);
        } else if !user.in_group(UNAUTHENTICATED) {
            add_group(&mut user, AUTHENTICATED);
        }
        Ok(user)
    }

    async fn ask(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        ask(&*self.authorizer, attributes).await
    }
}

/// What one mode asks for.
struct Rights<'a> {
    authorizer: &'a dyn Authorizer,
    requestor: &'a UserInfo,
    verb: &'a str,
    mode: Mode,
}

impl<'a> Rights<'a> {
    fn is_constrained(&self) -> bool {
        self.mode != Mode::Legacy
    }

    fn attributes(&self, group: &'a str, resource: &'a str, name: &'a str) -> Attributes<'a> {
        Attributes {
            group,
            version: "v1",
            resource,
            name,
            ..Attributes::on_resources(self.requestor, self.verb)
        }
    }

    /// The group of users and groups.
    fn group(&self) -> &'static str {
        if self.is_constrained() { AUTHENTICATION } else { "" }
    }

    async fn name(&self, wanted: &'a UserInfo, user: &mut UserInfo) -> Result<(), Status> {
        let mut attributes = self.attributes(self.group(), "users", &wanted.name);
        if let Some(node) = node_name(&wanted.name).filter(|_| self.is_constrained()) {
            let any = self.mode == Mode::AssociatedNode;
            (attributes.resource, attributes.name) = ("nodes", if any { "*" } else { node });
            user.groups = vec![NODES.to_owned()];
        }
        if let Some((namespace, name)) = service_account(&wanted.name) {
            attributes.resource = "serviceaccounts";
            (attributes.namespace, attributes.name) = (namespace, name);
            if wanted.groups.is_empty() {
                user.groups =
                    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
            }
        }
        ask(self.authorizer, &attributes).await
    }

    async fn uid(&self, uid: &'a str) -> Result<(), Status> {
        if uid.is_empty() {
            return Ok(());
        }
        ask(self.authorizer, &self.attributes(AUTHENTICATION, "uids", uid)).await
    }

    async fn groups(&self, groups: &'a [String]) -> Result<(), Status> {
        let of = |name: &'a str| self.attributes(self.group(), "groups", name);
        if self.is_constrained() {
            if groups.iter().any(String::is_empty) {
                return Err(forbidden(&of(""), "impersonating the empty string group is not allowed"));
            }
            if groups.iter().any(|group| group == MASTERS) {
                let why = "impersonating the system:masters group is not allowed";
                return Err(forbidden(&of(MASTERS), why));
            }
            if groups.len() >= MANY && ask(self.authorizer, &of("*")).await.is_ok() {
                return Ok(());
            }
        }
        for group in groups {
            ask(self.authorizer, &of(group)).await?;
        }
        Ok(())
    }

    async fn extra(&self, wanted: &'a UserInfo) -> Result<(), Status> {
        let of = |key: &'a str, value: &'a str| Attributes {
            subresource: key,
            ..self.attributes(AUTHENTICATION, "userextras", value)
        };
        if self.is_constrained() && !wanted.extra.is_empty() {
            if let Err(why) = check_extra(wanted) {
                return Err(forbidden(&of("", ""), &why));
            }
            let values: usize = wanted.extra.values().map(Vec::len).sum();
            if values >= MANY && ask(self.authorizer, &of("*", "*")).await.is_ok() {
                return Ok(());
            }
        }
        for (key, values) in &wanted.extra {
            for value in values {
                ask(self.authorizer, &of(key, value)).await?;
            }
        }
        Ok(())
    }
}

async fn ask(authorizer: &dyn Authorizer, attributes: &Attributes<'_>) -> Result<(), Status> {
    let verdict = authorizer.authorize(attributes).await;
    match &verdict.error {
        _ if verdict.is_allowed() => Ok(()),
        Some(error) => Err(forbidden(attributes, error)),
        None => Err(forbidden(attributes, &verdict.reason)),
    }
}

fn add_group(user: &mut UserInfo, group: &str) {
    if !user.in_group(group) {
        user.groups.push(group.to_owned());
    }
}

/// The requestor with nothing of its extra but the keys: whichever node it is bound to was compared already.
fn without_extra_values(requestor: &UserInfo) -> UserInfo {
    let keys = requestor.extra.keys().cloned().collect();
    let extra = [("authentication.kubernetes.io/associated-node-keys".to_owned(), keys)].into();
    UserInfo { extra, ..requestor.clone() }
}

/// The node that a user name means.
fn node_name(user: &str) -> Option<&str> {
    let name = user.strip_prefix(NODE_PREFIX)?;
    dns_subdomain(name).is_empty().then_some(name)
}

/// Namespace and name of the service account that a user name means.
fn service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
    let valid = dns_label(namespace).is_empty() && NameRule::Subdomain.check(name, false).is_empty();
    valid.then_some((namespace, name))
}

fn check_extra(wanted: &UserInfo) -> Result<(), String> {
    for (key, values) in &wanted.extra {
        if key.is_empty() {
            return Err("impersonating the empty string key in extra is not allowed".into());
        }
        check_extra_key(key)?;
        if key.chars().any(char::is_uppercase) {
            let key = quote(key);
            return Err(format!("impersonating a non-lowercase key in extra is not allowed: {key}"));
        }
        if values.is_empty() {
            return Err("impersonating empty values in extra is not allowed".into());
        }
        if values.iter().any(String::is_empty) {
            return Err("impersonating the empty string value in extra is not allowed".into());
        }
    }
    Ok(())
}

/// A key is a domain with a path behind it.
fn check_extra_key(key: &str) -> Result<(), String> {
    let wrong = |why: String| {
        let key = quote(key);
        let text = "impersonating an invalid key in extra is not allowed";
        Err(format!("{text}: extra.key: Invalid value: {key}: {why}"))
    };
    let Some((domain, path)) =
        key.split_once('/').filter(|(domain, path)| !domain.is_empty() && !path.is_empty())
    else {
        return wrong("must be a domain-prefixed path (such as \"acme.io/foo\")".into());
    };
    if let Some(why) = dns_subdomain(domain).into_iter().next() {
        return wrong(why);
    }
    let in_path = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:@".contains(c);
    if !path.chars().all(in_path) {
        return wrong("Invalid path".into());
    }
    Ok(())
}
