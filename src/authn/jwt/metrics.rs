//! What is counted of JWT authenticators, and of the file that configures them.

use std::time::Duration;

use keelson_base::clock;
use keelson_base::metrics::{
    GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec, MetricError, Registry, Spec, Stability,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Upper bounds of how long a token takes, in seconds.
const LATENCIES: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const RESULTS: [&str; 2] = ["failure", "success"];

/// The families. Servers and issuers are named by hashes in them.
pub(super) struct Metrics {
    server: String,
    latencies: HistogramVec,
    fetches: GaugeVec,
    key_sets: IntGaugeVec,
    /// The hash of each issuer's last key set, by the issuer's.
    last_key_sets: Mutex<std::collections::BTreeMap<String, String>>,
    reloads: IntCounterVec,
    reload_times: GaugeVec,
    configurations: IntGaugeVec,
    last_configuration: Mutex<String>,
}

impl Metrics {
    /// Registers the families; `server` is the server's name.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub(super) fn register(registry: &Registry, server: &str) -> Result<Self, MetricError> {
        let spec = |name, help, stability, labels| Spec { name, help, stability, labels };
        let (alpha, beta) = (Stability::Alpha, Stability::Beta);
        Ok(Metrics {
            server: hash(server.as_bytes()),
            latencies: registry.histogram(
                &spec(
                    "apiserver_authentication_jwt_authenticator_latency_seconds",
                    "How long the tokens of an issuer took that were not found in a cache, in seconds.",
                    alpha,
                    &["result", "jwt_issuer_hash"],
                ),
                &LATENCIES,
            )?,
            fetches: registry.float_gauge(&spec(
                "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds",
                "When an issuer's key set was last asked for, by result; in seconds since 1970.",
                alpha,
                &["result", "jwt_issuer_hash", "apiserver_id_hash"],
            ))?,
            key_sets: registry.gauge(&spec(
                "apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info",
                "The hash of an issuer's key set as it was last fetched.",
                alpha,
                &["jwt_issuer_hash", "apiserver_id_hash", "hash"],
            ))?,
            last_key_sets: Mutex::default(),
            reloads: registry.counter(&spec(
                "apiserver_authentication_config_controller_automatic_reloads_total",
                "How often the authentication configuration changed while the server ran, by status.",
                beta,
                &["status", "apiserver_id_hash"],
            ))?,
            reload_times: registry.float_gauge(&spec(
                "apiserver_authentication_config_controller_automatic_reload_last_timestamp_seconds",
                "When the authentication configuration last changed while the server ran, by status; in seconds \
                 since 1970.",
                beta,
                &["status", "apiserver_id_hash"],
            ))?,
            configurations: registry.gauge(&spec(
                "apiserver_authentication_config_controller_last_config_info",
                "The hash of the authentication configuration that holds.",
                alpha,
                &["apiserver_id_hash", "hash"],
            ))?,
            last_configuration: Mutex::default(),
        })
    }

    /// A token of this issuer was judged.
    pub(super) fn judged(&self, issuer_hash: &str, believed: bool, took: Duration) {
        let labels = [RESULTS[usize::from(believed)], issuer_hash];
        self.latencies.with_label_values(&labels).observe(took.as_secs_f64());
    }

    /// The key set of this issuer was asked for: here it is, or there is none.
    pub(super) fn fetched(&self, issuer_hash: &str, key_set: Option<&[u8]>) {
        let result = RESULTS[usize::from(key_set.is_some())];
        self.fetches.with_label_values(&[result, issuer_hash, &self.server]).set(now());
        let Some(key_set) = key_set else { return };
        let new = hash(key_set);
        let mut last = self.last_key_sets.lock();
        let old = last.insert(issuer_hash.to_owned(), new.clone());
        self.replace_key_set(issuer_hash, old.as_deref(), Some(&new));
    }

    /// The issuer is not believed any more.
    pub(super) fn forget(&self, issuer_hash: &str) {
        for result in RESULTS {
            // It is an error where there is none; none is what is wanted.
            let _ = self.fetches.remove_label_values(&[result, issuer_hash, &self.server]);
        }
        let old = self.last_key_sets.lock().remove(issuer_hash);
        self.replace_key_set(issuer_hash, old.as_deref(), None);
    }

    fn replace_key_set(&self, issuer_hash: &str, old: Option<&str>, new: Option<&str>) {
        if let Some(old) = old.filter(|old| Some(*old) != new) {
            let _ = self.key_sets.remove_label_values(&[issuer_hash, &self.server, old]);
        }
        if let Some(new) = new {
            self.key_sets.with_label_values(&[issuer_hash, &self.server, new]).set(1);
        }
    }

    /// A changed configuration could, or could not, be used.
    pub(super) fn reloaded(&self, succeeded: bool) {
        let labels = [RESULTS[usize::from(succeeded)], &self.server];
        self.reloads.with_label_values(&labels).inc();
        self.reload_times.with_label_values(&labels).set(now());
    }

    /// This configuration holds from now on.
    pub(super) fn configured(&self, text: &[u8]) {
        let new = hash(text);
        let old = std::mem::replace(&mut *self.last_configuration.lock(), new.clone());
        if !old.is_empty() && old != new {
            let _ = self.configurations.remove_label_values(&[&self.server, &old]);
        }
        self.configurations.with_label_values(&[&self.server, &new]).set(1);
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("server", &self.server).finish_non_exhaustive()
    }
}

/// How metrics name something; nothing is named by nothing.
pub(super) fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write;
    if bytes.is_empty() {
        return String::new();
    }
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Seconds since 1970.
fn now() -> f64 {
    // Exact for the next 285,000 years.
    #[allow(clippy::cast_precision_loss)]
    let millis = clock::unix_millis() as f64;
    millis / 1000.0
}
