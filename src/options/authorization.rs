//! Flags about authorization.

use super::{Errors, value};
use crate::authz;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Authorization")]
pub(super) struct Authorization {
    /// Who may do what. AlwaysAllow lets everyone do everything [default: members of system:masters may do
    /// everything, others may read health and version].
    #[arg(long, value_name = "MODE")]
    authorization_mode: Option<Vec<String>>,
}

impl Authorization {
    pub(super) fn read(&self, errors: &mut Errors) -> authz::Mode {
        const FLAG: &str = "--authorization-mode";
        let Some(given) = &self.authorization_mode else { return authz::Mode::PrivilegedOnly };
        let modes = value::list(given);
        if modes.is_empty() {
            errors.note(FLAG, "at least one authorization-mode must be passed");
        }
        for (at, mode) in modes.iter().enumerate() {
            match mode.as_str() {
                "AlwaysAllow" if modes[..at].contains(mode) => {
                    errors.note(FLAG, format!("{mode} is given more than once"));
                }
                "AlwaysAllow" => {}
                "AlwaysDeny" | "ABAC" | "Node" | "RBAC" | "Webhook" => {
                    errors.note(FLAG, format!("mode {mode} is not supported by this version of Keelson"));
                }
                _ => errors.note(FLAG, format!("authorization-mode {mode:?} is not a valid mode")),
            }
        }
        authz::Mode::AlwaysAllow
    }
}
