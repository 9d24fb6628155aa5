//! Flags about authentication.

use std::time::Duration;

use super::front_proxy::FrontProxy;
use super::oidc::Oidc;
use super::service_accounts::ServiceAccounts;
use super::{Errors, path, value};
use crate::authn::webhook::{self, Version};
use crate::authn::{self, Anonymous};

#[derive(Debug, clap::Args)]
pub(super) struct Authentication {
    /// Whether requests without credentials are let on to authorization, as system:anonymous.
    #[arg(long)]
    anonymous_auth: Option<String>,
    /// The authorities whose client certificates are believed: the subject's common name is the user, its
    /// organizations are the groups [default: one that the server makes].
    #[arg(long)]
    client_ca_file: Option<String>,
    /// Bearer tokens that are believed, one a line: token,user,uid,"group1,group2".
    #[arg(long)]
    token_auth_file: Option<String>,
    #[command(flatten)]
    front_proxy: FrontProxy,
    /// Whether tokens are believed that lie in secrets of the type bootstrap.kubernetes.io/token in the namespace
    /// kube-system, as new nodes use them.
    #[arg(long)]
    enable_bootstrap_token_auth: Option<String>,
    /// The kubeconfig of a webhook that is asked whose bearer tokens are [default: none is asked].
    #[arg(long)]
    authentication_token_webhook_config_file: Option<String>,
    /// The version of the TokenReview that the webhook is sent: v1 or v1beta1.
    #[arg(long)]
    authentication_token_webhook_version: Option<String>,
    /// How long the webhook's answers are kept.
    #[arg(long)]
    authentication_token_webhook_cache_ttl: Option<String>,
}

impl Authentication {
    fn webhook(&self, errors: &mut Errors) -> Option<webhook::Config> {
        let kept_for = errors.value(
            "--authentication-token-webhook-cache-ttl",
            self.authentication_token_webhook_cache_ttl.as_ref(),
            value::duration,
            Duration::from_secs(120),
        );
        let file = path(self.authentication_token_webhook_config_file.as_ref())?;
        let version = errors.value(
            "--authentication-token-webhook-version",
            self.authentication_token_webhook_version.as_ref(),
            version,
            Version::default(),
        );
        Some(webhook::Config { file, version, kept_for })
    }

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
            front_proxy: self.front_proxy.read(errors),
            anonymous: self.anonymous(errors),
            anonymous_is_given: self.anonymous_auth.is_some(),
            jwt: oidc.read(errors),
            api_audiences: accounts.api_audiences(&service_accounts),
            service_accounts,
            bootstrap_tokens: errors.value(
                "--enable-bootstrap-token-auth",
                self.enable_bootstrap_token_auth.as_ref(),
                value::boolean,
                false,
            ),
            webhook: self.webhook(errors),
        }
    }
}

fn version(text: &str) -> Result<Version, String> {
    match text {
        "v1" => Ok(Version::V1),
        "v1beta1" => Ok(Version::V1Beta1),
        _ => Err(format!(
            "unsupported authentication webhook version {text:?}, supported versions are \"v1\", \"v1beta1\""
        )),
    }
}
