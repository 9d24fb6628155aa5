//! What the registry counts, under Kubernetes' names.
//!
//! - `metered`: requests to storage, and the events that come from it, by resource
//! - `caches`: the watch caches, and the lists that were answered from them or from storage
//! - `objects`: how many objects there are
//!
//! Families called after etcd are those of the store below, whichever it is: dashboards know no others.

mod caches;
mod metered;
mod objects;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use self::caches::CacheMetrics;
pub(crate) use self::metered::Metered;
pub(crate) use self::objects::ObjectCounts;

/// What the reads of one store took.
#[derive(Debug, Default)]
pub(super) struct ReadCounts {
    /// Lists from the cache, as a whole and by its index.
    pub(super) cached: [Lists; 2],
    /// Lists from storage.
    pub(super) stored: Lists,
    /// Objects that watches got as their initial state from the cache.
    pub(super) initial: AtomicU64,
}

/// Lists that were answered the same way.
#[derive(Debug, Default)]
pub(super) struct Lists {
    count: AtomicU64,
    fetched: AtomicU64,
    returned: AtomicU64,
}

impl Lists {
    /// Counts a list that looked at so many objects and showed so many.
    pub(super) fn note(&self, fetched: usize, returned: usize) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.fetched.fetch_add(fetched as u64, Ordering::Relaxed);
        self.returned.fetch_add(returned as u64, Ordering::Relaxed);
    }

    fn read(&self) -> [u64; 3] {
        [&self.count, &self.fetched, &self.returned].map(|counter| counter.load(Ordering::Relaxed))
    }
}
