//! How many objects there are of each resource, counted from time to time.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::metrics::{IntGaugeVec, MetricError, Registry as MetricRegistry, Spec, Stability};
use keelson_base::{clock, random};
use keelson_storage::cacher::Snapshot;

use crate::registry::store::{Registry, Store};

/// What is shown where objects can't be counted.
const UNKNOWN: i64 = -1;

/// See the module.
#[derive(Clone)]
pub(crate) struct ObjectCounts {
    by_kind: IntGaugeVec,
    counts: IntGaugeVec,
    sizes: IntGaugeVec,
}

impl ObjectCounts {
    /// The families, in `metrics`.
    ///
    /// # Errors
    /// Where they are there already with other labels.
    pub(crate) fn new(metrics: &MetricRegistry) -> Result<Self, MetricError> {
        let gauge = |name, help, stability, labels| metrics.gauge(&Spec { name, help, stability, labels });
        Ok(ObjectCounts {
            by_kind: gauge(
                "apiserver_storage_objects",
                "Objects when they were last counted, by resource; -1 where they could not be. \
                 apiserver_resource_objects says the same.",
                Stability::Stable,
                &["resource"],
            )?,
            counts: gauge(
                "apiserver_resource_objects",
                "Objects when they were last counted, by resource; -1 where they could not be.",
                Stability::Alpha,
                &["group", "resource"],
            )?,
            sizes: gauge(
                "apiserver_resource_size_estimate_bytes",
                "Bytes that objects took when they were last counted, by resource; -1 where that is not known.",
                Stability::Alpha,
                &["group", "resource"],
            )?,
        })
    }

    /// Counts now and again after about each `period`, for ever.
    pub(crate) async fn follow(&self, registry: &Arc<Registry>, period: Duration) {
        loop {
            for store in registry.stores() {
                self.count(store).await;
            }
            clock::sleep(random::jitter(period, 0.5)).await;
        }
    }

    async fn count(&self, store: &Store) {
        let (group, plural) = store.served_as();
        let (count, size) = match store.cached() {
            Some(snapshot) => (whole(snapshot.len()), size_of(&snapshot)),
            None => match store.count().await {
                Ok(0) => (0, 0),
                Ok(count) => (i64::try_from(count).unwrap_or(i64::MAX), UNKNOWN),
                Err(_) => (UNKNOWN, UNKNOWN),
            },
        };
        let name = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        self.by_kind.with_label_values(&[name.as_str()]).set(count);
        self.counts.with_label_values(&[group, plural]).set(count);
        self.sizes.with_label_values(&[group, plural]).set(size);
    }
}

fn size_of(snapshot: &Snapshot) -> i64 {
    whole(snapshot.range("", "").map(|state| state.value.len()).sum())
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
