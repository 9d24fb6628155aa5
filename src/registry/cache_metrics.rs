//! What the watch caches count, under Kubernetes' names.

use keelson_base::metrics::{MetricError, Registry as MetricRegistry};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

use super::store::{CacherOf, Registry};

/// Resource versions are shown by their last fifteen digits: a float holds no more.
const VERSION_MODULUS: u64 = 1_000_000_000_000_000;

/// Makes the families when they are asked for, of the caches that are in use.
pub(crate) struct CacheMetrics {
    cachers: Vec<CacherOf>,
    descriptions: Vec<Desc>,
}

const ABOUT: [&str; 2] = ["group", "resource"];

/// The families of one exposition.
struct Families {
    received: IntCounterVec,
    dispatched: IntCounterVec,
    initialisations: IntCounterVec,
    terminated: IntCounterVec,
    consistent: IntCounterVec,
    revision: IntGaugeVec,
    capacity: IntGaugeVec,
}

impl Families {
    fn new() -> Result<Self, prometheus::Error> {
        let options = |name: &str, help: &str| Opts::new(name, format!("[ALPHA] {help}"));
        let counter = |name, help| IntCounterVec::new(options(name, help), &ABOUT);
        let gauge = |name, help| IntGaugeVec::new(options(name, help), &ABOUT);
        Ok(Families {
            received: counter(
                "apiserver_watch_cache_events_received_total",
                "Events that a watch cache got from storage.",
            )?,
            dispatched: counter(
                "apiserver_watch_cache_events_dispatched_total",
                "Events that a watch cache handed to its watchers.",
            )?,
            initialisations: counter(
                "apiserver_watch_cache_initializations_total",
                "How often a watch cache listed its resource.",
            )?,
            terminated: counter(
                "apiserver_terminated_watchers_total",
                "Watchers that were ended as they did not read.",
            )?,
            consistent: IntCounterVec::new(
                options(
                    "apiserver_watch_cache_consistent_read_total",
                    "Reads of the current state, by whether the cache answered them or storage.",
                ),
                &["fallback", "group", "resource", "success"],
            )?,
            revision: gauge(
                "apiserver_watch_cache_resource_version",
                "The resource version that a watch cache has reached, its last fifteen digits.",
            )?,
            capacity: gauge("watch_cache_capacity", "Events that a watch cache has room for.")?,
        })
    }

    fn collectors(&self) -> [&dyn Collector; 7] {
        let Families { received, dispatched, initialisations, terminated, consistent, revision, capacity } =
            self;
        [received, dispatched, initialisations, terminated, consistent, revision, capacity]
    }

    fn add(&self, of: &CacherOf) {
        let counts = of.cacher.counts();
        if counts.revision == 0 {
            return;
        }
        let about = [of.group, of.plural];
        self.received.with_label_values(&about).inc_by(counts.received);
        self.dispatched.with_label_values(&about).inc_by(counts.dispatched);
        self.initialisations.with_label_values(&about).inc_by(counts.initialisations);
        self.terminated.with_label_values(&about).inc_by(counts.terminated);
        let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.revision.with_label_values(&about).set(whole(counts.revision % VERSION_MODULUS));
        self.capacity.with_label_values(&about).set(whole(counts.capacity));
        for (fallback, reads) in [("false", counts.consistent), ("true", counts.fallbacks)] {
            if reads > 0 {
                let labels = [fallback, of.group, of.plural, "true"];
                self.consistent.with_label_values(&labels).inc_by(reads);
            }
        }
    }
}

impl CacheMetrics {
    /// Adds the families of a registry's caches to `metrics`.
    ///
    /// # Errors
    /// Where they are there already.
    pub(crate) fn register(registry: &Registry, metrics: &MetricRegistry) -> Result<(), MetricError> {
        const NAME: &str = "watch_cache";
        let refused =
            |error: prometheus::Error| MetricError::Refused { name: NAME.into(), reason: error.to_string() };
        let families = Families::new().map_err(refused)?;
        let descriptions = families.collectors().iter().flat_map(|family| family.desc()).cloned().collect();
        let cachers = registry.cachers().cloned().collect();
        metrics.collector(NAME, Box::new(CacheMetrics { cachers, descriptions }))
    }
}

impl Collector for CacheMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(families) = Families::new() else { return Vec::new() };
        self.cachers.iter().for_each(|of| families.add(of));
        let collected = families.collectors().into_iter().flat_map(Collector::collect);
        collected.filter(|family| !family.get_metric().is_empty()).collect()
    }
}
