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

pub use authorizer::{Attributes, AuthorizationError, Authorizer, Decision, Union, Verdict};
pub use builtin::{AlwaysAllow, MASTERS, PrivilegedGroup, PublicInfo};
pub use forbidden::forbidden;

use std::sync::Arc;

/// Which authorizers decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Members of `system:masters` may do everything, others may read health and version.
    #[default]
    PrivilegedOnly,
    /// Everyone may do everything.
    AlwaysAllow,
}

impl Mode {
    /// The authorizers of this mode, as one.
    pub fn authorizer(self) -> Arc<dyn Authorizer> {
        let mode: Box<dyn Authorizer> = match self {
            Mode::PrivilegedOnly => Box::new(PublicInfo),
            Mode::AlwaysAllow => Box::new(AlwaysAllow),
        };
        Arc::new(Union::new(vec![Box::new(PrivilegedGroup(MASTERS)), mode]))
    }
}

#[cfg(test)]
mod tests;
