//! Flags about authorization.

use super::{Errors, value};
use crate::authz;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Authorization")]
pub(super) struct Authorization {
    /// Who may do what, by authorizers that are asked in this order: AlwaysAllow, AlwaysDeny, RBAC, Node. Members of
    /// system:masters may do everything [default: RBAC].
    #[arg(long, value_name = "MODE")]
    authorization_mode: Option<Vec<String>>,
}

impl Authorization {
    pub(super) fn read(&self, errors: &mut Errors) -> Vec<authz::Mode> {
        const FLAG: &str = "--authorization-mode";
        let Some(given) = &self.authorization_mode else { return vec![authz::Mode::Rbac] };
        let modes = value::list(given);
        if modes.is_empty() {
            errors.note(FLAG, "at least one authorization-mode must be passed");
        }
        let mut read = Vec::new();
        for (at, mode) in modes.iter().enumerate() {
            match mode.as_str() {
                "AlwaysAllow" | "AlwaysDeny" | "RBAC" | "Node" if modes[..at].contains(mode) => {
                    errors.note(FLAG, format!("{mode} is given more than once"));
                }
                "AlwaysAllow" => read.push(authz::Mode::AlwaysAllow),
                "AlwaysDeny" => read.push(authz::Mode::AlwaysDeny),
                "RBAC" => read.push(authz::Mode::Rbac),
                "Node" => read.push(authz::Mode::Node),
                "ABAC" | "Webhook" => {
                    errors.note(FLAG, format!("mode {mode} is not supported by this version of Keelson"));
                }
                _ => errors.note(FLAG, format!("authorization-mode {mode:?} is not a valid mode")),
            }
        }
        read
    }
}
