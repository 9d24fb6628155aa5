//! Which families are shown, and with which labels: what the flags about metrics, and the deprecations of families,
//! come to.
//!
//! All of it happens when metrics are read, so that counting costs the same whatever is shown.

use std::collections::{BTreeMap, BTreeSet};

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, Metric, MetricFamily, MetricType};

use super::Stability;

/// The value of labels that have one which is not allowed.
const UNEXPECTED: &str = "unexpected";

/// The minor version of Kubernetes by which deprecations are judged.
const MINOR: u32 = 36;

/// Deprecated families, and the minor version since which they are.
const DEPRECATED: [(&str, u32); 4] = [
    ("apiserver_request_slo_duration_seconds", 27),
    ("apiserver_storage_db_total_size_in_bytes", 28),
    ("apiserver_storage_objects", 34),
    ("etcd_bookmark_counts", 36),
];

/// The minor version since which a family is deprecated.
pub(super) fn deprecated_since(name: &str) -> Option<u32> {
    DEPRECATED.iter().find(|(deprecated, _)| *deprecated == name).map(|(_, since)| *since)
}

/// What is shown of the metrics. By default everything but what was deprecated long enough ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Families that are never shown (`--disabled-metrics`).
    pub disabled: BTreeSet<String>,
    /// Whether families are shown that were hidden as they are deprecated (`--show-hidden-metrics-for-version`).
    pub show_hidden: bool,
    /// The values that labels may have, by family and label; others become `unexpected`
    /// (`--allow-metric-labels`).
    pub allowed_labels: AllowedLabels,
}

/// The values that labels may have, by family and label.
pub type AllowedLabels = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Exposure {
    /// Whether a family of this stability is shown: a deprecated one is for three more minor versions where it is
    /// stable, one more where it is beta, and none otherwise.
    pub(super) fn shows(&self, name: &str, stability: Stability) -> bool {
        let grace = match stability {
            Stability::Stable => 3,
            Stability::Beta => 1,
            Stability::Alpha | Stability::Internal => 0,
        };
        let hidden = deprecated_since(name).is_some_and(|since| since + grace <= MINOR);
        !self.disabled.contains(name) && (!hidden || self.show_hidden)
    }

    /// Leaves out what is not shown, and replaces labels' values that are not allowed. Returns how much was counted
    /// under such values.
    pub(super) fn apply(&self, families: &mut Vec<MetricFamily>) -> u64 {
        if !self.disabled.is_empty() {
            families.retain(|family| !self.disabled.contains(family.name()));
        }
        let mut unexpected = 0;
        for family in families {
            if let Some(allowed) = self.allowed_labels.get(family.name()) {
                unexpected += constrain(family, allowed);
            }
        }
        unexpected
    }
}

/// Metrics that have the same labels then become one.
fn constrain(family: &mut MetricFamily, allowed: &BTreeMap<String, BTreeSet<String>>) -> u64 {
    let (mut unexpected, mut replaced) = (0, false);
    let kind = family.get_field_type();
    let mut metrics = family.take_metric();
    for metric in &mut metrics {
        let events = match kind {
            MetricType::COUNTER => metric.get_counter().get_value() as u64,
            MetricType::HISTOGRAM => metric.get_histogram().get_sample_count(),
            _ => 0,
        };
        for pair in metric.mut_label() {
            if allowed.get(pair.name()).is_some_and(|values| !values.contains(pair.value())) {
                pair.set_value(UNEXPECTED.to_owned());
                unexpected += events;
                replaced = true;
            }
        }
    }
    if replaced {
        let key = |metric: &Metric| -> Vec<String> {
            metric.get_label().iter().map(|pair| pair.value().to_owned()).collect()
        };
        metrics.sort_by_cached_key(key);
        metrics.dedup_by(|next, kept| {
            let same = next.get_label() == kept.get_label();
            if same {
                add(kind, kept, next);
            }
            same
        });
    }
    family.set_metric(metrics);
    unexpected
}

fn add(kind: MetricType, to: &mut Metric, other: &Metric) {
    match kind {
        MetricType::COUNTER => {
            let mut sum = Counter::default();
            sum.set_value(to.get_counter().get_value() + other.get_counter().get_value());
            to.set_counter(sum);
        }
        MetricType::GAUGE => {
            let mut sum = Gauge::default();
            sum.set_value(to.get_gauge().get_value() + other.get_gauge().get_value());
            to.set_gauge(sum);
        }
        MetricType::HISTOGRAM => {
            let (a, b) = (to.get_histogram(), other.get_histogram());
            let mut sum = Histogram::default();
            sum.set_sample_count(a.get_sample_count() + b.get_sample_count());
            sum.set_sample_sum(a.get_sample_sum() + b.get_sample_sum());
            let buckets = a.get_bucket().iter().zip(b.get_bucket()).map(|(a, b)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(a.upper_bound());
                bucket.set_cumulative_count(a.cumulative_count() + b.cumulative_count());
                bucket
            });
            sum.set_bucket(buckets.collect());
            to.set_histogram(sum);
        }
        MetricType::SUMMARY | MetricType::UNTYPED => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Registry, Spec};

    fn spec(name: &'static str, stability: Stability) -> Spec<'static> {
        Spec { name, help: "Things.", stability, labels: &["verb", "code"] }
    }

    #[test]
    fn a_deprecated_family_is_hidden_when_its_time_is_over() {
        let default = Exposure::default();
        let all = Exposure { show_hidden: true, ..Exposure::default() };
        for (name, stability, shown) in [
            ("apiserver_storage_objects", Stability::Stable, true),
            ("apiserver_storage_objects", Stability::Beta, false),
            ("etcd_bookmark_counts", Stability::Alpha, false),
            ("etcd_bookmark_counts", Stability::Beta, true),
            ("apiserver_request_slo_duration_seconds", Stability::Alpha, false),
            ("apiserver_request_total", Stability::Alpha, true),
        ] {
            assert_eq!(default.shows(name, stability), shown, "{name} {stability:?}");
            assert!(all.shows(name, stability), "{name} {stability:?}");
        }
        let disabled = ["etcd_bookmark_counts".to_owned()].into();
        let both = Exposure { show_hidden: true, disabled, ..Exposure::default() };
        assert!(!both.shows("etcd_bookmark_counts", Stability::Alpha));
    }

    #[test]
    fn what_is_hidden_or_disabled_is_not_shown_but_counted_as_such() {
        let disabled = ["made_total".to_owned(), "never_there".to_owned()].into();
        let registry =
            Registry::exposing(Exposure { disabled, ..Exposure::default() }).expect("new families");
        for name in ["made_total", "etcd_bookmark_counts", "apiserver_storage_objects"] {
            let stability =
                if name == "apiserver_storage_objects" { Stability::Stable } else { Stability::Alpha };
            let family = registry.counter(&spec(name, stability)).expect("new");
            family.with_label_values(&["GET", "200"]).inc();
        }
        let text = registry.encode().expect("text");
        for name in ["made_total", "etcd_bookmark_counts"] {
            assert!(!text.contains(name), "{text}");
        }
        for line in [
            "# HELP apiserver_storage_objects [STABLE] (Deprecated since 1.34.0) Things.\n",
            "disabled_metrics_total 2\n",
            "hidden_metrics_total 2\n",
            "registered_metrics_total{deprecated_version=\"1.34.0\",stability_level=\"STABLE\"} 1\n",
            "cardinality_enforcement_unexpected_categorizations_total 0\n",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
    }

    #[test]
    fn values_that_are_not_allowed_become_one() {
        let verbs = BTreeMap::from([("verb".to_owned(), BTreeSet::from(["GET".to_owned()]))]);
        let allowed_labels =
            BTreeMap::from(["made_total", "took"].map(|name| (name.to_owned(), verbs.clone())));
        let registry =
            Registry::exposing(Exposure { allowed_labels, ..Exposure::default() }).expect("new families");
        let made = registry.counter(&spec("made_total", Stability::Alpha)).expect("new");
        let took = registry.histogram(&spec("took", Stability::Alpha), &[1.0]).expect("new");
        for (verb, count) in [("GET", 2), ("LIST", 3), ("WATCH", 4)] {
            made.with_label_values(&[verb, "200"]).inc_by(count);
            took.with_label_values(&[verb, "200"]).observe(count as f64 - 2.5);
        }
        let text = registry.encode().expect("text");
        for line in [
            "made_total{code=\"200\",verb=\"GET\"} 2\n",
            "made_total{code=\"200\",verb=\"unexpected\"} 7\n",
            "took_bucket{code=\"200\",verb=\"unexpected\",le=\"1\"} 1\n",
            "took_sum{code=\"200\",verb=\"unexpected\"} 2\n",
            "took_count{code=\"200\",verb=\"unexpected\"} 2\n",
            "cardinality_enforcement_unexpected_categorizations_total 9\n",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
        assert!(!text.contains("LIST"), "{text}");
    }
}
