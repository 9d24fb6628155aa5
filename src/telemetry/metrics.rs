//! The server's own metrics, under Kubernetes' names.
//!
//! Labels that come from requests take values from a closed set: what the server serves. A client can't make
//! the number of series grow.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock::{self, Instant};
use keelson_base::metrics::{
    HistogramVec, IntCounterVec, IntGaugeVec, MetricError, Registry, Spec, Stability,
};
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, IntCounter, IntGauge};

/// The media type of the exposition.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// The bounds of request durations, in seconds.
const DURATIONS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];

/// The bounds of answer sizes, in bytes.
const SIZES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// The bounds of how long authentication takes, in seconds.
const AUTHENTICATION_DURATIONS: [f64; 15] = [
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
];

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

/// The bounds of watch events' sizes, in bytes.
const EVENT_SIZES: [f64; 8] = [1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0, 131072.0];

/// The bounds of how long watches take for their initial state, in seconds.
const WATCH_LISTS: [f64; 17] =
    [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0];

/// The server's own metric families. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    families: Arc<Families>,
}

struct Families {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    sizes: HistogramVec,
    in_flight: IntGaugeVec,
    long_running: IntGaugeVec,
    terminations: IntCounterVec,
    watch_events: IntCounterVec,
    watch_event_sizes: HistogramVec,
    watch_lists: HistogramVec,
    tls_errors: IntCounterVec,
    authentication: IntCounterVec,
    authentication_durations: HistogramVec,
    authenticated_users: IntCounterVec,
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
        use Stability::{Alpha, Beta, Stable};
        registry.collector("process", Box::new(Process(ProcessCollector::for_self())))?;
        const ABOUT: [&str; 7] =
            ["component", "group", "resource", "scope", "subresource", "verb", "version"];
        let spec = |name, help, stability, labels| Spec { name, help, stability, labels };
        let families = Families {
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
            watch_events: registry.counter(&spec(
                "apiserver_watch_events_total",
                "Events that were sent to watchers.",
                Alpha,
                &["group", "resource", "version"],
            ))?,
            watch_event_sizes: registry.histogram(
                &spec(
                    "apiserver_watch_events_sizes",
                    "Sizes of the events that were sent to watchers, in bytes.",
                    Alpha,
                    &["group", "resource", "version"],
                ),
                &EVENT_SIZES,
            )?,
            watch_lists: registry.histogram(
                &spec(
                    "apiserver_watch_list_duration_seconds",
                    "How long it took to send the initial state to those watches that asked to know its end, in \
                     seconds.",
                    Beta,
                    &["group", "resource", "scope", "version"],
                ),
                &WATCH_LISTS,
            )?,
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
            authentication_durations: registry.histogram(
                &spec(
                    "authentication_duration_seconds",
                    "How long it took to authenticate, in seconds, by result.",
                    Alpha,
                    &["result"],
                ),
                &AUTHENTICATION_DURATIONS,
            )?,
            authenticated_users: registry.counter(&spec(
                "authenticated_user_requests",
                "Authenticated requests, by kind of user.",
                Alpha,
                &["username"],
            ))?,
            authorization: registry.counter(&spec(
                "authorization_attempts_total",
                "Attempts to authorize, by result.",
                Alpha,
                &["result"],
            ))?,
            registry,
        };
        Ok(Metrics { families: Arc::new(families) })
    }

    /// Counts an answer that was sent, after `took`, with `bytes` of body.
    pub(crate) fn request_ended(&self, labels: &RequestLabels, code: u16, took: Duration, bytes: u64) {
        let RequestLabels { verb, group, version, resource, subresource, scope, dry_run } = labels;
        let mut digits = itoa::Buffer::new();
        self.families
            .requests
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
        self.families
            .durations
            .with_label_values(&[COMPONENT, dry_run, group, resource, scope, subresource, verb, version])
            .observe(took.as_secs_f64());
        if matches!(*verb, "GET" | "LIST") && !resource.is_empty() {
            self.families.sizes.with_label_values(&labels.about()).observe(bytes as f64);
        }
    }

    /// Counts a long-running request until the guard is dropped.
    pub(crate) fn long_running(&self, labels: &RequestLabels) -> GaugeGuard {
        GaugeGuard::new(self.families.long_running.with_label_values(&labels.about()))
    }

    /// Counts a request against its limit until the guard is dropped.
    pub(crate) fn in_flight(&self, mutating: bool) -> GaugeGuard {
        let kind = if mutating { "mutating" } else { "readOnly" };
        GaugeGuard::new(self.families.in_flight.with_label_values(&[kind]))
    }

    /// Counts a request that the server ended to protect itself.
    pub(crate) fn terminated(&self, labels: &RequestLabels, code: u16) {
        let RequestLabels { verb, group, version, resource, subresource, scope, .. } = labels;
        let mut digits = itoa::Buffer::new();
        self.families
            .terminations
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

    /// Where the events of one watch are counted.
    pub(crate) fn watch(&self, group: &str, version: &str, resource: &str) -> WatchCounts {
        let labels = [group, resource, version];
        WatchCounts {
            events: self.families.watch_events.with_label_values(&labels),
            sizes: self.families.watch_event_sizes.with_label_values(&labels),
        }
    }

    /// Where the time is noted that a watch, received at `begun`, took for its initial state.
    pub(crate) fn watch_list(
        &self,
        group: &str,
        version: &str,
        resource: &str,
        scope: &str,
        begun: Instant,
    ) -> WatchListTimer {
        let histogram = self.families.watch_lists.with_label_values(&[group, resource, scope, version]);
        WatchListTimer { histogram, begun }
    }

    /// Counts a TLS handshake that failed.
    pub(crate) fn tls_handshake_failed(&self) {
        self.families.tls_errors.with_label_values::<&str>(&[]).inc();
    }

    /// Counts a request of this user, whom it took so long to find out about.
    pub(crate) fn authenticated(&self, user: &str, took: Duration) {
        self.families.authenticated_users.with_label_values(&[kind_of_user(user)]).inc();
        self.not_authenticated(Attempt::Success, took);
    }

    /// Counts an attempt to authenticate that took so long, whatever its result.
    pub(crate) fn not_authenticated(&self, attempt: Attempt, took: Duration) {
        let labels = [attempt.authentication()];
        self.families.authentication.with_label_values(&labels).inc();
        self.families.authentication_durations.with_label_values(&labels).observe(took.as_secs_f64());
    }

    /// Counts an attempt to authorize.
    pub(crate) fn authorization(&self, attempt: Attempt) {
        self.families.authorization.with_label_values(&[attempt.authorization()]).inc();
    }

    /// All families of the registry, as [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// Where a collector gives what the format can't say.
    pub fn encode(&self) -> Result<String, MetricError> {
        self.families.registry.encode()
    }

    /// The registry, for the families of other parts.
    pub fn registry(&self) -> &Registry {
        &self.families.registry
    }
}

const COMPONENT: &str = "apiserver";

/// A user's name as metrics tell it: few are told apart, and no name of a person is shown.
fn kind_of_user(name: &str) -> &str {
    match name {
        "admin" | "client" | "kube_proxy" | "kubelet" | "system:serviceaccount:kube-system:default" => name,
        _ if name.contains('@') => "email_id",
        _ => "other",
    }
}

impl RequestLabels {
    fn about(&self) -> [&'static str; 7] {
        [COMPONENT, self.group, self.resource, self.scope, self.subresource, self.verb, self.version]
    }
}

/// Counts the events of a watch.
pub(crate) struct WatchCounts {
    events: IntCounter,
    sizes: Histogram,
}

impl WatchCounts {
    /// An event of so many bytes was sent.
    pub(crate) fn sent(&self, bytes: usize) {
        self.events.inc();
        self.sizes.observe(bytes as f64);
    }
}

/// Takes the time until a watch has sent its initial state.
pub(crate) struct WatchListTimer {
    histogram: Histogram,
    begun: Instant,
}

impl WatchListTimer {
    /// It is sent.
    pub(crate) fn done(self) {
        self.histogram.observe(clock::monotonic().duration_since(self.begun).as_secs_f64());
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
        let counts = metrics.watch("apps", "v1", "deployments");
        counts.sent(1000);
        counts.sent(3000);
        metrics.watch_list("apps", "v1", "deployments", "cluster", clock::monotonic()).done();
        let guard = metrics.in_flight(true);
        let text = metrics.encode().expect("text");
        for line in [
            "apiserver_request_total{code=\"200\",component=\"apiserver\",dry_run=\"\",group=\"\",\
             resource=\"pods\",scope=\"cluster\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 1",
            "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1",
            "apiserver_watch_events_total{group=\"apps\",resource=\"deployments\",version=\"v1\"} 2",
            "apiserver_watch_events_sizes_bucket{group=\"apps\",resource=\"deployments\",version=\"v1\",le=\"1024\"} 1",
            "apiserver_watch_events_sizes_sum{group=\"apps\",resource=\"deployments\",version=\"v1\"} 4000",
            "apiserver_watch_list_duration_seconds_count{group=\"apps\",resource=\"deployments\",\
             scope=\"cluster\",version=\"v1\"} 1",
            "# TYPE process_cpu_seconds_total counter",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
        assert!(!text.contains("process_threads"));
        drop(guard);
        assert!(metrics.encode().expect("text").contains("request_kind=\"mutating\"} 0"));
    }
}
