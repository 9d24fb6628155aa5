//! What authentication counts, under Kubernetes' names.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::metrics::{MetricError, Registry, Spec, Stability};
use prometheus::{Histogram, IntCounter, IntGauge};

/// The bounds of how long looking a token up takes, in seconds: Prometheus' own.
const LOOK_UPS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The bounds of how long certificates are still valid, in seconds: from none over hours and days to a year.
const LIFETIMES: [f64; 14] = [
    0.0,
    1800.0,
    3600.0,
    7200.0,
    21600.0,
    43200.0,
    86400.0,
    172_800.0,
    345_600.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    15_552_000.0,
    31_104_000.0,
];

/// The families. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    families: Arc<Families>,
}

#[derive(Debug)]
struct Families {
    certificate_lifetimes: Histogram,
    tokens: Tokens,
    hits: LookUps,
    misses: LookUps,
    fetched: IntCounter,
    fetches_failed: IntCounter,
    blocked: IntGauge,
    in_flight: IntGauge,
}

/// Look-ups of tokens that went the same way.
#[derive(Debug)]
struct LookUps {
    count: IntCounter,
    durations: Histogram,
}

/// The tokens of service accounts that were used, by their kind.
#[derive(Debug)]
pub(super) struct Tokens {
    /// Those that name no audience.
    pub(super) legacy: IntCounter,
    /// Those that should have been exchanged for others.
    pub(super) stale: IntCounter,
    /// Those that are good for a while.
    pub(super) valid: IntCounter,
    /// Those in secrets that somebody made.
    pub(super) manual: IntCounter,
    /// Those in secrets that were made for every account.
    pub(super) generated: IntCounter,
    /// Those that are marked as believed no longer.
    pub(super) invalidated: IntCounter,
}

impl Metrics {
    /// The families, in `registry`.
    ///
    /// # Errors
    /// Where the registry has other families under their names.
    pub fn new(registry: &Registry) -> Result<Self, MetricError> {
        fn spec<'a>(name: &'a str, help: &'a str, labels: &'a [&'a str]) -> Spec<'a> {
            Spec { name, help, stability: Stability::Alpha, labels }
        }
        let count = |name: &str, help: &str| {
            registry.counter(&spec(name, help, &[])).map(|family| family.with_label_values::<&str>(&[]))
        };
        let tokens = Tokens {
            legacy: count(
                "serviceaccount_legacy_tokens_total",
                "Uses of service accounts' tokens that name no audience.",
            )?,
            stale: count(
                "serviceaccount_stale_tokens_total",
                "Uses of service accounts' tokens that should have been exchanged for new ones.",
            )?,
            valid: count(
                "serviceaccount_valid_tokens_total",
                "Uses of service accounts' tokens that are good for a while.",
            )?,
            manual: count(
                "serviceaccount_legacy_manual_token_uses_total",
                "Uses of tokens in secrets that somebody made for a service account.",
            )?,
            generated: count(
                "serviceaccount_legacy_auto_token_uses_total",
                "Uses of tokens in secrets that were made for every service account.",
            )?,
            invalidated: count(
                "serviceaccount_invalid_legacy_auto_token_uses_total",
                "Uses of tokens in secrets that are marked as believed no longer.",
            )?,
        };
        let lifetimes = spec(
            "apiserver_client_certificate_expiration_seconds",
            "How long the client certificates of requests are still valid, in seconds.",
            &[],
        );
        let requests = registry.counter(&spec(
            "authentication_token_cache_request_total",
            "Bearer tokens that were looked up, by whether they were known.",
            &["status"],
        ))?;
        let durations = registry.histogram(
            &spec(
                "authentication_token_cache_request_duration_seconds",
                "How long it took to look bearer tokens up, in seconds, by whether they were known.",
                &["status"],
            ),
            &LOOK_UPS,
        )?;
        let look_ups = |status: &str| LookUps {
            count: requests.with_label_values(&[status]),
            durations: durations.with_label_values(&[status]),
        };
        let fetches = registry.counter(&spec(
            "authentication_token_cache_fetch_total",
            "Bearer tokens that were judged, by whether that could be done.",
            &["status"],
        ))?;
        let active = registry.gauge(&spec(
            "authentication_token_cache_active_fetch_count",
            "Bearer tokens that are judged now, and requests that wait for that.",
            &["status"],
        ))?;
        let families = Families {
            certificate_lifetimes: registry.histogram(&lifetimes, &LIFETIMES)?.with_label_values::<&str>(&[]),
            tokens,
            hits: look_ups("hit"),
            misses: look_ups("miss"),
            fetched: fetches.with_label_values(&["ok"]),
            fetches_failed: fetches.with_label_values(&["error"]),
            blocked: active.with_label_values(&["blocked"]),
            in_flight: active.with_label_values(&["in_flight"]),
        };
        Ok(Metrics { families: Arc::new(families) })
    }

    /// Notes a client certificate that is valid for so many seconds more.
    pub(super) fn certificate(&self, remaining: i64) {
        self.families.certificate_lifetimes.observe(remaining as f64);
    }

    /// The tokens of service accounts that were used.
    pub(super) fn tokens(&self) -> &Tokens {
        &self.families.tokens
    }

    /// Counts a token that was looked up, known or not, in so much time.
    pub(super) fn looked_up(&self, known: bool, took: Duration) {
        let look_ups = if known { &self.families.hits } else { &self.families.misses };
        look_ups.count.inc();
        look_ups.durations.observe(took.as_secs_f64());
    }

    /// Counts a token that is judged, until [`Fetch::done`] or the end of what it returns.
    pub(super) fn fetch(&self) -> Fetch {
        self.families.blocked.inc();
        self.families.in_flight.inc();
        Fetch { families: self.families.clone() }
    }
}

/// A token that is judged.
pub(super) struct Fetch {
    families: Arc<Families>,
}

impl Fetch {
    /// It is judged: all that were asked could tell, or not.
    pub(super) fn done(self, could_tell: bool) {
        let count = if could_tell { &self.families.fetched } else { &self.families.fetches_failed };
        count.inc();
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.families.blocked.dec();
        self.families.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_are_counted_by_how_they_went() {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).expect("the only families");
        metrics.looked_up(true, Duration::from_millis(1));
        metrics.certificate(4000);
        let fetch = metrics.fetch();
        let check = |line: &str| {
            let text = registry.encode().expect("text");
            assert!(text.contains(line), "no {line} in\n{text}");
        };
        check("authentication_token_cache_active_fetch_count{status=\"in_flight\"} 1");
        fetch.done(false);
        check("authentication_token_cache_active_fetch_count{status=\"in_flight\"} 0");
        check("authentication_token_cache_fetch_total{status=\"error\"} 1");
        check("authentication_token_cache_request_total{status=\"hit\"} 1");
        check("authentication_token_cache_request_total{status=\"miss\"} 0");
        check("apiserver_client_certificate_expiration_seconds_bucket{le=\"7200\"} 1");
        check("serviceaccount_valid_tokens_total 0");
    }
}
