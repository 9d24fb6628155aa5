//! What is counted of requests that reach what they ask for.
//!
//! A request's labels lead to its [`Series`], which has every histogram and counter at hand: a request costs one
//! look-up in a table that is read without a lock, whose entries are made once. Labels take values from closed sets,
//! so that the table can't grow with what clients make up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use keelson_base::metrics::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, MetricError, Registry, Spec,
    Stability,
};
use parking_lot::Mutex;

/// The bounds of request durations, in seconds.
pub(super) const DURATIONS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];

/// The bounds of request durations as service levels look at them, in seconds.
const LEVEL_DURATIONS: [f64; 21] = [
    0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
    45.0, 60.0,
];

/// The bounds of answer sizes, in bytes.
const SIZES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// What a request was about, in the words of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestLabels {
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE`, `CONNECT` or `other`.
    pub verb: &'static str,
    /// The group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The resource's plural; empty for paths of no resource.
    pub resource: &'static str,
    /// The subresource; for paths of no resource that are counted, the path.
    pub subresource: &'static str,
    /// `resource`, `namespace` or `cluster`; empty for paths of no resource.
    pub scope: &'static str,
    /// `apiserver`; empty for paths of no resource but discovery's.
    pub component: &'static str,
    /// `All` where nothing was to be written, `invalid` for any other wish, else empty.
    pub dry_run: &'static str,
}

impl RequestLabels {
    /// Group, resource, scope, subresource, verb and version, as most families want them.
    fn about(&self) -> [&'static str; 6] {
        [self.group, self.resource, self.scope, self.subresource, self.verb, self.version]
    }

    fn with_component(&self) -> [&'static str; 7] {
        let [group, resource, scope, subresource, verb, version] = self.about();
        [self.component, group, resource, scope, subresource, verb, version]
    }
}

/// Who sent a request, as far as metrics tell: by the beginning of its user agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemClient {
    /// None of the others.
    #[default]
    None,
    /// Another server, or this one.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// OpenShift's cluster-policy-controller.
    PolicyController,
}

impl SystemClient {
    /// The client with this user agent.
    pub fn of(agent: &[u8]) -> Self {
        let Some(end) = agent.iter().position(|byte| *byte == b'/') else { return SystemClient::None };
        match &agent[..end] {
            b"kube-apiserver" => SystemClient::ApiServer,
            b"kube-controller-manager" => SystemClient::ControllerManager,
            b"kube-scheduler" => SystemClient::Scheduler,
            b"cluster-policy-controller" => SystemClient::PolicyController,
            _ => SystemClient::None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            SystemClient::None => "",
            SystemClient::ApiServer => "kube-apiserver",
            SystemClient::ControllerManager => "kube-controller-manager",
            SystemClient::Scheduler => "kube-scheduler",
            SystemClient::PolicyController => "cluster-policy-controller",
        }
    }
}

/// How strictly a request wants its fields to be checked, where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// `fieldValidation=` with nothing behind it.
    Unsaid,
    /// Unknown fields are dropped.
    Ignore,
    /// And warned of.
    Warn,
    /// Unknown fields are errors.
    Strict,
    /// None of them, or several.
    Invalid,
}

impl FieldValidation {
    const ALL: [&str; 5] = ["", "Ignore", "Warn", "Strict", "invalid"];
}

/// How a request went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// The answer's status code.
    pub(crate) code: u16,
    /// Who asked.
    pub(crate) client: SystemClient,
    /// From when the request was there until all of the answer was handed out.
    pub(crate) took: Duration,
    /// The answer's size; `None` for answers of kinds whose size says nothing.
    pub(crate) bytes: Option<u64>,
    /// How strictly fields were to be checked.
    pub(crate) field_validation: Option<FieldValidation>,
}

/// See the module.
pub(super) struct Requests {
    total: IntCounterVec,
    durations: HistogramVec,
    levels: HistogramVec,
    /// What service levels were measured by before; `None` where nobody wants to see it.
    objectives: Option<HistogramVec>,
    sizes: HistogramVec,
    body_sizes: HistogramVec,
    long_running: IntGaugeVec,
    terminations: IntCounterVec,
    aborts: IntCounterVec,
    own: IntCounterVec,
    deprecated: IntGaugeVec,
    field_validation: [Histogram; 5],
    series: ArcSwap<HashMap<RequestLabels, Arc<Series>>>,
    growing: Mutex<()>,
}

/// The metrics of requests with the same labels.
pub(crate) struct Series {
    labels: RequestLabels,
    /// Few: each is found by looking at all.
    totals: ArcSwap<Vec<(u16, SystemClient, IntCounter)>>,
    duration: Histogram,
    level: Option<Histogram>,
    objective: Option<Histogram>,
    size: Histogram,
    long_running: Mutex<Option<IntGauge>>,
}

impl Requests {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        use Stability::{Alpha, Stable};
        const ABOUT: [&str; 7] =
            ["component", "group", "resource", "scope", "subresource", "verb", "version"];
        let spec = |name, help, stability, labels| Spec { name, help, stability, labels };
        let objectives = spec(
            "apiserver_request_slo_duration_seconds",
            "How long answers took, without the time of webhooks, in seconds.",
            Alpha,
            &ABOUT,
        );
        let field_validation = registry.histogram(
            &spec(
                "field_validation_request_duration_seconds",
                "How long answers took, in seconds, by how strictly the request wanted fields to be checked, where it \
                 said so.",
                Alpha,
                &["field_validation"],
            ),
            &LEVEL_DURATIONS,
        )?;
        Ok(Requests {
            total: registry.counter(&spec(
                "apiserver_request_total",
                "Requests, by verb, dry run, group, version, resource, scope, component, client and status code.",
                Stable,
                &[
                    "code",
                    "component",
                    "dry_run",
                    "group",
                    "resource",
                    "scope",
                    "subresource",
                    "system_client",
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
            levels: registry.histogram(
                &spec(
                    "apiserver_request_sli_duration_seconds",
                    "How long answers took, without the time of admission webhooks, in seconds.",
                    Alpha,
                    &ABOUT,
                ),
                &LEVEL_DURATIONS,
            )?,
            objectives: {
                let family = registry.histogram(&objectives, &LEVEL_DURATIONS)?;
                registry.shows(&objectives).then_some(family)
            },
            sizes: registry.histogram(
                &spec("apiserver_response_sizes", "Sizes of answers, in bytes.", Stable, &ABOUT),
                &SIZES,
            )?,
            body_sizes: registry.histogram(
                &spec(
                    "apiserver_request_body_size_bytes",
                    "Sizes of the bodies of requests, in bytes, by resource and verb.",
                    Alpha,
                    &["group", "resource", "verb"],
                ),
                &body_sizes(),
            )?,
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
            aborts: registry.counter(&spec(
                "apiserver_request_aborts_total",
                "Requests whose answer broke off as its time was up.",
                Alpha,
                &["group", "resource", "scope", "subresource", "verb", "version"],
            ))?,
            own: registry.counter(&spec(
                "apiserver_selfrequest_total",
                "Requests that an API server sent.",
                Alpha,
                &["group", "resource", "subresource", "verb"],
            ))?,
            deprecated: registry.gauge(&spec(
                "apiserver_requested_deprecated_apis",
                "Deprecated APIs that were asked for, by group, version, resource, subresource and the release that \
                 will not have them.",
                Stable,
                &["group", "removed_release", "resource", "subresource", "version"],
            ))?,
            field_validation: FieldValidation::ALL.map(|value| field_validation.with_label_values(&[value])),
            series: ArcSwap::default(),
            growing: Mutex::new(()),
        })
    }

    /// The series of requests with these labels.
    pub(super) fn series(&self, labels: &RequestLabels) -> Arc<Series> {
        if let Some(series) = self.series.load().get(labels) {
            return series.clone();
        }
        // Looked for again behind the lock, as another request may have made it.
        let _growing = self.growing.lock();
        let current = self.series.load();
        if let Some(series) = current.get(labels) {
            return series.clone();
        }
        let series = Arc::new(self.open(labels));
        let mut grown = HashMap::clone(&current);
        grown.insert(*labels, series.clone());
        self.series.store(Arc::new(grown));
        series
    }

    fn open(&self, labels: &RequestLabels) -> Series {
        let RequestLabels { verb, group, version, resource, subresource, scope, component, dry_run } = labels;
        let all = labels.with_component();
        let duration = [component, dry_run, group, resource, scope, subresource, verb, version];
        let level = |family: &HistogramVec| dry_run.is_empty().then(|| family.with_label_values(&all));
        Series {
            labels: *labels,
            totals: ArcSwap::default(),
            duration: self.durations.with_label_values(&duration),
            level: level(&self.levels),
            objective: self.objectives.as_ref().and_then(level),
            size: self.sizes.with_label_values(&all),
            long_running: Mutex::new(None),
        }
    }

    /// Counts a request that was answered.
    pub(super) fn ended(&self, series: &Series, outcome: &Outcome) {
        let Outcome { code, client, took, bytes, field_validation } = *outcome;
        self.count(series, code, client);
        let seconds = took.as_secs_f64();
        series.duration.observe(seconds);
        for histogram in series.level.iter().chain(&series.objective) {
            histogram.observe(seconds);
        }
        if let Some(bytes) = bytes {
            series.size.observe(bytes as f64);
        }
        if let Some(wish) = field_validation {
            self.field_validation[wish as usize].observe(seconds);
        }
        if client == SystemClient::ApiServer {
            let RequestLabels { group, resource, subresource, verb, .. } = series.labels;
            self.own.with_label_values(&[group, resource, subresource, verb]).inc();
        }
    }

    fn count(&self, series: &Series, code: u16, client: SystemClient) {
        let counter = |totals: &[(u16, SystemClient, IntCounter)]| {
            totals.iter().find(|(c, s, _)| (*c, *s) == (code, client)).map(|(_, _, counter)| counter.clone())
        };
        if let Some(counter) = counter(&series.totals.load()) {
            return counter.inc();
        }
        let RequestLabels { verb, group, version, resource, subresource, scope, component, dry_run } =
            series.labels;
        let mut digits = itoa::Buffer::new();
        let code_text = digits.format(code);
        let labels = [
            code_text,
            component,
            dry_run,
            group,
            resource,
            scope,
            subresource,
            client.name(),
            verb,
            version,
        ];
        let made = self.total.with_label_values(&labels);
        made.inc();
        let _growing = self.growing.lock();
        let current = series.totals.load();
        if counter(&current).is_none() {
            let mut grown = Vec::clone(&current);
            grown.push((code, client, made));
            series.totals.store(Arc::new(grown));
        }
    }

    /// Counts a request that was refused as too many are served.
    pub(super) fn dropped(&self, labels: &RequestLabels, code: u16) {
        self.count(&self.series(labels), code, SystemClient::None);
        self.terminated(labels, code);
    }

    /// Counts a request that the server ended to protect itself.
    pub(super) fn terminated(&self, labels: &RequestLabels, code: u16) {
        let [group, resource, scope, subresource, verb, version] = labels.about();
        let mut digits = itoa::Buffer::new();
        let code = digits.format(code);
        let labels = [code, super::COMPONENT, group, resource, scope, subresource, verb, version];
        self.terminations.with_label_values(&labels).inc();
    }

    /// Counts a request whose answer broke off as its time was up.
    pub(super) fn aborted(&self, labels: &RequestLabels) {
        self.aborts.with_label_values(&labels.about()).inc();
    }

    /// Notes that a deprecated resource was asked for.
    pub(super) fn deprecated(&self, labels: &RequestLabels) {
        let RequestLabels { group, version, resource, subresource, .. } = labels;
        self.deprecated.with_label_values(&[*group, "", *resource, *subresource, *version]).set(1);
    }

    /// The gauge of the long-running requests of a series.
    pub(super) fn long_running(&self, series: &Series) -> IntGauge {
        let mut gauge = series.long_running.lock();
        let labels = || self.long_running.with_label_values(&series.labels.with_component());
        gauge.get_or_insert_with(labels).clone()
    }

    /// Where the sizes of a verb's bodies are noted.
    pub(super) fn body_size(&self, group: &str, resource: &str, verb: &str) -> Histogram {
        self.body_sizes.with_label_values(&[group, resource, verb])
    }
}

/// The bounds of the sizes of requests' bodies, in bytes: from 50 kB on by 100 kB up to the largest that is taken.
fn body_sizes() -> Vec<f64> {
    (0..31).map(|step| f64::from(50_000 + step * 100_000)).collect()
}
