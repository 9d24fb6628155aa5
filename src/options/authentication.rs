//! Flags about authentication.

use super::oidc::Oidc;
use super::service_accounts::ServiceAccounts;
use super::{Errors, path, value};
use crate::authn::{self, Anonymous};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Authentication")]
pub(super) struct Authentication {
    /// Whether requests without credentials are let on to authorization, as system:anonymous
    /// [default: true].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    anonymous_auth: Option<String>,
    /// The authorities whose client certificates are believed: the subject's common name is the user, its
    /// organizations are the groups [default: one that the server makes].
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<String>,
    /// Bearer tokens that are believed, one a line: token,user,uid,"group1,group2".
    #[arg(long, value_name = "FILE")]
    token_auth_file: Option<String>,
}

impl Authentication {
    fn anonymous(&self, errors: &mut Errors) -> Anonymous {
        match errors.value("--anonymous-auth", self.anonymous_auth.as_ref(), value::boolean, true) {
            true => Anonymous::Everywhere,
            false => Anonymous::Disabled,
        }
    }

    pub(super) fn read(&self, accounts: &ServiceAccounts, oidc: &Oidc, errors: &mut Errors) -> authn::Config {
        let service_accounts = accounts.read(errors);
        authn::Config {
            client_ca_file: path(self.client_ca_file.as_ref()),
            token_file: path(self.token_auth_file.as_ref()),
            front_proxy: None,
            anonymous: self.anonymous(errors),
            anonymous_is_given: self.anonymous_auth.is_some(),
            jwt: oidc.read(errors),
            api_audiences: accounts.api_audiences(&service_accounts),
            service_accounts,
        }
    }
}
