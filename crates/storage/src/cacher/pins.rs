//! Snapshots that a paged list goes on with: each is kept for a while after it was last asked for.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock::{self, Instant};
use parking_lot::Mutex;

use crate::cacher::snapshot::Snapshot;

/// How long a snapshot is kept for its next page.
const KEPT: Duration = Duration::from_secs(75);
/// How many are kept: past it, the one that was asked for longest ago goes. A page whose snapshot is gone is
/// made from the ring or read from storage.
const MOST: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pins {
    pinned: Mutex<Vec<Pin>>,
}

#[derive(Debug)]
struct Pin {
    snapshot: Arc<Snapshot>,
    used: Instant,
}

impl Pins {
    /// Keeps a snapshot; one of its revision that is kept already is kept longer.
    pub(super) fn pin(&self, snapshot: &Arc<Snapshot>) {
        let now = clock::monotonic();
        let mut pinned = self.pinned.lock();
        if let Some(pin) = pinned.iter_mut().find(|pin| pin.snapshot.revision() == snapshot.revision()) {
            pin.used = now;
            return;
        }
        pinned.retain(|pin| is_current(pin, now));
        if pinned.len() >= MOST
            && let Some(oldest) = (0..pinned.len()).min_by_key(|at| pinned[*at].used)
        {
            pinned.swap_remove(oldest);
        }
        pinned.push(Pin { snapshot: Arc::clone(snapshot), used: now });
    }

    /// The snapshot of exactly this revision, where it is kept.
    pub(super) fn at(&self, revision: u64) -> Option<Arc<Snapshot>> {
        let mut pinned = self.pinned.lock();
        let pin = pinned.iter_mut().find(|pin| pin.snapshot.revision() == revision)?;
        pin.used = clock::monotonic();
        Some(Arc::clone(&pin.snapshot))
    }

    /// Lets go of those that nobody came back for.
    pub(super) fn sweep(&self, now: Instant) {
        self.pinned.lock().retain(|pin| is_current(pin, now));
    }
}

fn is_current(pin: &Pin, now: Instant) -> bool {
    now.saturating_duration_since(pin.used) <= KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(revision: u64) -> Arc<Snapshot> {
        let mut snapshot = Snapshot::new(None);
        snapshot.advance(revision);
        Arc::new(snapshot)
    }

    #[tokio::test(start_paused = true)]
    async fn snapshots_stay_while_they_are_asked_for_and_their_number_is_bounded() {
        let pins = Pins::default();
        pins.pin(&snapshot(1));
        clock::sleep(KEPT / 2).await;
        pins.pin(&snapshot(2));
        assert!(pins.at(1).is_some() && pins.at(2).is_some() && pins.at(3).is_none());
        clock::sleep(KEPT / 2).await;
        assert!(pins.at(1).is_some());
        clock::sleep(KEPT * 3 / 4).await;
        pins.sweep(clock::monotonic());
        assert!(pins.at(1).is_some() && pins.at(2).is_none());
        for revision in 10..10 + MOST as u64 {
            clock::sleep(Duration::from_millis(1)).await;
            pins.pin(&snapshot(revision));
        }
        assert!(pins.at(1).is_none() && pins.at(10).is_some());
    }
}
