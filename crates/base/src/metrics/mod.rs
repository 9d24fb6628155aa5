//! The metrics registry: Prometheus metrics under Kubernetes' names.
//!
//! One [`Registry`] per server. A family that is asked for twice with the same shape is the same family, so
//! that two parts (or two stores) may count into it. Help texts carry the stability level in front, as
//! Kubernetes' do.
//!
//! - `exposure`: what is shown of them
//! - `exposition`: how they are written

mod exposition;
mod exposure;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::proto;
pub use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};
use prometheus::{HistogramOpts, Opts};

pub use self::exposition::Format;
pub use self::exposure::{AllowedLabels, Exposure};

/// How far a metric's name, labels and meaning are promised, as Kubernetes grades them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// May change or go at any time.
    Alpha,
    /// Goes only after a deprecation.
    Beta,
    /// Does not change.
    Stable,
    /// Not graded: kept inside the product, or taken over from a library.
    Internal,
}

impl Stability {
    /// As help texts have it: `STABLE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alpha => "ALPHA",
            Self::Beta => "BETA",
            Self::Stable => "STABLE",
            Self::Internal => "INTERNAL",
        }
    }

    fn help(self, text: &str) -> String {
        match self {
            Self::Internal => text.to_owned(),
            graded => format!("[{}] {text}", graded.name()),
        }
    }
}

/// What a metric family is called and says.
#[derive(Clone, Copy, Debug)]
pub struct Spec<'a> {
    /// The full name, such as `apiserver_request_total`.
    pub name: &'a str,
    /// The help text without the stability level.
    pub help: &'a str,
    /// How far the family is promised.
    pub stability: Stability,
    /// The label names, in the order in which values are given.
    pub labels: &'a [&'a str],
}

/// Why a metric family can't be had.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// The name is taken by a family of another kind.
    #[error("the metric {0} exists as another kind")]
    OtherKind(String),
    /// The registry refused it: a bad name, or other labels under the same name.
    #[error("the metric {name} was refused: {reason}")]
    Refused {
        /// The family's name.
        name: String,
        /// What the registry said.
        reason: String,
    },
}

/// A server's metric families. Clones share them.
#[derive(Clone, Default)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    registry: prometheus::Registry,
    families: Mutex<BTreeMap<String, Family>>,
    exposure: Exposure,
    /// What is counted of the families themselves; nothing where nobody chose what to show.
    about: OnceLock<About>,
}

/// What is counted of families.
struct About {
    registered: IntCounterVec,
    hidden: IntCounter,
}

/// A family with the labels it was made with.
struct Family {
    labels: Vec<String>,
    handle: Handle,
}

#[derive(Clone)]
enum Handle {
    Counter(IntCounterVec),
    Gauge(IntGaugeVec),
    FloatGauge(GaugeVec),
    Histogram(HistogramVec),
}

impl Registry {
    /// A registry that shows all that it has.
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry that shows so much of what it has, and counts its families.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn exposing(exposure: Exposure) -> Result<Self, MetricError> {
        let disabled = exposure.disabled.len() as u64;
        let made = Registry { inner: Arc::new(Inner { exposure, ..Inner::default() }) };
        let spec = |name, help, labels| Spec { name, help, stability: Stability::Beta, labels };
        let registered = made.counter(&spec(
            "registered_metrics_total",
            "Metrics that are registered, by stability and the version since which they are deprecated.",
            &["stability_level", "deprecated_version"],
        ))?;
        let count = |name, help| {
            made.counter(&spec(name, help, &[])).map(|family| family.with_label_values::<&str>(&[]))
        };
        let hidden = count("hidden_metrics_total", "Metrics that are not shown.")?;
        count("disabled_metrics_total", "Metrics that are disabled.")?.inc_by(disabled);
        registered.with_label_values(&[Stability::Beta.name(), ""]).inc_by(3);
        made.inner.about.get_or_init(|| About { registered, hidden });
        Ok(made)
    }

    /// Whether a family is shown: where not, what is counted in it is for nobody.
    pub fn shows(&self, spec: &Spec<'_>) -> bool {
        self.inner.exposure.shows(spec.name, spec.stability)
    }

    /// A counter of whole events.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn counter(&self, spec: &Spec<'_>) -> Result<IntCounterVec, MetricError> {
        let make = || IntCounterVec::new(options(spec), spec.labels);
        match self.family(spec, || make().map(|made| (Handle::Counter(made.clone()), boxed(made))))? {
            Handle::Counter(family) => Ok(family),
            _ => Err(MetricError::OtherKind(spec.name.to_owned())),
        }
    }

    /// A gauge of whole units.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn gauge(&self, spec: &Spec<'_>) -> Result<IntGaugeVec, MetricError> {
        let make = || IntGaugeVec::new(options(spec), spec.labels);
        match self.family(spec, || make().map(|made| (Handle::Gauge(made.clone()), boxed(made))))? {
            Handle::Gauge(family) => Ok(family),
            _ => Err(MetricError::OtherKind(spec.name.to_owned())),
        }
    }

    /// A gauge of fractions, such as seconds.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn float_gauge(&self, spec: &Spec<'_>) -> Result<GaugeVec, MetricError> {
        let make = || GaugeVec::new(options(spec), spec.labels);
        match self.family(spec, || make().map(|made| (Handle::FloatGauge(made.clone()), boxed(made))))? {
            Handle::FloatGauge(family) => Ok(family),
            _ => Err(MetricError::OtherKind(spec.name.to_owned())),
        }
    }

    /// A histogram with these upper bounds, in the unit that the name says.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn histogram(&self, spec: &Spec<'_>, buckets: &[f64]) -> Result<HistogramVec, MetricError> {
        let make = || {
            let options = HistogramOpts::from(options(spec)).buckets(buckets.to_vec());
            HistogramVec::new(options, spec.labels)
        };
        match self.family(spec, || make().map(|made| (Handle::Histogram(made.clone()), boxed(made))))? {
            Handle::Histogram(family) => Ok(family),
            _ => Err(MetricError::OtherKind(spec.name.to_owned())),
        }
    }

    /// Registers a collector that makes its values when it is asked. Its families count as not deprecated.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn collector(&self, name: &str, collector: Box<dyn Collector>) -> Result<(), MetricError> {
        let graded = |help: &str| {
            let levels = [Stability::Alpha, Stability::Beta, Stability::Stable];
            levels.into_iter().find(|level| help.starts_with(&level.help("")))
        };
        let levels: Vec<Stability> = collector.desc().iter().filter_map(|desc| graded(&desc.help)).collect();
        self.inner.registry.register(collector).map_err(|failure| refused(name, &failure))?;
        if let Some(about) = self.inner.about.get() {
            for level in levels {
                about.registered.with_label_values(&[level.name(), ""]).inc();
            }
        }
        Ok(())
    }

    /// All families that are shown, sorted by name, in Prometheus' text format.
    ///
    /// # Errors
    /// None now; a collector may come to give what the format can't say.
    pub fn encode(&self) -> Result<String, MetricError> {
        Ok(self.encode_as(Format::Text))
    }

    /// All families that are shown, sorted by name.
    pub fn encode_as(&self, format: Format) -> String {
        let mut families = self.inner.registry.gather();
        let unexpected = self.inner.exposure.apply(&mut families);
        if self.inner.about.get().is_some() {
            families.push(unexpected_values(unexpected));
            families.sort_by(|a, b| a.name().cmp(b.name()));
        }
        exposition::write(&families, format)
    }

    fn family(
        &self,
        spec: &Spec<'_>,
        make: impl FnOnce() -> prometheus::Result<(Handle, Box<dyn Collector>)>,
    ) -> Result<Handle, MetricError> {
        let mut families = self.inner.families.lock();
        if let Some(family) = families.get(spec.name) {
            if family.labels != spec.labels {
                let reason = format!("it exists with the labels {:?}", family.labels);
                return Err(MetricError::Refused { name: spec.name.to_owned(), reason });
            }
            return Ok(family.handle.clone());
        }
        let (handle, collector) = make().map_err(|failure| refused(spec.name, &failure))?;
        let shown = self.inner.exposure.shows(spec.name, spec.stability);
        if shown {
            self.inner.registry.register(collector).map_err(|failure| refused(spec.name, &failure))?;
        }
        if let Some(about) = self.inner.about.get() {
            if shown {
                let since = exposure::deprecated_since(spec.name).map(version).unwrap_or_default();
                about.registered.with_label_values(&[spec.stability.name(), &since]).inc();
            } else {
                about.hidden.inc();
            }
        }
        let labels = spec.labels.iter().map(ToString::to_string).collect();
        families.insert(spec.name.to_owned(), Family { labels, handle: handle.clone() });
        Ok(handle)
    }
}

/// The version with this minor number.
fn version(minor: u32) -> String {
    format!("1.{minor}.0")
}

/// The family that tells how much was counted under values that labels may not have.
fn unexpected_values(count: u64) -> proto::MetricFamily {
    let mut counter = proto::Counter::default();
    counter.set_value(count as f64);
    let mut metric = proto::Metric::default();
    metric.set_counter(counter);
    let mut family = proto::MetricFamily::default();
    family.set_name("cardinality_enforcement_unexpected_categorizations_total".to_owned());
    family.set_help(
        Stability::Alpha.help("What was counted under values that labels are not allowed to have."),
    );
    family.set_field_type(proto::MetricType::COUNTER);
    family.set_metric(vec![metric]);
    family
}

fn options(spec: &Spec<'_>) -> Opts {
    let help = match exposure::deprecated_since(spec.name) {
        Some(since) => format!("(Deprecated since {}) {}", version(since), spec.help),
        None => spec.help.to_owned(),
    };
    Opts::new(spec.name, spec.stability.help(&help))
}

fn boxed(collector: impl Collector + 'static) -> Box<dyn Collector> {
    Box::new(collector)
}

fn refused(name: &str, failure: &prometheus::Error) -> MetricError {
    MetricError::Refused { name: name.to_owned(), reason: failure.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: Spec<'_> = Spec {
        name: "apiserver_request_total",
        help: "Counter of requests.",
        stability: Stability::Stable,
        labels: &["verb", "code"],
    };

    #[test]
    fn a_family_asked_for_twice_counts_once() {
        let registry = Registry::new();
        registry.counter(&REQUESTS).expect("new").with_label_values(&["GET", "200"]).inc();
        registry.counter(&REQUESTS).expect("the same").with_label_values(&["GET", "200"]).inc();
        let text = registry.encode().expect("text");
        assert_eq!(
            text,
            "# HELP apiserver_request_total [STABLE] Counter of requests.\n\
             # TYPE apiserver_request_total counter\n\
             apiserver_request_total{code=\"200\",verb=\"GET\"} 2\n"
        );
    }

    #[test]
    fn another_kind_or_other_labels_are_refused() {
        let registry = Registry::new();
        registry.counter(&REQUESTS).expect("new");
        assert!(matches!(registry.gauge(&REQUESTS), Err(MetricError::OtherKind(_))));
        let other = Spec { labels: &["verb"], ..REQUESTS };
        assert!(matches!(registry.counter(&other), Err(MetricError::Refused { .. })));
    }

    #[test]
    fn histograms_show_cumulative_buckets() {
        let registry = Registry::new();
        let spec = Spec { name: "wait_seconds", help: "Waits.", stability: Stability::Alpha, labels: &[] };
        let waits = registry.histogram(&spec, &[0.1, 1.0]).expect("new");
        for seconds in [0.05, 0.5, 5.0] {
            waits.with_label_values::<&str>(&[]).observe(seconds);
        }
        let text = registry.encode().expect("text");
        for line in
            ["wait_seconds_bucket{le=\"0.1\"} 1", "{le=\"1\"} 2", "{le=\"+Inf\"} 3", "wait_seconds_count 3"]
        {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
    }
}
