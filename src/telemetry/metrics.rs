//! The server's own metrics, under Kubernetes' names.
//!
//! Labels that come from requests take values from a closed set: what the server serves. A client can't make
//! the number of series grow.

use std::time::Duration;

use keelson_base::metrics::{
    HistogramVec, IntCounterVec, IntGaugeVec, MetricError, Registry, Spec, Stability,
};
use prometheus::IntGauge;
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;

/// The media type of the exposition.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// The bounds of request durations, in seconds.
const DURATIONS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];

/// The bounds of answer sizes, in bytes.
const SIZES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// What a request was about, in the words of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestLabels {
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE`, `DELETECOLLECTION`, …
    pub verb: &'static str,
    /// The group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The resource's plural; empty for paths of no resource.
    pub resource: &'static str,
    /// The subresource; for paths of no resource that are served, the path.
    pub subresource: &'static str,
    /// `resource`, `namespace` or `cluster`; empty for paths of no resource.
    pub scope: &'static str,
    /// `All` where nothing was to be written, else empty.
    pub dry_run: &'static str,
}

/// The server's own metric families.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    sizes: HistogramVec,
    in_flight: IntGaugeVec,
    long_running: IntGaugeVec,
    terminations: IntCounterVec,
    tls_errors: IntCounterVec,
    authentication: IntCounterVec,
    authorization: IntCounterVec,
}

/// How a request was refused credentials, or a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Success,
    Failure,
    Error,
}

impl Attempt {
    fn authentication(self) -> &'static str {
        match self {
            Attempt::Success => "success",
            Attempt::Failure => "failure",
            Attempt::Error => "error",
        }
    }

    fn authorization(self) -> &'static str {
        match self {
            Attempt::Success => "allowed",
            Attempt::Failure => "denied",
            Attempt::Error => "error",
        }
    }
}

impl Metrics {
    /// The families, in `registry`.
    ///
    /// # Errors
    /// Where the registry has other families under their names.
    pub fn new(registry: Registry) -> Result<Self, MetricError> {
        use Stability::{Alpha, Stable};
        registry.collector("process", Box::new(Process(ProcessCollector::for_self())))?;
        const ABOUT: [&str; 7] =
            ["component", "group", "resource", "scope", "subresource", "verb", "version"];
        let spec = |name, help, stability, labels| Spec { name, help, stability, labels };
        Ok(Metrics {
            requests: registry.counter(&spec(
                "apiserver_request_total",
                "Requests, by verb, dry run, group, version, resource, scope, component and status code.",
                Stable,
                &[
                    "code",
                    "component",
                    "dry_run",
                    "group",
                    "resource",
                    "scope",
                    "subresource",
                    "verb",
                    "version",
                ],
            ))?,
            durations: registry.histogram(
                &spec(
                    "apiserver_request_duration_seconds",
                    "How long answers took, in seconds.",
                    Stable,
                    &["component", "dry_run", "group", "resource", "scope", "subresource", "verb", "version"],
                ),
                &DURATIONS,
            )?,
            sizes: registry.histogram(
                &spec("apiserver_response_sizes", "Sizes of answers, in bytes.", Stable, &ABOUT),
                &SIZES,
            )?,
            in_flight: registry.gauge(&spec(
                "apiserver_current_inflight_requests",
                "Requests that are served now and count against the limits, by kind.",
                Stable,
                &["request_kind"],
            ))?,
            long_running: registry.gauge(&spec(
                "apiserver_longrunning_requests",
                "Long-running requests that are served now.",
                Stable,
                &ABOUT,
            ))?,
            terminations: registry.counter(&spec(
                "apiserver_request_terminations_total",
                "Requests that the server ended to protect itself.",
                Alpha,
                &["code", "component", "group", "resource", "scope", "subresource", "verb", "version"],
            ))?,
            tls_errors: registry.counter(&spec(
                "apiserver_tls_handshake_errors_total",
                "Requests dropped with a TLS handshake error.",
                Alpha,
                &[],
            ))?,
            authentication: registry.counter(&spec(
                "authentication_attempts",
                "Attempts to authenticate, by result.",
                Alpha,
                &["result"],
            ))?,
            authorization: registry.counter(&spec(
                "authorization_attempts_total",
                "Attempts to authorize, by result.",
                Alpha,
                &["result"],
            ))?,
            registry,
        })
    }

    /// Counts an answer that was sent, after `took`, with `bytes` of body.
    pub(crate) fn request_ended(&self, labels: &RequestLabels, code: u16, took: Duration, bytes: u64) {
        let RequestLabels { verb, group, version, resource, subresource, scope, dry_run } = labels;
        let mut digits = itoa::Buffer::new();
        self.requests
            .with_label_values(&[
                digits.format(code),
                COMPONENT,
                dry_run,
                group,
                resource,
                scope,
                subresource,
                verb,
                version,
            ])
            .inc();
        self.durations
            .with_label_values(&[COMPONENT, dry_run, group, resource, scope, subresource, verb, version])
            .observe(took.as_secs_f64());
        if matches!(*verb, "GET" | "LIST") && !resource.is_empty() {
            self.sizes.with_label_values(&labels.about()).observe(bytes as f64);
        }
    }

    /// Counts a long-running request until the guard is dropped.
    pub(crate) fn long_running(&self, labels: &RequestLabels) -> GaugeGuard {
        GaugeGuard::new(self.long_running.with_label_values(&labels.about()))
    }

    /// Counts a request against its limit until the guard is dropped.
    pub(crate) fn in_flight(&self, mutating: bool) -> GaugeGuard {
        let kind = if mutating { "mutating" } else { "readOnly" };
        GaugeGuard::new(self.in_flight.with_label_values(&[kind]))
    }

    /// Counts a request that the server ended to protect itself.
    pub(crate) fn terminated(&self, labels: &RequestLabels, code: u16) {
        let RequestLabels { verb, group, version, resource, subresource, scope, .. } = labels;
        let mut digits = itoa::Buffer::new();
        self.terminations
            .with_label_values(&[
                digits.format(code),
                COMPONENT,
                group,
                resource,
                scope,
                subresource,
                verb,
                version,
            ])
            .inc();
    }

    /// Counts a TLS handshake that failed.
    pub(crate) fn tls_handshake_failed(&self) {
        self.tls_errors.with_label_values::<&str>(&[]).inc();
    }

    /// Counts an attempt to authenticate.
    pub(crate) fn authentication(&self, attempt: Attempt) {
        self.authentication.with_label_values(&[attempt.authentication()]).inc();
    }

    /// Counts an attempt to authorize.
    pub(crate) fn authorization(&self, attempt: Attempt) {
        self.authorization.with_label_values(&[attempt.authorization()]).inc();
    }

    /// All families of the registry, as [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// Where a collector gives what the format can't say.
    pub fn encode(&self) -> Result<String, MetricError> {
        self.registry.encode()
    }

    /// The registry, for the families of other parts.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

const COMPONENT: &str = "apiserver";

impl RequestLabels {
    fn about(&self) -> [&'static str; 7] {
        [COMPONENT, self.group, self.resource, self.scope, self.subresource, self.verb, self.version]
    }
}

/// One more while it lives.
pub(crate) struct GaugeGuard(IntGauge);

impl GaugeGuard {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        GaugeGuard(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What the process takes, as every Prometheus client says it.
struct Process(ProcessCollector);

impl Process {
    /// A family that Kubernetes does not have.
    const UNKNOWN: &str = "process_threads";
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc().into_iter().filter(|d| d.fq_name != Self::UNKNOWN).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.collect().into_iter().filter(|family| family.name() != Self::UNKNOWN).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_the_process_are_exposed() {
        let metrics = Metrics::new(Registry::new()).expect("the only families");
        let labels = RequestLabels {
            verb: "LIST",
            version: "v1",
            resource: "pods",
            scope: "cluster",
            ..Default::default()
        };
        metrics.request_ended(&labels, 200, Duration::from_millis(30), 5000);
        let guard = metrics.in_flight(true);
        let text = metrics.encode().expect("text");
        for line in [
            "apiserver_request_total{code=\"200\",component=\"apiserver\",dry_run=\"\",group=\"\",\
             resource=\"pods\",scope=\"cluster\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 1",
            "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1",
            "# TYPE process_cpu_seconds_total counter",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
        assert!(!text.contains("process_threads"));
        drop(guard);
        assert!(metrics.encode().expect("text").contains("request_kind=\"mutating\"} 0"));
    }
}
