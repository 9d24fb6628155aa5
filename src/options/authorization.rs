//! Flags about authorization.

use std::path::PathBuf;
use std::time::Duration;

use super::{Errors, path, value};
use crate::authz::webhook::{ReviewVersion, Settings};
use crate::authz::{Config, Configured, Decision, Mode, Source};

const MODE: &str = "--authorization-mode";
const CONFIG: &str = "--authorization-config";
const POLICY: &str = "--authorization-policy-file";
const WEBHOOK: &str = "--authorization-webhook-config-file";

/// How long a webhook may take that flags name; upstream has no flag for it.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(super) struct Authorization {
    /// Who may do what, by authorizers that are asked in this order: AlwaysAllow, AlwaysDeny, ABAC, RBAC,
    /// Node, Webhook. Members of system:masters may do everything [default: RBAC].
    #[arg(long)]
    authorization_mode: Option<Vec<String>>,
    /// An AuthorizationConfiguration (apiserver.config.k8s.io) with the authorizers and how they are asked, in
    /// place of --authorization-mode and --authorization-webhook-*. It is followed while the server runs.
    #[arg(long)]
    authorization_config: Option<String>,
    /// The policies of mode ABAC, one JSON object a line.
    #[arg(long)]
    authorization_policy_file: Option<String>,
    /// The kubeconfig of the webhook that mode Webhook asks.
    #[arg(long)]
    authorization_webhook_config_file: Option<String>,
    /// The version of the SubjectAccessReview (authorization.k8s.io) that the webhook is sent: v1 or v1beta1.
    #[arg(long)]
    authorization_webhook_version: Option<String>,
    /// How long it is remembered that the webhook allowed something.
    #[arg(long)]
    authorization_webhook_cache_authorized_ttl: Option<String>,
    /// How long it is remembered that the webhook did not allow something.
    #[arg(long)]
    authorization_webhook_cache_unauthorized_ttl: Option<String>,
}

impl Authorization {
    pub(super) fn read(&self, errors: &mut Errors) -> Config {
        let policy_file = path(self.authorization_policy_file.as_ref());
        if let Some(file) = path(self.authorization_config.as_ref()) {
            if self.has_flags_of_modes() {
                errors.note(
                    CONFIG,
                    "--authorization-config can not be specified when --authorization-mode or \
                     --authorization-webhook-* flags are defined",
                );
            }
            return Config { authorizers: Source::File(file), policy_file };
        }
        let modes = self.read_modes(errors);
        let webhook = self.read_webhook(errors);
        let has = |mode: Mode| modes.contains(&mode);
        if has(Mode::Abac) && policy_file.is_none() {
            errors.note(POLICY, "authorization-mode ABAC's authorization policy file not passed");
        }
        if has(Mode::Webhook) && webhook.is_none() {
            errors.note(WEBHOOK, "authorization-mode Webhook's authorization config file not passed");
        }
        if policy_file.is_some() && !has(Mode::Abac) {
            errors.note(POLICY, "cannot specify --authorization-policy-file without mode ABAC");
        }
        if webhook.is_some() && !has(Mode::Webhook) {
            errors.note(WEBHOOK, "cannot specify --authorization-webhook-config-file without mode Webhook");
        }
        let configured = modes.into_iter().map(|mode| match (mode, &webhook) {
            (Mode::Webhook, Some(settings)) => Configured::webhook("default", settings.clone()),
            _ => Configured::usual(mode),
        });
        Config { authorizers: Source::Flags(configured.collect()), policy_file }
    }

    fn read_modes(&self, errors: &mut Errors) -> Vec<Mode> {
        let Some(given) = &self.authorization_mode else { return vec![Mode::Rbac] };
        let modes = value::list(given);
        if modes.is_empty() {
            errors.note(MODE, "at least one authorization-mode must be passed");
        }
        let mut read = Vec::new();
        for mode in &modes {
            match Mode::parse(mode) {
                Some(mode) => read.push(mode),
                None => errors.note(MODE, format!("authorization-mode {mode:?} is not a valid mode")),
            }
        }
        if modes.iter().enumerate().any(|(at, mode)| modes[..at].contains(mode)) {
            let quoted: Vec<String> = modes.iter().map(|mode| format!("{mode:?}")).collect();
            let list = quoted.join(" ");
            errors.note(MODE, format!("authorization-mode [{list}] has mode specified more than once"));
        }
        read
    }

    /// The webhook that is named; its other flags are checked in any case.
    fn read_webhook(&self, errors: &mut Errors) -> Option<Settings> {
        let version = errors.value(
            "--authorization-webhook-version",
            self.authorization_webhook_version.as_ref(),
            ReviewVersion::parse,
            ReviewVersion::V1beta1,
        );
        let authorized_ttl = errors.value(
            "--authorization-webhook-cache-authorized-ttl",
            self.authorization_webhook_cache_authorized_ttl.as_ref(),
            value::duration,
            Duration::from_secs(300),
        );
        let unauthorized_ttl = errors.value(
            "--authorization-webhook-cache-unauthorized-ttl",
            self.authorization_webhook_cache_unauthorized_ttl.as_ref(),
            value::duration,
            Duration::from_secs(30),
        );
        let kubeconfig: PathBuf = path(self.authorization_webhook_config_file.as_ref())?;
        Some(Settings {
            kubeconfig,
            version,
            authorized_ttl,
            unauthorized_ttl,
            timeout: TIMEOUT,
            on_failure: Decision::NoOpinion,
            conditions: Vec::new(),
        })
    }

    fn has_flags_of_modes(&self) -> bool {
        self.authorization_mode.is_some()
            || self.authorization_webhook_config_file.is_some()
            || self.authorization_webhook_version.is_some()
            || self.authorization_webhook_cache_authorized_ttl.is_some()
            || self.authorization_webhook_cache_unauthorized_ttl.is_some()
    }
}
