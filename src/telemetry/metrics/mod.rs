//! The server's own metrics, under Kubernetes' names.
//!
//! Labels that come from requests take values from a closed set: what the server serves. A client can't make
//! the number of series grow.
//!
//! - `requests`: what is counted of requests that reach what they ask for
//! - `in_flight`: how many are served at once
//! - `process`: what the process takes

mod in_flight;
mod process;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock::{self, Instant};
use keelson_base::metrics::{
    Format, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, MetricError, Registry, Spec,
    Stability,
};

use self::in_flight::{Counted, InFlight};
use self::requests::Requests;
pub use self::requests::{FieldValidation, RequestLabels, SystemClient};
pub(crate) use self::requests::{Outcome, Series};

/// The bounds of how long authentication and authorization take, in seconds.
const DECISION_DURATIONS: [f64; 15] = [
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
];

/// The bounds of how long filters take, in seconds.
const FILTER_DURATIONS: [f64; 13] =
    [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 5.0, 10.0, 15.0, 30.0];

/// The bounds of watch events' sizes, in bytes.
const EVENT_SIZES: [f64; 8] = [1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0, 131072.0];

/// The bounds of how long watches take for their initial state, in seconds.
const WATCH_LISTS: [f64; 17] =
    [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0];

/// What the label `component` says.
const COMPONENT: &str = "apiserver";

/// The server's own metric families. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    families: Arc<Families>,
}

struct Families {
    registry: Registry,
    requests: Requests,
    in_flight: InFlight,
    watch_events: IntCounterVec,
    watch_event_sizes: HistogramVec,
    watch_lists: HistogramVec,
    post_timeout: IntCounterVec,
    tls_errors: IntCounter,
    authentication: [(IntCounter, Histogram); 3],
    authenticated_users: [IntCounter; USERS.len()],
    authorization: [(IntCounter, Histogram); 4],
    filters: [Histogram; 3],
}

/// How authentication went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Success,
    Failure,
    Error,
}

/// How authorization went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Allowed,
    Denied,
    NoOpinion,
    Error,
}

/// A filter that may take long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Authentication,
    Impersonation,
    Authorization,
}

impl Metrics {
    /// The families, in `registry`.
    ///
    /// # Errors
    /// Where the registry has other families under their names.
    pub fn new(registry: Registry) -> Result<Self, MetricError> {
        use Stability::{Alpha, Beta};
        process::register(&registry)?;
        let spec = |name, help, stability, labels| Spec { name, help, stability, labels };
        let both = |counts: &IntCounterVec, durations: &HistogramVec, result: &str| {
            (counts.with_label_values(&[result]), durations.with_label_values(&[result]))
        };
        let authentication = registry.counter(&spec(
            "authentication_attempts",
            "Attempts to authenticate, by result.",
            Alpha,
            &["result"],
        ))?;
        let authentication_durations = registry.histogram(
            &spec(
                "authentication_duration_seconds",
                "How long it took to authenticate, in seconds, by result.",
                Alpha,
                &["result"],
            ),
            &DECISION_DURATIONS,
        )?;
        let authorization = registry.counter(&spec(
            "authorization_attempts_total",
            "Attempts to authorize, by result: allowed, denied, no-opinion or error.",
            Alpha,
            &["result"],
        ))?;
        let authorization_durations = registry.histogram(
            &spec(
                "authorization_duration_seconds",
                "How long it took to authorize, in seconds, by result.",
                Alpha,
                &["result"],
            ),
            &DECISION_DURATIONS,
        )?;
        let users = registry.counter(&spec(
            "authenticated_user_requests",
            "Authenticated requests, by kind of user.",
            Alpha,
            &["username"],
        ))?;
        let filters = registry.histogram(
            &spec(
                "apiserver_request_filter_duration_seconds",
                "How long a filter of requests took, in seconds.",
                Alpha,
                &["filter"],
            ),
            &FILTER_DURATIONS,
        )?;
        let families = Families {
            requests: Requests::new(&registry)?,
            in_flight: InFlight::register(&registry)?,
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
            post_timeout: registry.counter(&spec(
                "apiserver_request_post_timeout_total",
                "Requests whose time was up and that were worked on until their end all the same, by how that was.",
                Alpha,
                &["source", "status"],
            ))?,
            tls_errors: registry
                .counter(&spec(
                    "apiserver_tls_handshake_errors_total",
                    "Requests dropped with a TLS handshake error.",
                    Alpha,
                    &[],
                ))?
                .with_label_values::<&str>(&[]),
            authentication: ["success", "failure", "error"]
                .map(|result| both(&authentication, &authentication_durations, result)),
            authenticated_users: USERS.map(|user| users.with_label_values(&[user])),
            authorization: ["allowed", "denied", "no-opinion", "error"]
                .map(|result| both(&authorization, &authorization_durations, result)),
            filters: ["authentication", "impersonation", "authorization"]
                .map(|filter| filters.with_label_values(&[filter])),
            registry,
        };
        Ok(Metrics { families: Arc::new(families) })
    }

    /// The series of requests with these labels.
    pub(crate) fn series(&self, labels: &RequestLabels) -> Arc<Series> {
        self.families.requests.series(labels)
    }

    /// Counts a request that was answered.
    pub(crate) fn request_ended(&self, series: &Series, outcome: &Outcome) {
        self.families.requests.ended(series, outcome);
    }

    /// Counts a long-running request until the guard is dropped.
    pub(crate) fn long_running(&self, series: &Series) -> GaugeGuard {
        GaugeGuard::new(self.families.requests.long_running(series))
    }

    /// Counts a request, received then, against its limit until the guard is dropped.
    pub(crate) fn in_flight(&self, mutating: bool, received: Instant) -> Counted {
        self.families.in_flight.begin(mutating, received)
    }

    /// Counts a request that was refused as too many are served.
    pub(crate) fn dropped(&self, labels: &RequestLabels, code: u16) {
        self.families.requests.dropped(labels, code);
    }

    /// Counts a request that the server ended to protect itself.
    pub(crate) fn terminated(&self, labels: &RequestLabels, code: u16) {
        self.families.requests.terminated(labels, code);
    }

    /// Counts a request whose answer broke off as its time was up.
    pub(crate) fn aborted(&self, labels: &RequestLabels) {
        self.families.requests.aborted(labels);
    }

    /// Counts a write that ended, well or not, after its client was told that its time is up.
    pub(crate) fn ended_after_timeout(&self, well: bool) {
        let status = if well { "ok" } else { "error" };
        self.families.post_timeout.with_label_values(&["rest-handler", status]).inc();
    }

    /// Notes that a deprecated resource was asked for.
    pub(crate) fn deprecated(&self, labels: &RequestLabels) {
        self.families.requests.deprecated(labels);
    }

    /// Where the sizes of the bodies of a verb are noted: `create`, `update`, `patch`, `delete`, `delete_collection`.
    pub(crate) fn body_size(&self, group: &str, resource: &str, verb: &str) -> Histogram {
        self.families.requests.body_size(group, resource, verb)
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
        self.families.tls_errors.inc();
    }

    /// Counts a request of this user, whom it took so long to find out about.
    pub(crate) fn authenticated(&self, user: &str, took: Duration) {
        self.families.authenticated_users[kind_of_user(user)].inc();
        self.not_authenticated(Attempt::Success, took);
    }

    /// Counts an attempt to authenticate that took so long, whatever its result.
    pub(crate) fn not_authenticated(&self, attempt: Attempt, took: Duration) {
        let (count, durations) = &self.families.authentication[attempt as usize];
        count.inc();
        durations.observe(took.as_secs_f64());
        self.filtered(Filter::Authentication, took);
    }

    /// Counts an attempt to authorize that took so long.
    pub(crate) fn authorization(&self, judgement: Judgement, took: Duration) {
        let (count, durations) = &self.families.authorization[judgement as usize];
        count.inc();
        durations.observe(took.as_secs_f64());
        if judgement == Judgement::Allowed {
            self.filtered(Filter::Authorization, took);
        }
    }

    /// Notes how long a filter took to let a request on.
    pub(crate) fn filtered(&self, filter: Filter, took: Duration) {
        self.families.filters[filter as usize].observe(took.as_secs_f64());
    }

    /// All families of the registry, in Prometheus' text format.
    ///
    /// # Errors
    /// Where a collector gives what the format can't say.
    pub fn encode(&self) -> Result<String, MetricError> {
        self.families.registry.encode()
    }

    /// All families of the registry.
    pub fn encode_as(&self, format: Format) -> String {
        self.families.registry.encode_as(format)
    }

    /// The registry, for the families of other parts.
    pub fn registry(&self) -> &Registry {
        &self.families.registry
    }
}

/// The users that are told apart.
const USERS: [&str; 7] = [
    "admin",
    "client",
    "kube_proxy",
    "kubelet",
    "system:serviceaccount:kube-system:default",
    "email_id",
    "other",
];

/// Which of [`USERS`] a user counts as: few are told apart, and no name of a person is shown.
fn kind_of_user(name: &str) -> usize {
    let other = if name.contains('@') { "email_id" } else { "other" };
    let place = |name: &str| USERS.iter().position(|known| *known == name);
    place(name).or_else(|| place(other)).unwrap_or(USERS.len() - 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: u16) -> Outcome {
        Outcome {
            code,
            client: SystemClient::None,
            took: Duration::from_millis(30),
            bytes: Some(5000),
            field_validation: None,
        }
    }

    fn check(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.encode().expect("text");
        for line in lines {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
    }

    #[test]
    fn requests_and_the_process_are_exposed() {
        let metrics = Metrics::new(Registry::new()).expect("the only families");
        let labels = RequestLabels {
            verb: "LIST",
            version: "v1",
            resource: "pods",
            scope: "cluster",
            component: "apiserver",
            ..Default::default()
        };
        let series = metrics.series(&labels);
        metrics.request_ended(&series, &outcome(200));
        metrics.request_ended(&metrics.series(&labels), &outcome(200));
        let client = SystemClient::of(b"kube-scheduler/v1.36.2 (linux/amd64) kubernetes/abc");
        metrics.request_ended(&series, &Outcome { client, ..outcome(500) });
        let dry = metrics.series(&RequestLabels { dry_run: "All", ..labels });
        metrics.request_ended(
            &dry,
            &Outcome { field_validation: Some(FieldValidation::Strict), ..outcome(200) },
        );
        metrics.dropped(&labels, 429);
        metrics.deprecated(&labels);
        let guard = metrics.long_running(&series);
        check(
            &metrics,
            &[
                "apiserver_request_total{code=\"200\",component=\"apiserver\",dry_run=\"\",group=\"\",\
                 resource=\"pods\",scope=\"cluster\",subresource=\"\",system_client=\"\",verb=\"LIST\",\
                 version=\"v1\"} 2\n",
                "system_client=\"kube-scheduler\",verb=\"LIST\",version=\"v1\"} 1\n",
                "apiserver_request_duration_seconds_count{component=\"apiserver\",dry_run=\"All\"",
                "apiserver_request_sli_duration_seconds_bucket{component=\"apiserver\",group=\"\",resource=\"pods\",\
                 scope=\"cluster\",subresource=\"\",verb=\"LIST\",version=\"v1\",le=\"0.05\"} 3\n",
                "apiserver_response_sizes_bucket{component=\"apiserver\",group=\"\",resource=\"pods\",\
                 scope=\"cluster\",subresource=\"\",verb=\"LIST\",version=\"v1\",le=\"1e+06\"} 4\n",
                "apiserver_request_terminations_total{code=\"429\",component=\"apiserver\"",
                "apiserver_requested_deprecated_apis{group=\"\",removed_release=\"\",resource=\"pods\",\
                 subresource=\"\",version=\"v1\"} 1\n",
                "field_validation_request_duration_seconds_count{field_validation=\"Strict\"} 1\n",
                "apiserver_longrunning_requests{component=\"apiserver\",group=\"\",resource=\"pods\",\
                 scope=\"cluster\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 1\n",
                "# TYPE process_cpu_seconds_total counter",
                "# TYPE process_network_receive_bytes_total counter",
            ],
        );
        assert!(!metrics.encode().expect("text").contains("request_slo_duration"), "it is hidden");
        drop(guard);
        check(&metrics, &["verb=\"LIST\",version=\"v1\"} 0\n"]);
    }

    #[test]
    fn watches_and_decisions_are_exposed() {
        let metrics = Metrics::new(Registry::new()).expect("the only families");
        let counts = metrics.watch("apps", "v1", "deployments");
        counts.sent(1000);
        counts.sent(3000);
        metrics.watch_list("apps", "v1", "deployments", "cluster", clock::monotonic()).done();
        let guard = metrics.in_flight(true, clock::monotonic());
        metrics.authenticated("someone@example.com", Duration::from_millis(3));
        metrics.authorization(Judgement::NoOpinion, Duration::from_millis(3));
        check(
            &metrics,
            &[
                "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1",
                "apiserver_watch_events_total{group=\"apps\",resource=\"deployments\",version=\"v1\"} 2",
                "apiserver_watch_events_sizes_bucket{group=\"apps\",resource=\"deployments\",version=\"v1\",le=\"1024\"} 1",
                "apiserver_watch_events_sizes_sum{group=\"apps\",resource=\"deployments\",version=\"v1\"} 4000",
                "apiserver_watch_list_duration_seconds_count{group=\"apps\",resource=\"deployments\",\
                 scope=\"cluster\",version=\"v1\"} 1",
                "authenticated_user_requests{username=\"email_id\"} 1",
                "authentication_duration_seconds_bucket{result=\"success\",le=\"0.004\"} 1",
                "authorization_attempts_total{result=\"no-opinion\"} 1",
                "apiserver_request_filter_duration_seconds_count{filter=\"authentication\"} 1",
            ],
        );
        drop(guard);
    }

    #[test]
    fn a_request_costs_a_look_up_and_a_few_additions() {
        let metrics = Metrics::new(Registry::new()).expect("the only families");
        let labels = RequestLabels { verb: "GET", resource: "pods", version: "v1", ..Default::default() };
        let first = metrics.series(&labels);
        assert!(Arc::ptr_eq(&first, &metrics.series(&labels)), "it is made once");
        let begun = clock::monotonic();
        const TURNS: u32 = 10_000;
        for _ in 0..TURNS {
            metrics.request_ended(&metrics.series(&labels), &outcome(200));
        }
        let each = (clock::monotonic() - begun) / TURNS;
        println!("{each:?} a request");
        assert!(each < Duration::from_millis(1), "{each:?}");
    }
}
