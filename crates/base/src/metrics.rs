//! The metrics registry: Prometheus metrics under Kubernetes' names.
//!
//! One [`Registry`] per server. A family that is asked for twice with the same shape is the same family, so
//! that two parts (or two stores) may count into it. Help texts carry the stability level in front, as
//! Kubernetes' do.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{Encoder, HistogramOpts, Opts, TextEncoder};
pub use prometheus::{GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec};

/// The media type of [`Registry::encode`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

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
    fn help(self, text: &str) -> String {
        match self {
            Self::Alpha => format!("[ALPHA] {text}"),
            Self::Beta => format!("[BETA] {text}"),
            Self::Stable => format!("[STABLE] {text}"),
            Self::Internal => text.to_owned(),
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
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
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

    /// Registers a collector that makes its values when it is asked.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn collector(&self, name: &str, collector: Box<dyn Collector>) -> Result<(), MetricError> {
        self.inner.registry.register(collector).map_err(|failure| refused(name, &failure))
    }

    /// All families in Prometheus' text format, sorted by name.
    ///
    /// # Errors
    /// Where a collector gives what the format can't say.
    pub fn encode(&self) -> Result<String, MetricError> {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.inner.registry.gather(), &mut text)
            .map_err(|failure| refused("(all)", &failure))?;
        String::from_utf8(text)
            .map_err(|failure| MetricError::Refused { name: "(all)".to_owned(), reason: failure.to_string() })
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
        self.inner.registry.register(collector).map_err(|failure| refused(spec.name, &failure))?;
        let labels = spec.labels.iter().map(ToString::to_string).collect();
        families.insert(spec.name.to_owned(), Family { labels, handle: handle.clone() });
        Ok(handle)
    }
}

fn options(spec: &Spec<'_>) -> Opts {
    Opts::new(spec.name, spec.stability.help(spec.help))
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
