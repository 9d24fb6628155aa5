//! Authorization: whether a user may do what a request asks.
//!
//! A decision engine: [`Authorizer`]s judge [`Attributes`]. It knows nothing of HTTP; the filter
//! `filters/authorization.rs` makes the attributes from a request and turns the verdict into evidence or an
//! answer. Whatever else needs a verdict (impersonation, admission, review kinds) asks the same authorizer.
//!
//! Authorizers are asked in order until one allows or denies; what nobody has an opinion on is forbidden.
//! Members of `system:masters` may do everything in every mode.

pub mod abac;
mod authorizer;
mod builtin;
mod chain;
pub mod config;
mod forbidden;
pub mod impersonation;
mod metrics;
pub mod node;
pub mod rbac;
pub mod webhook;

pub use authorizer::{Attributes, Authorizer, Decision, Rules, Union, Verdict};
pub use builtin::{AlwaysAllow, AlwaysDeny, MASTERS, PrivilegedGroup, PublicInfo};
pub use chain::{Config, Configured, Exchangeable, Lasting, Source, build};
pub use forbidden::forbidden;
pub use metrics::AuthorizationMetrics;

use std::sync::Arc;

/// An authorizer to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everyone may read health and version.
    PrivilegedOnly,
    /// Everyone may do everything.
    AlwaysAllow,
    /// Nobody may do anything.
    AlwaysDeny,
    /// What roles allow that are bound to users and groups.
    Rbac,
    /// What kubelets need for what runs on their nodes.
    Node,
    /// What a file of policies allows.
    Abac,
    /// What a webhook allows.
    Webhook,
}

impl Mode {
    /// Its name in flags, configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::PrivilegedOnly => "PrivilegedOnly",
            Mode::AlwaysAllow => "AlwaysAllow",
            Mode::AlwaysDeny => "AlwaysDeny",
            Mode::Rbac => "RBAC",
            Mode::Node => "Node",
            Mode::Abac => "ABAC",
            Mode::Webhook => "Webhook",
        }
    }

    /// The mode of this name that users may choose.
    pub fn parse(name: &str) -> Option<Self> {
        let known = [Mode::AlwaysAllow, Mode::AlwaysDeny, Mode::Rbac, Mode::Node, Mode::Abac, Mode::Webhook];
        known.into_iter().find(|mode| mode.as_str() == name)
    }

    /// The authorizer of this mode alone, behind that of `system:masters`; those that need a policy have none.
    pub fn authorizer(self) -> Arc<dyn Authorizer> {
        let mut all: Vec<Box<dyn Authorizer>> = vec![Box::new(PrivilegedGroup(MASTERS))];
        match self {
            Mode::PrivilegedOnly => all.push(Box::new(PublicInfo)),
            Mode::AlwaysAllow => all.push(Box::new(AlwaysAllow)),
            Mode::AlwaysDeny => all.push(Box::new(AlwaysDeny)),
            Mode::Rbac | Mode::Node | Mode::Abac | Mode::Webhook => {}
        }
        Arc::new(Union::new(all))
    }
}

#[cfg(test)]
mod tests;
