//! Follows the configuration file while the server runs.

use std::path::PathBuf;
use std::sync::Arc;

use keelson_base::metrics::{MetricError, Registry};
use tracing::{error, info};

use super::super::chain::{self, Configured, Exchangeable, Lasting};
use super::super::metrics::{AuthorizationMetrics, ReloadMetrics};
use super::super::{Authorizer, Mode};
use super::load;
use crate::config_file;

/// Takes over new configurations from a file.
pub struct Follower {
    path: PathBuf,
    /// The modes that have to stay: all of the first configuration but webhooks.
    required: Vec<Mode>,
    lasting: Lasting,
    metrics: AuthorizationMetrics,
    reloads: ReloadMetrics,
    current: Arc<Exchangeable>,
    read: Vec<u8>,
    configured: Vec<Configured>,
}

/// What a file held, and what that configures.
pub type Held = (Vec<u8>, Vec<Configured>);

impl Follower {
    /// Reads the file: its bytes and what they configure, which is needed to make those authorizers that last.
    ///
    /// # Errors
    /// A file that can't be read, or used.
    pub fn read(path: &std::path::Path) -> Result<Held, String> {
        let bytes = config_file::read_bytes(path).map_err(|error| error.to_string())?;
        let configured = load(&bytes, &[])?;
        Ok((bytes, configured))
    }

    /// Follows the file that held these bytes, which configure these authorizers. `server` is this server's
    /// identity, for metrics.
    ///
    /// # Errors
    /// Where the first chain can't be built, or metrics can't be had.
    pub fn new(
        path: PathBuf,
        (read, configured): Held,
        lasting: Lasting,
        metrics: AuthorizationMetrics,
        registry: &Registry,
        server: &str,
    ) -> Result<Self, String> {
        let chain = chain::build(&configured, &lasting, &metrics)?;
        let reloads = ReloadMetrics::new(registry, server).map_err(|error: MetricError| error.to_string())?;
        reloads.uses(&read);
        let mut required: Vec<Mode> = configured.iter().map(|c| c.mode).collect();
        required.retain(|mode| *mode != Mode::Webhook);
        let current = Arc::new(Exchangeable::new(chain));
        Ok(Follower { path, required, lasting, metrics, reloads, current, read, configured })
    }

    /// Asks what the file configures, from now on and after each change.
    pub fn authorizer(&self) -> Arc<dyn Authorizer> {
        self.current.clone()
    }

    /// Looks at the file; takes over what is new in it. What can't be used is told once, and the old stays. Reads
    /// files.
    pub fn look(&mut self) {
        let failed = |why: &str, reloads: &ReloadMetrics| {
            error!(error = why, "reloading authorization config");
            reloads.failed();
        };
        let bytes = match config_file::read_bytes(&self.path) {
            Ok(bytes) if bytes == self.read => return,
            Ok(bytes) => bytes,
            Err(failure) => return failed(&failure.to_string(), &self.reloads),
        };
        self.read.clone_from(&bytes);
        let configured = match load(&bytes, &self.required) {
            Ok(configured) if configured == self.configured => return,
            Ok(configured) => configured,
            Err(failure) => return failed(&failure, &self.reloads),
        };
        match chain::build(&configured, &self.lasting, &self.metrics) {
            Ok(chain) => {
                self.current.exchange(chain);
                self.configured = configured;
                info!("reloaded authz config");
                self.reloads.succeeded(&bytes);
            }
            Err(failure) => failed(&failure, &self.reloads),
        }
    }
}
