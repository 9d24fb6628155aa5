//! Other issuers whose tokens are believed: their authenticators, and the file that names them.

use std::sync::Arc;

use super::StartError;
use super::config::Config;
use super::lifecycle::Lifecycle;
use crate::authn::{Anonymous, jwt};
use crate::bootstrap;
use crate::telemetry::Metrics;

/// What is said of issuers.
#[derive(Debug)]
pub(super) struct Issuers {
    /// Whoever believes their tokens.
    pub(super) authenticators: Option<Arc<jwt::JwtAuthenticators>>,
    /// Which requests without credentials are let in.
    pub(super) anonymous: Anonymous,
}

impl Issuers {
    /// Starts the authenticators; the file is followed, and issuers are asked, until background work ends.
    pub(super) fn start(
        config: &Config,
        lifecycle: &Lifecycle,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        let authentication = &config.authentication;
        let surroundings = jwt::Surroundings {
            disallowed_issuers: authentication.service_accounts.issuers.clone(),
            anonymous_is_given: authentication.anonymous_is_given,
            api_audiences: authentication.api_audiences.clone(),
            server: bootstrap::server_name(),
            tasks: lifecycle.tasks.clone(),
            end: lifecycle.background.clone(),
        };
        let anonymous = authentication.anonymous.clone();
        let Some(started) = jwt::start(&authentication.jwt, surroundings, metrics.registry())? else {
            return Ok(Issuers { authenticators: None, anonymous });
        };
        if let Some(reloader) = started.reloader {
            let end = lifecycle.background.signal();
            lifecycle.tasks.spawn("authentication configuration", reloader.follow(end));
        }
        let anonymous = started.anonymous.unwrap_or(anonymous);
        Ok(Issuers { authenticators: Some(started.authenticators), anonymous })
    }
}
