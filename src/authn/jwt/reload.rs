//! Follows the file of `--authentication-config` while the server runs.
//!
//! What can't be used is logged and counted, and the old configuration holds. Who may come in without
//! credentials can't be changed so: that takes a restart, as upstream.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keelson_apimachinery::field::FieldError;
use keelson_base::clock;
use keelson_base::shutdown::Signal;
use keelson_base::task::blocking;
use sha2::{Digest, Sha256};
use tracing::{error, info};

use super::config::{AnonymousAuthConfig, AuthenticationConfiguration};
use super::{JwtAuthenticators, metrics, validation};
use crate::config_file;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Takes over what changes in the file.
pub struct Reloader {
    path: PathBuf,
    authenticators: Arc<JwtAuthenticators>,
    /// Who may come in without credentials since the start.
    anonymous: Option<AnonymousAuthConfig>,
    /// The hash of what was taken over, or found to be of no use, last.
    seen: [u8; 32],
    /// The hashes of issuers that are believed no longer: what was counted of them is forgotten the next time,
    /// when nobody counts any more.
    removed: Vec<String>,
    after_change: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Reloader {
    /// Follows a file that held `text` when the authenticators were made.
    pub(super) fn new(
        path: PathBuf,
        text: &[u8],
        authenticators: Arc<JwtAuthenticators>,
        anonymous: Option<AnonymousAuthConfig>,
    ) -> Self {
        authenticators.metrics.configured(text);
        let seen = Sha256::digest(text).into();
        Reloader { path, authenticators, anonymous, seen, removed: Vec::new(), after_change: None }
    }

    /// The same that does this whenever other issuers or rules hold: what was believed before may not be any more.
    #[must_use]
    pub fn after_change(mut self, what: impl Fn() + Send + Sync + 'static) -> Self {
        self.after_change = Some(Box::new(what));
        self
    }

    /// Follows until the signal comes.
    pub async fn follow(mut self, end: Signal) {
        while end.unless_begun(clock::sleep(LOOK_EVERY)).await.is_some() {
            end.unless_begun(self.look()).await;
        }
    }

    /// Looks at the file, and takes over what changed. Takes up to a minute where issuers don't answer.
    pub(super) async fn look(&mut self) {
        let metrics = self.authenticators.metrics.clone();
        let believed = self.authenticators.issuers();
        for hash in self.removed.drain(..) {
            if !believed.iter().any(|issuer| metrics::hash(issuer.as_bytes()) == hash) {
                metrics.forget(&hash);
            }
        }
        let path = self.path.clone();
        let text = match blocking(move || config_file::read_bytes(&path)).await {
            Ok(text) => text,
            Err(why) => {
                error!(error = %why, "failed to read authentication config file");
                return metrics.reloaded(false);
            }
        };
        let found: [u8; 32] = Sha256::digest(&text).into();
        if found == self.seen {
            return;
        }
        let taken = match self.rules(&text) {
            // It never will be of use, whoever looks again.
            Err(why) => {
                self.seen = found;
                Err(why)
            }
            // It may be later, when issuers answer.
            Ok(rules) => self.authenticators.replace(rules).await,
        };
        match taken {
            Ok(removed) => {
                if let Some(after_change) = &self.after_change {
                    after_change();
                }
                self.seen = found;
                self.removed = removed.iter().map(|issuer| metrics::hash(issuer.as_bytes())).collect();
                info!("reloaded authentication config");
                metrics.configured(&text);
                metrics.reloaded(true);
            }
            Err(why) => {
                error!(error = why, "failed to reload authentication config; the old one holds");
                metrics.reloaded(false);
            }
        }
    }

    fn rules(&self, text: &[u8]) -> Result<Vec<super::rules::Rules>, String> {
        let config = AuthenticationConfiguration::parse(text)?;
        let checked = validation::rules(&config, &self.authenticators.disallowed);
        if config.anonymous == self.anonymous {
            return checked.map_err(|errors| validation::joined(&errors));
        }
        let mut errors = checked.err().unwrap_or_default();
        errors.push(FieldError::forbidden("anonymous", "changed from initial configuration file"));
        Err(validation::joined(&errors))
    }
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").field("path", &self.path).finish_non_exhaustive()
    }
}
