//! Other issuers whose tokens are believed: their authenticators, and the file that names them.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::config::Config;
use super::lifecycle::Lifecycle;
use crate::authn::token_cache::{Cached, KEPT_FOR};
use crate::authn::{Anonymous, jwt};
use crate::bootstrap;
use crate::telemetry::Metrics;

/// What is said of issuers.
#[derive(Debug)]
pub(super) struct Issuers {
    /// Whoever believes their tokens.
    pub(super) tokens: Option<Arc<Cached<jwt::JwtAuthenticators>>>,
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
            return Ok(Issuers { tokens: None, anonymous });
        };
        let audiences = authentication.api_audiences.clone();
        let tokens = Arc::new(Cached::new(started.authenticators, audiences, KEPT_FOR, Duration::ZERO));
        if let Some(reloader) = started.reloader {
            let (end, cached) = (lifecycle.background.signal(), tokens.clone());
            let reloader = reloader.after_change(move || cached.forget());
            lifecycle.tasks.spawn("authentication configuration", reloader.follow(end));
        }
        let anonymous = started.anonymous.unwrap_or(anonymous);
        Ok(Issuers { tokens: Some(tokens), anonymous })
    }
}
