//! What authorizers count, under Kubernetes' names.

use std::time::Duration;

use keelson_base::clock;
use keelson_base::metrics::{
    HistogramVec, IntCounterVec, IntGaugeVec, MetricError, Registry, Spec, Stability,
};
use prometheus::GaugeVec;
use sha2::{Digest, Sha256};

use crate::outbound::ClientMetrics;

/// The bounds of how long webhooks take, in seconds.
const WEBHOOK_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The bounds of how long conditions take, in seconds.
const CONDITION_BUCKETS: [f64; 7] = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25];

/// The families. Clones share them.
#[derive(Clone)]
pub struct AuthorizationMetrics {
    pub(super) decisions: IntCounterVec,
    pub(super) webhook_evaluations: IntCounterVec,
    pub(super) webhook_durations: HistogramVec,
    pub(super) webhook_fail_open: IntCounterVec,
    pub(super) condition_errors: IntCounterVec,
    pub(super) condition_exclusions: IntCounterVec,
    pub(super) condition_durations: HistogramVec,
    pub(super) clients: ClientMetrics,
}

impl AuthorizationMetrics {
    /// The families, in `registry`.
    ///
    /// # Errors
    /// Where the registry has other families under their names.
    pub fn new(registry: &Registry) -> Result<Self, MetricError> {
        let spec = |name, help, labels| Spec { name, help, stability: Stability::Alpha, labels };
        Ok(AuthorizationMetrics {
            clients: ClientMetrics::new(registry)?,
            decisions: registry.counter(&spec(
                "apiserver_authorization_decisions_total",
                "Decisions that ended authorization, by the authorizer's type and name and by decision.",
                &["type", "name", "decision"],
            ))?,
            webhook_evaluations: registry.counter(&spec(
                "apiserver_authorization_webhook_evaluations_total",
                "Requests to authorization webhooks, by the authorizer's name and by result.",
                &["name", "result"],
            ))?,
            webhook_durations: registry.histogram(
                &spec(
                    "apiserver_authorization_webhook_duration_seconds",
                    "How long requests to authorization webhooks took, in seconds.",
                    &["name", "result"],
                ),
                &WEBHOOK_BUCKETS,
            )?,
            webhook_fail_open: registry.counter(&spec(
                "apiserver_authorization_webhook_evaluations_fail_open_total",
                "How often an authorization webhook that failed was passed over.",
                &["name", "result"],
            ))?,
            condition_errors: registry.counter(&spec(
                "apiserver_authorization_match_condition_evaluation_errors_total",
                "How often a match condition of an authorizer could not be evaluated.",
                &["type", "name"],
            ))?,
            condition_exclusions: registry.counter(&spec(
                "apiserver_authorization_match_condition_exclusions_total",
                "How often an authorizer was passed over, because a match condition said so.",
                &["type", "name"],
            ))?,
            condition_durations: registry.histogram(
                &spec(
                    "apiserver_authorization_match_condition_evaluation_seconds",
                    "How long the match conditions of an authorizer took, in seconds.",
                    &["type", "name"],
                ),
                &CONDITION_BUCKETS,
            )?,
        })
    }

    /// A request to a webhook ended so, after this time.
    pub(super) fn webhook(&self, name: &str, result: &str, took: Duration) {
        self.webhook_evaluations.with_label_values(&[name, result]).inc();
        self.webhook_durations.with_label_values(&[name, result]).observe(took.as_secs_f64());
    }
}

/// What is counted about a configuration file that is followed. Clones share it.
#[derive(Clone)]
pub(super) struct ReloadMetrics {
    reloads: IntCounterVec,
    last: GaugeVec,
    info: IntGaugeVec,
    server: String,
}

impl ReloadMetrics {
    /// The families in `registry`; `server` is this server's identity.
    ///
    /// # Errors
    /// Where the registry has other families under their names.
    pub(super) fn new(registry: &Registry, server: &str) -> Result<Self, MetricError> {
        let spec = |name, help, stability, labels| Spec { name, help, stability, labels };
        Ok(ReloadMetrics {
            reloads: registry.counter(&spec(
                "apiserver_authorization_config_controller_automatic_reloads_total",
                "How often a new authorization configuration was taken over, or could not be, by server.",
                Stability::Beta,
                &["status", "apiserver_id_hash"],
            ))?,
            last: registry.float_gauge(&spec(
                "apiserver_authorization_config_controller_automatic_reload_last_timestamp_seconds",
                "When a new authorization configuration was last taken over, or could not be, by server.",
                Stability::Beta,
                &["status", "apiserver_id_hash"],
            ))?,
            info: registry.gauge(&spec(
                "apiserver_authorization_config_controller_last_config_info",
                "The hash of the authorization configuration that was last taken over, by server.",
                Stability::Alpha,
                &["apiserver_id_hash", "hash"],
            ))?,
            server: hash(server.as_bytes()),
        })
    }

    /// A new configuration could not be used.
    pub(super) fn failed(&self) {
        self.reloaded("failure");
    }

    /// A new configuration was taken over.
    pub(super) fn succeeded(&self, configuration: &[u8]) {
        self.reloaded("success");
        self.uses(configuration);
    }

    /// This configuration is in use.
    pub(super) fn uses(&self, configuration: &[u8]) {
        self.info.reset();
        self.info.with_label_values(&[&self.server, &hash(configuration)]).set(1);
    }

    fn reloaded(&self, status: &str) {
        self.reloads.with_label_values(&[status, &self.server]).inc();
        let now = clock::unix_millis() as f64 / 1000.0;
        self.last.with_label_values(&[status, &self.server]).set(now);
    }
}

fn hash(data: &[u8]) -> String {
    if data.is_empty() {
        return String::new();
    }
    let digest = Sha256::digest(data);
    digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
