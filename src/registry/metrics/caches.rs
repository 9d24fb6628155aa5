//! What the watch caches count, and the lists that they or storage answered: read when it is asked for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keelson_base::metrics::{MetricError, Registry as MetricRegistry};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

use crate::registry::store::{CacherOf, Registry, Store};

/// Resource versions are shown by their last fifteen digits: a float holds no more.
const VERSION_MODULUS: u64 = 1_000_000_000_000_000;

/// Makes the families when they are asked for, of the caches that are in use and of the stores that were read.
pub(crate) struct CacheMetrics {
    cachers: Vec<CacherOf>,
    stores: Vec<Arc<Store>>,
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
    grown: IntCounterVec,
    shrunk: IntCounterVec,
    initial: IntCounterVec,
    cached: IntCounterVec,
    cached_fetched: IntCounterVec,
    cached_returned: IntCounterVec,
    stored: IntCounterVec,
    stored_fetched: IntCounterVec,
    stored_evaluated: IntCounterVec,
    stored_returned: IntCounterVec,
}

impl Families {
    fn new() -> Result<Self, prometheus::Error> {
        let options = |name: &str, help: &str| Opts::new(name, format!("[ALPHA] {help}"));
        let counter = |name, help| IntCounterVec::new(options(name, help), &ABOUT);
        let gauge = |name, help| IntGaugeVec::new(options(name, help), &ABOUT);
        let indexed = |name, help| IntCounterVec::new(options(name, help), &["group", "index", "resource"]);
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
            grown: counter(
                "watch_cache_capacity_increase_total",
                "How often a watch cache made room for more events.",
            )?,
            shrunk: counter(
                "watch_cache_capacity_decrease_total",
                "How often a watch cache gave room for events up.",
            )?,
            initial: counter(
                "apiserver_init_events_total",
                "Objects that watches got from a watch cache as the state that they begin with.",
            )?,
            cached: indexed(
                "apiserver_cache_list_total",
                "Lists that a watch cache answered, by its index.",
            )?,
            cached_fetched: indexed(
                "apiserver_cache_list_fetched_objects_total",
                "Objects of a watch cache that lists looked at, by its index.",
            )?,
            cached_returned: counter(
                "apiserver_cache_list_returned_objects_total",
                "Objects that lists from a watch cache showed.",
            )?,
            stored: counter("apiserver_storage_list_total", "Lists that storage answered.")?,
            stored_fetched: counter(
                "apiserver_storage_list_fetched_objects_total",
                "Objects that lists read from storage.",
            )?,
            stored_evaluated: counter(
                "apiserver_storage_list_evaluated_objects_total",
                "Objects from storage that lists looked at.",
            )?,
            stored_returned: counter(
                "apiserver_storage_list_returned_objects_total",
                "Objects that lists from storage showed.",
            )?,
        })
    }

    fn collectors(&self) -> [&dyn Collector; 17] {
        [
            &self.received,
            &self.dispatched,
            &self.initialisations,
            &self.terminated,
            &self.consistent,
            &self.revision,
            &self.capacity,
            &self.grown,
            &self.shrunk,
            &self.initial,
            &self.cached,
            &self.cached_fetched,
            &self.cached_returned,
            &self.stored,
            &self.stored_fetched,
            &self.stored_evaluated,
            &self.stored_returned,
        ]
    }

    fn add_reads(&self, store: &Store) {
        let (group, plural) = store.served_as();
        let (about, reads) = ([group, plural], store.read_counts());
        let add = |family: &IntCounterVec, count: u64| {
            if count > 0 {
                family.with_label_values(&about).inc_by(count);
            }
        };
        add(&self.initial, reads.initial.load(Ordering::Relaxed));
        for (lists, index) in reads.cached.iter().zip(["", &store.index_name()]) {
            let [count, fetched, returned] = lists.read();
            if count > 0 {
                let labels = [group, index, plural];
                self.cached.with_label_values(&labels).inc_by(count);
                self.cached_fetched.with_label_values(&labels).inc_by(fetched);
                self.cached_returned.with_label_values(&about).inc_by(returned);
            }
        }
        let [count, fetched, returned] = reads.stored.read();
        if count > 0 {
            self.stored.with_label_values(&about).inc_by(count);
            self.stored_fetched.with_label_values(&about).inc_by(fetched);
            self.stored_evaluated.with_label_values(&about).inc_by(fetched);
            self.stored_returned.with_label_values(&about).inc_by(returned);
        }
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
        for (family, count) in [(&self.grown, counts.grown), (&self.shrunk, counts.shrunk)] {
            if count > 0 {
                family.with_label_values(&about).inc_by(count);
            }
        }
        for (fallback, reads) in [("false", counts.consistent), ("true", counts.fallbacks)] {
            if reads > 0 {
                let labels = [fallback, of.group, of.plural, "true"];
                self.consistent.with_label_values(&labels).inc_by(reads);
            }
        }
    }
}

impl CacheMetrics {
    /// Adds the families of a registry's caches and stores to `metrics`.
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
        let stores = registry.stores().cloned().collect();
        metrics.collector(NAME, Box::new(CacheMetrics { cachers, stores, descriptions }))
    }
}

impl Collector for CacheMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(families) = Families::new() else { return Vec::new() };
        self.cachers.iter().for_each(|of| families.add(of));
        self.stores.iter().for_each(|store| families.add_reads(store));
        let collected = families.collectors().into_iter().flat_map(Collector::collect);
        collected.filter(|family| !family.get_metric().is_empty()).collect()
    }
}
