//! Authorization: whether a user may do what a request asks.
//!
//! A decision engine: [`Authorizer`]s judge [`Attributes`]. It knows nothing of HTTP; the filter
//! `filters/authorization.rs` makes the attributes from a request and turns the verdict into evidence or an
//! answer. Whatever else needs a verdict (impersonation, admission, review kinds) asks the same authorizer.
//!
//! Authorizers are asked in order until one allows or denies; what nobody has an opinion on is forbidden.
//! Members of `system:masters` may do everything in every mode.

mod authorizer;
mod builtin;
mod forbidden;
pub mod impersonation;
pub mod node;
pub mod rbac;

pub use authorizer::{Attributes, Authorizer, Decision, Rules, Union, Verdict};
pub use builtin::{AlwaysAllow, AlwaysDeny, MASTERS, PrivilegedGroup, PublicInfo};
pub use forbidden::forbidden;

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
}

impl Mode {
    /// The authorizer of this mode alone, behind that of `system:masters`; RBAC's and Node's without a policy.
    pub fn authorizer(self) -> Arc<dyn Authorizer> {
        let none = || -> Box<dyn Authorizer> { Box::new(Union::new(Vec::new())) };
        build(&[self], &mut { none }, &mut { none })
    }
}

/// The authorizers of these modes in their order, behind that of `system:masters`, as one. `rbac` makes RBAC's,
/// and `node` Node's.
pub fn build(
    modes: &[Mode],
    rbac: &mut dyn FnMut() -> Box<dyn Authorizer>,
    node: &mut dyn FnMut() -> Box<dyn Authorizer>,
) -> Arc<dyn Authorizer> {
    let mut all: Vec<Box<dyn Authorizer>> = vec![Box::new(PrivilegedGroup(MASTERS))];
    all.extend(modes.iter().map(|mode| -> Box<dyn Authorizer> {
        match mode {
            Mode::PrivilegedOnly => Box::new(PublicInfo),
            Mode::AlwaysAllow => Box::new(AlwaysAllow),
            Mode::AlwaysDeny => Box::new(AlwaysDeny),
            Mode::Rbac => rbac(),
            Mode::Node => node(),
        }
    }));
    Arc::new(Union::new(all))
}

#[cfg(test)]
mod tests;
