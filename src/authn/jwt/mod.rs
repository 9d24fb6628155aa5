//! JWT authenticators: tokens of issuers that the cluster's administrator believes (OpenID Connect).
//!
//! Which issuers, and which user the claims of their tokens name, says a file ([`config`], of
//! `--authentication-config`) or the flags `--oidc-*` ([`flags`]), which are made into the same. [`validation`]
//! checks it and makes [`rules`] of it; nothing else can. Every issuer then has an
//! [`authenticator`] that checks its tokens with the keys that a [`provider`] keeps in the background.
//!
//! The order in which a token is judged: who claims to have issued it (others are somebody else's), whether it
//! is for one of the audiences and of its time, whether one of the issuer's keys signed it, and only then which
//! user it names, and whether that one may come in. A token that was believed is believed for a few seconds
//! more without being looked at: that is the business of [`crate::authn`]'s cache.
//!
//! Source: "OpenID Connect Tokens" and "Using Authentication Configuration" in the authentication chapter of the
//! Kubernetes documentation; OpenID Connect Core 1.0; RFC 7519.

mod authenticator;
mod claims;
pub mod config;
mod distributed;
mod expression;
pub mod flags;
mod metrics;
mod provider;
mod reload;
mod rules;
mod url;
mod validation;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures::future::join_all;
use keelson_apimachinery::field::{FieldError, quote};
use keelson_base::metrics::{MetricError, Registry};
use keelson_base::shutdown::Shutdown;
use keelson_base::task::TaskGroup;

use self::authenticator::JwtAuthenticator;
use self::claims::Claims;
use self::config::AuthenticationConfiguration;
pub use self::flags::{Flags, signing_algorithm};
use self::metrics::Metrics;
pub use self::reload::Reloader;
use self::rules::Rules;
use super::Anonymous;
use super::jws;
use super::token::{Believed, TokenAuthenticator, common};
use crate::config_file;
use crate::request::UserInfo;

/// How long the issuers of a changed configuration may take to be discovered.
const DISCOVERED_WITHIN: Duration = Duration::from_secs(60);

/// Where it is said which issuers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: none is.
    #[default]
    None,
    /// On the command line.
    Flags(Box<Flags>),
    /// In a file, which is followed while the server runs.
    File(PathBuf),
}

/// What authenticators need of their server.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Issuers that may not be configured: those of service accounts' tokens.
    pub disallowed_issuers: Vec<String>,
    /// Whether the command line says which requests without credentials are let in.
    pub anonymous_is_given: bool,
    /// What names the server goes by: all tokens count as being for it.
    pub api_audiences: Vec<String>,
    /// The server's own name.
    pub server: String,
    /// What background work is done by.
    pub tasks: TaskGroup,
    /// When that ends.
    pub end: Shutdown,
}

/// Why there can't be authenticators.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file can't be read, or is none.
    #[error("failed to load authentication configuration from file {}: {reason}", quote(&path.display().to_string()))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The issuer's authorities can't be read.
    #[error("--oidc-ca-file: {0}")]
    Authorities(std::io::Error),
    /// The file and the command line both say which requests without credentials are let in.
    #[error(
        "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in \
         authentication configuration file"
    )]
    AnonymousTwice,
    /// The configuration is wrong: all that is.
    #[error("invalid authentication configuration: {0}")]
    Invalid(String),
    /// Metrics were registered twice.
    #[error("metrics: {0}")]
    Metrics(#[from] MetricError),
}

/// Authenticators that run.
#[derive(Debug)]
pub struct Started {
    /// They.
    pub authenticators: Arc<JwtAuthenticators>,
    /// Which requests without credentials the file lets in; `None` where it doesn't say.
    pub anonymous: Option<Anonymous>,
    /// Whoever follows the file, where there is one.
    pub reloader: Option<Reloader>,
}

/// Starts the authenticators of a source; `None` where there is none. Reads files, but asks no issuer before it
/// returns.
///
/// # Errors
/// See [`StartError`].
pub fn start(
    source: &Source,
    surroundings: Surroundings,
    registry: &Registry,
) -> Result<Option<Started>, StartError> {
    let (config, algorithms, file) = match source {
        Source::None => return Ok(None),
        Source::Flags(flags) => {
            let config = flags.configuration().map_err(StartError::Authorities)?;
            (config, flags.signing_algorithms.clone(), None)
        }
        Source::File(path) => {
            let text = config_file::read_bytes(path).map_err(|why| why.to_string());
            let read = text.and_then(|text| Ok((AuthenticationConfiguration::parse(&text)?, text)));
            let (config, text) = read.map_err(|reason| StartError::File { path: path.clone(), reason })?;
            // Whatever verifies a signature may have signed it.
            (config, jws::ALGORITHMS.to_vec(), Some((path, text)))
        }
    };
    if config.anonymous.is_some() && surroundings.anonymous_is_given {
        return Err(StartError::AnonymousTwice);
    }
    let rules = validation::rules(&config, &surroundings.disallowed_issuers);
    let rules = rules.map_err(|errors| StartError::Invalid(validation::joined(&errors)))?;
    let metrics = Arc::new(Metrics::register(registry, &surroundings.server)?);
    let authenticators = JwtAuthenticators::start(rules, algorithms, surroundings, metrics);
    let authenticators = Arc::new(authenticators.map_err(StartError::Invalid)?);
    let anonymous = config.anonymous;
    let follow = |(path, text): (&PathBuf, Vec<u8>)| {
        Reloader::new(path.clone(), &text, authenticators.clone(), anonymous.clone())
    };
    let reloader = file.map(follow);
    let anonymous = anonymous.as_ref().map(Anonymous::from);
    Ok(Some(Started { authenticators, anonymous, reloader }))
}

/// A configuration that was checked, apart from issuers and their keys.
#[derive(Debug)]
pub struct Checked(Vec<Rules>);

impl Checked {
    /// Checks a configuration; service accounts' tokens are of the `disallowed_issuers`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(
        config: &AuthenticationConfiguration,
        disallowed_issuers: &[String],
    ) -> Result<Self, Vec<FieldError>> {
        validation::rules(config, disallowed_issuers).map(Checked)
    }

    /// The user that a token with this payload would name, were it signed by the issuer that it names, and of its
    /// time, and for the right audience.
    ///
    /// # Errors
    /// Why it would name none.
    pub fn user_of(&self, payload: &[u8]) -> Result<UserInfo, String> {
        let claims = Claims::parse(payload)?;
        let issuer = claims.standard()?.issuer;
        let rules = self.0.iter().find(|rules| rules.issuer.url == claims::issuer_url(&issuer));
        rules.ok_or_else(|| format!("no issuer is called {}", quote(&issuer)))?.user(&claims)
    }
}

/// Believes the tokens of all configured issuers.
#[derive(Debug)]
pub struct JwtAuthenticators {
    current: ArcSwap<Generation>,
    algorithms: Vec<&'static str>,
    api_audiences: Vec<String>,
    disallowed: Vec<String>,
    tasks: TaskGroup,
    end: Shutdown,
    metrics: Arc<Metrics>,
}

/// The issuers of one configuration. Their background work ends when nobody uses them any more.
#[derive(Debug)]
struct Generation {
    issuers: Vec<JwtAuthenticator>,
    end: Shutdown,
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.end.begin();
    }
}

impl Generation {
    fn start(
        rules: Vec<Rules>,
        algorithms: &[&'static str],
        tasks: &TaskGroup,
        end: Shutdown,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, String> {
        let mut generation = Generation { issuers: Vec::with_capacity(rules.len()), end };
        for rules in rules {
            let signal = generation.end.signal();
            let started = JwtAuthenticator::start(rules, algorithms, tasks, &signal, metrics);
            generation.issuers.push(started?);
        }
        Ok(generation)
    }

    /// The authenticator of the issuer that the token claims to be of.
    fn concerned(&self, token: &str) -> Option<&JwtAuthenticator> {
        if self.issuers.is_empty() {
            return None;
        }
        let claimed = jws::claimed_issuer(token)?;
        let url = claims::issuer_url(&claimed);
        self.issuers.iter().find(|authenticator| authenticator.issuer() == url)
    }
}

impl JwtAuthenticators {
    fn start(
        rules: Vec<Rules>,
        algorithms: Vec<&'static str>,
        surroundings: Surroundings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let Surroundings { disallowed_issuers, api_audiences, tasks, end, .. } = surroundings;
        let generation = Generation::start(rules, &algorithms, &tasks, end.child(), &metrics)?;
        let current = ArcSwap::from_pointee(generation);
        let disallowed = disallowed_issuers;
        Ok(JwtAuthenticators { current, algorithms, api_audiences, disallowed, tasks, end, metrics })
    }

    /// The URLs of the issuers that are believed now.
    pub fn issuers(&self) -> Vec<String> {
        self.current.load().issuers.iter().map(|one| one.issuer().to_owned()).collect()
    }

    /// Believes the issuers of these rules, and no others, once all of them were discovered. Returns those that
    /// are not believed any more.
    ///
    /// # Errors
    /// Why the new issuers can't be used; the old ones are believed still.
    async fn replace(&self, rules: Vec<Rules>) -> Result<Vec<String>, String> {
        let metrics = &self.metrics;
        let new = Generation::start(rules, &self.algorithms, &self.tasks, self.end.child(), metrics)?;
        let all = join_all(new.issuers.iter().map(|one| one.provider().ready()));
        if tokio::time::timeout(DISCOVERED_WITHIN, all).await.is_err() {
            let unready = new.issuers.iter().map(JwtAuthenticator::provider).filter(|one| !one.is_ready());
            let told = unready.map(|one| {
                let why = one.failure().unwrap_or_else(|| "it did not answer yet".to_owned());
                format!("oidc: authenticator for issuer {} is not healthy: {why}", quote(one.issuer()))
            });
            return Err(told.collect::<Vec<_>>().join(", "));
        }
        let old = self.issuers();
        self.current.store(Arc::new(new));
        let new = self.issuers();
        Ok(old.into_iter().filter(|issuer| !new.contains(issuer)).collect())
    }
}

#[async_trait]
impl TokenAuthenticator for JwtAuthenticators {
    fn is_concerned(&self, token: &str) -> bool {
        self.current.load().concerned(token).is_some()
    }

    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        // Whom tokens are for, the issuers' rules say; to whoever asks, they are for the server.
        let audiences = common(&self.api_audiences, audiences);
        let generation = self.current.load_full();
        match generation.concerned(token) {
            Some(authenticator) if !audiences.is_empty() => {
                let user = authenticator.user_of(token).await?;
                Ok(Some(Believed { user, audiences, warning: None }))
            }
            _ => Ok(None),
        }
    }
}
