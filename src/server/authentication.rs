//! Whoever says who sends a request, made of what the configuration names.

use std::sync::Arc;

use keelson_base::task::blocking;
use tracing::warn;

use super::authentication_trust::Trust;
use super::bootstrap_tokens::BootstrapSecrets;
use super::config::Config;
use super::follow::Following;
use super::identity::Identity;
use super::issuers::Issuers;
use super::objects::Snapshots;
use super::{StartError, service_accounts};
use crate::authn::bootstrap_token::BootstrapTokens;
use crate::authn::front_proxy::FrontProxy;
use crate::authn::service_account::Verifier;
use crate::authn::token::{ForServer, TokenAuthenticator};
use crate::authn::token_cache::{Cached, KEPT_FOR};
use crate::authn::webhook::WebhookTokens;
use crate::authn::{Anonymous, Authenticator, Metrics, webhook};
use crate::authz::{Mode, Source};
use crate::bootstrap::Milestone;
use crate::outbound::{ClientMetrics, kubeconfig};
use crate::registry::Registry;

/// The same configuration, in which requests without credentials are not let in where everybody may do everything.
pub(super) fn without_almighty_strangers(mut config: Config) -> Config {
    let anonymous = &mut config.authentication.anonymous;
    if let Source::Flags(authorizers) = &config.authorization.authorizers
        && authorizers.iter().any(|authorizer| authorizer.mode == Mode::AlwaysAllow)
        && *anonymous == Anonymous::Everywhere
    {
        warn!(
            "AnonymousAuth is not allowed with the AlwaysAllow authorizer. Resetting AnonymousAuth to false. You \
             should use a different authorizer"
        );
        *anonymous = Anonymous::Disabled;
    }
    config
}

/// What authentication is made with.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) identity: &'a Identity,
    pub(super) issuers: Issuers,
    pub(super) snapshots: &'a Arc<Snapshots>,
    pub(super) registry: &'a Arc<Registry>,
    pub(super) metrics: Metrics,
    /// Counts what webhooks are asked.
    pub(super) clients: ClientMetrics,
    /// With what it follows what it follows.
    pub(super) following: &'a Following<'a>,
    /// Passed when others were told whom the server believes.
    pub(super) trust_told: &'a Milestone,
}

/// Whoever says who sends a request.
///
/// # Errors
/// Configuration files that can't be used; what the registry says of the first reading of what is followed.
pub(super) async fn authenticator(parts: Parts<'_>) -> Result<Authenticator, StartError> {
    let Parts { config, identity, issuers, snapshots, registry, metrics, clients, following, trust_told } =
        parts;
    let authentication = &config.authentication;
    let audiences = &authentication.api_audiences;
    let mut authenticator =
        Authenticator::new(identity.authorities.clone(), audiences.clone(), issuers.anonymous)
            .with_metrics(metrics.clone());
    let front_proxy = authentication.front_proxy.clone().zip(identity.front_proxies.clone());
    if let Some((config, authorities)) = &front_proxy {
        config.warnings().for_each(|text| warn!("{text}"));
        authenticator = authenticator.with_front_proxy(FrontProxy::new(authorities.clone(), config));
    }
    let trust = Trust::new(registry, identity.authorities.clone(), front_proxy);
    trust.map_err(StartError::Trust)?.keep(following, trust_told.clone());

    // The order of upstream: what is local comes first.
    let mut judges: Vec<Arc<dyn TokenAuthenticator>> = Vec::new();
    if let Some(tokens) = identity.tokens.clone() {
        judges.push(Arc::new(ForServer::new(tokens, audiences.clone())));
    }
    let subjects = service_accounts::Stored { snapshots: snapshots.clone(), registry: registry.clone() };
    let verifier = Verifier::new(
        authentication.service_accounts.issuers.clone(),
        identity.keys.public.clone(),
        audiences.clone(),
        authentication.service_accounts.lookup,
        Arc::new(subjects),
    );
    judges.push(Arc::new(verifier.with_metrics(metrics)));
    if authentication.bootstrap_tokens {
        let secrets = BootstrapSecrets::begin(registry, following).await.map_err(StartError::Trust)?;
        let tokens = BootstrapTokens::new(Arc::new(secrets));
        judges.push(Arc::new(ForServer::new(tokens, audiences.clone())));
    }
    if let Some(tokens) = issuers.tokens {
        judges.push(tokens);
    }
    if let Some(config) = &authentication.webhook {
        judges.push(webhook(config.clone(), audiences.clone(), &clients).await?);
    }
    Ok(judges.into_iter().fold(authenticator, Authenticator::with_tokens))
}

/// The webhook, and what keeps its answers.
async fn webhook(
    config: webhook::Config,
    audiences: Vec<String>,
    clients: &ClientMetrics,
) -> Result<Arc<dyn TokenAuthenticator>, StartError> {
    let file = config.file.clone();
    let peer =
        blocking(move || kubeconfig::read(&file)).await.map_err(StartError::TokenWebhook)?.counted(clients);
    if !config.kept_for.is_zero() && config.kept_for < KEPT_FOR {
        warn!(
            "the webhook cache ttl of {:?} is shorter than the overall cache ttl of {KEPT_FOR:?} for successful \
             token authentication attempts.",
            config.kept_for
        );
    }
    let tokens = Arc::new(WebhookTokens::new(peer, config.version, audiences.clone()));
    // Upstream keeps what any authenticator believes for as long at least.
    let believed_for = config.kept_for.max(KEPT_FOR);
    Ok(Arc::new(Cached::new(tokens, audiences, believed_for, config.kept_for)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tests::config;

    #[test]
    fn strangers_may_not_do_everything() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let check = |modes: &[Mode], anonymous: Anonymous, wanted: &Anonymous| {
            let mut config = config(directory.path());
            config.authorization = modes.to_vec().into();
            config.authentication.anonymous = anonymous;
            let config = without_almighty_strangers(config);
            assert_eq!(config.authentication.anonymous, *wanted, "{modes:?}");
        };
        let everywhere = || Anonymous::Everywhere;
        check(&[Mode::Rbac], everywhere(), &everywhere());
        check(&[Mode::Rbac, Mode::AlwaysAllow], everywhere(), &Anonymous::Disabled);
        check(&[Mode::AlwaysAllow], Anonymous::Disabled, &Anonymous::Disabled);
    }
}
