//! Times to live. A lease costs etcd as much as a write, so keys of nearly the same end share one: a key may
//! live longer than asked by a twentieth of its time to live, and by the configured most.

use std::time::Duration;

use keelson_base::clock::{self, Instant};
use keelson_base::metrics::Histogram;
use parking_lot::Mutex;

use crate::Error;
use crate::etcd::endpoints::{Endpoints, Repeat};

pub(super) struct Leases {
    reuse: Duration,
    max_keys: u64,
    last: Mutex<Option<Lease>>,
    /// Takes how many keys had each lease.
    counts: Option<Histogram>,
}

#[derive(Clone, Copy)]
struct Lease {
    id: i64,
    end: Instant,
    keys: u64,
}

impl Leases {
    pub(super) fn new(reuse: Duration, max_keys: u64, counts: Option<Histogram>) -> Self {
        Self { reuse, max_keys: max_keys.max(1), last: Mutex::new(None), counts }
    }

    /// A lease that ends no sooner than `ttl` from now.
    pub(super) async fn lease(&self, endpoints: &Endpoints, ttl: Duration) -> Result<i64, Error> {
        let seconds = whole_seconds(ttl);
        let now = clock::monotonic();
        if let Some(id) = self.shared(now, seconds) {
            return Ok(id);
        }
        let granted = seconds.saturating_add(self.slack(seconds));
        let ask = i64::try_from(granted).unwrap_or(i64::MAX);
        // A grant that came and whose answer was lost ends by itself.
        let answer = endpoints
            .call(Repeat::Always, |mut clients| async move { clients.lease.grant(ask, None).await })
            .await?;
        let lease = Lease { id: answer.id(), end: now + Duration::from_secs(granted), keys: 1 };
        let last = self.last.lock().replace(lease);
        if let (Some(last), Some(counts)) = (last, &self.counts) {
            // The last one that asked got the new lease.
            counts.observe(last.keys.saturating_sub(1) as f64);
        }
        Ok(lease.id)
    }

    /// Gives the last lease up: etcd does not know it any more.
    pub(super) fn forget(&self) {
        *self.last.lock() = None;
    }

    /// The last lease, if it ends neither too soon nor too late and has room for one more key.
    fn shared(&self, now: Instant, seconds: u64) -> Option<i64> {
        let mut last = self.last.lock();
        let lease = last.as_mut()?;
        let soonest = now + Duration::from_secs(seconds);
        let latest = now + Duration::from_secs(seconds.saturating_add(self.slack(seconds)));
        lease.keys += 1;
        (soonest < lease.end && lease.end < latest && lease.keys <= self.max_keys).then_some(lease.id)
    }

    fn slack(&self, seconds: u64) -> u64 {
        (seconds / 20).min(self.reuse.as_secs())
    }
}

/// Leases count in seconds; a key must not end before its time.
fn whole_seconds(ttl: Duration) -> u64 {
    let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    seconds.clamp(1, u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leases(end_in: u64, keys: u64) -> (Leases, Instant) {
        let now = clock::monotonic();
        let leases = Leases::new(Duration::from_secs(60), 1000, None);
        *leases.last.lock() = Some(Lease { id: 7, end: now + Duration::from_secs(end_in), keys });
        (leases, now)
    }

    #[test]
    fn a_lease_is_shared_between_like_times_to_live() {
        // An hour may be stretched by 60 s, which is less than a twentieth; a minute by 3 s.
        for (seconds, end_in, keys, shared) in [
            (3600, 3660 - 1, 1, true),
            (3600, 3660, 1, false),
            (3600, 3600, 1, false),
            (3600, 3601, 1, true),
            (3600, 3630, 999, true),
            (3600, 3630, 1000, false),
            (60, 62, 1, true),
            (60, 63, 1, false),
            (10, 11, 1, false),
        ] {
            let (leases, now) = leases(end_in, keys);
            assert_eq!(leases.shared(now, seconds).is_some(), shared, "{seconds} s on one of {end_in} s");
        }
    }

    #[test]
    fn times_to_live_are_rounded_up() {
        for (ttl, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (3_600_000, 3600)] {
            assert_eq!(whole_seconds(Duration::from_millis(ttl)), seconds, "{ttl} ms");
        }
    }
}
