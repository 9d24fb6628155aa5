//! The recent events, in order: what a watch that reconnects is replayed, and what is undone to see the past.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock::Instant;

use crate::cacher::budget::{Budgets, Share};
use crate::cacher::event::CacheEvent;

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub struct RingBounds {
    /// How long events are kept as far as the other bounds allow: 75 seconds by default, as kube-apiserver, so
    /// that the last bookmark of a watch is in it.
    pub age: Duration,
    /// So many are kept however old they are: 100 by default.
    pub fewest: usize,
    /// More are never kept: 100,000 by default.
    pub most: usize,
    /// Bytes that the events may take beyond what the current state takes: 64 MiB by default, as long as others
    /// leave so many ([`Budgets`]).
    pub bytes: usize,
    /// So many of the newest keep the bytes that were made of them: 256 by default.
    pub encoded: usize,
    /// Bytes of values of the events that do: 8 MiB by default.
    pub encoded_bytes: usize,
}

impl Default for RingBounds {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(75),
            fewest: 100,
            most: 100_000,
            bytes: 64 << 20,
            encoded: 256,
            encoded_bytes: 8 << 20,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ring {
    bounds: RingBounds,
    entries: VecDeque<Entry>,
    bytes: Share,
    /// Every event after this revision is here.
    floor: u64,
    /// So many of the newest entries may have encodings, and what their values weigh.
    encoded: usize,
    encoded_bytes: Share,
}

#[derive(Debug)]
struct Entry {
    event: Arc<CacheEvent>,
    arrived: Instant,
}

/// The events after the revision that was asked for are not all here any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOld {
    /// Those after this revision are.
    pub oldest: u64,
}

impl Ring {
    /// A ring that knows of nothing up to `floor`.
    pub(super) fn new(bounds: RingBounds, budgets: &Budgets, floor: u64) -> Self {
        Self {
            bounds,
            entries: VecDeque::new(),
            bytes: Share::of(&budgets.events),
            floor,
            encoded: 0,
            encoded_bytes: Share::of(&budgets.encoded),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    pub(super) fn push(&mut self, event: Arc<CacheEvent>, now: Instant) {
        self.bytes.add(event.weight());
        self.encoded += 1;
        self.encoded_bytes.add(event.encoding_weight());
        self.entries.push_back(Entry { event, arrived: now });
        while self.encoded > self.bounds.encoded
            || (self.encoded_bytes.is_past(self.bounds.encoded_bytes) && self.encoded > 1)
        {
            self.retire_oldest();
        }
    }

    /// Lets go of what the bounds don't allow.
    pub(super) fn trim(&mut self, now: Instant) {
        while let Some(oldest) = self.entries.front() {
            let (count, age) = (self.entries.len(), now.saturating_duration_since(oldest.arrived));
            let kept = count <= self.bounds.most
                && (!self.bytes.is_past(self.bounds.bytes) || count == 1)
                && (count <= self.bounds.fewest || age <= self.bounds.age);
            if kept {
                break;
            }
            self.evict();
        }
        if self.entries.capacity() > 256 && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    fn evict(&mut self) {
        if self.encoded == self.entries.len() {
            self.retire_oldest();
        }
        if let Some(Entry { event, .. }) = self.entries.pop_front() {
            self.bytes.subtract(event.weight());
            self.floor = self.floor.max(event.revision);
        }
    }

    /// Ends the encodings of the oldest event that may have them.
    fn retire_oldest(&mut self) {
        if let Some(entry) = self.entries.get(self.entries.len() - self.encoded) {
            entry.event.encodings.retire();
            self.encoded_bytes.subtract(entry.event.encoding_weight());
        }
        self.encoded -= 1;
    }

    /// Puts what happened before its first event in front, as far as the bounds allow.
    pub(super) fn prepend(&mut self, past: Ring) {
        let whole = self.encoded == self.entries.len();
        let Ring { entries, mut bytes, mut floor, encoded_bytes, .. } = past;
        drop(encoded_bytes);
        let mut takes_encodings = whole;
        for entry in entries.into_iter().rev() {
            let (weight, encoding) = (entry.event.weight(), entry.event.encoding_weight());
            bytes.subtract(weight);
            self.bytes.add(weight);
            if self.entries.len() >= self.bounds.most || self.bytes.is_past(self.bounds.bytes) {
                self.bytes.subtract(weight);
                floor = entry.event.revision;
                break;
            }
            takes_encodings &= self.encoded < self.bounds.encoded;
            if takes_encodings {
                self.encoded_bytes.add(encoding);
                takes_encodings = !self.encoded_bytes.is_past(self.bounds.encoded_bytes);
                if !takes_encodings {
                    self.encoded_bytes.subtract(encoding);
                }
            }
            if takes_encodings {
                self.encoded += 1;
            } else {
                entry.event.encodings.retire();
            }
            self.entries.push_front(entry);
        }
        self.floor = floor;
    }

    /// The events after `revision`, in order.
    ///
    /// # Errors
    /// `TooOld`.
    pub(super) fn after(
        &self,
        revision: u64,
    ) -> Result<impl DoubleEndedIterator<Item = &Arc<CacheEvent>> + ExactSizeIterator, TooOld> {
        if revision < self.floor {
            return Err(TooOld { oldest: self.floor });
        }
        let first = self.entries.partition_point(|entry| entry.event.revision <= revision);
        Ok(self.entries.range(first..).map(|entry| &entry.event))
    }
}

#[cfg(test)]
mod tests {
    use keelson_base::clock;

    use super::*;
    use crate::KeyValue;
    use crate::cacher::budget::Budget;
    use crate::cacher::event::EncodingKey;

    fn event(revision: u64, before: usize) -> Arc<CacheEvent> {
        let state = |bytes, revision| KeyValue { key: "k".into(), value: vec![0; bytes].into(), revision };
        let before = (before > 0).then(|| state(before, revision - 1));
        Arc::new(CacheEvent::new(revision, Some(state(1, revision)), before))
    }

    fn bounds() -> RingBounds {
        RingBounds { age: Duration::from_secs(10), fewest: 2, most: 5, encoded: 3, ..RingBounds::default() }
    }

    fn ring_of(bounds: RingBounds, floor: u64) -> Ring {
        Ring::new(bounds, &Budgets::default(), floor)
    }

    fn revisions(ring: &Ring, after: u64) -> Result<Vec<u64>, TooOld> {
        Ok(ring.after(after)?.map(|event| event.revision).collect())
    }

    fn keeps(event: &CacheEvent) -> bool {
        let make = || Ok::<_, ()>(bytes::Bytes::from_static(b"x"));
        let _ = event.encodings.get_or_make(EncodingKey(1), make);
        let mut again = false;
        let _ = event.encodings.get_or_make(EncodingKey(1), || {
            again = true;
            make()
        });
        !again
    }

    #[test]
    fn bounds_of_count_bytes_and_age_hold() {
        let start = clock::monotonic();
        let mut ring = ring_of(bounds(), 1);
        (2..10).for_each(|revision| ring.push(event(revision, 0), start));
        ring.trim(start);
        assert_eq!(revisions(&ring, 4), Ok(vec![5, 6, 7, 8, 9]));
        assert_eq!(revisions(&ring, 3), Err(TooOld { oldest: 4 }));
        ring.trim(start + Duration::from_secs(11));
        assert_eq!(revisions(&ring, 7), Ok(vec![8, 9]), "the fewest stay however old");
        let mut ring = ring_of(RingBounds { bytes: 3000, ..bounds() }, 1);
        (2..5).for_each(|revision| ring.push(event(revision, 1200), start));
        ring.trim(start);
        assert_eq!(revisions(&ring, 2), Ok(vec![3, 4]));
        assert_eq!(revisions(&ring, 1), Err(TooOld { oldest: 2 }));
    }

    #[test]
    fn only_the_newest_keep_encodings() {
        let start = clock::monotonic();
        let mut ring = ring_of(bounds(), 1);
        let events: Vec<_> = (2..7).map(|revision| event(revision, 0)).collect();
        events.iter().for_each(|event| ring.push(Arc::clone(event), start));
        assert_eq!(
            events.iter().map(|event| keeps(event)).collect::<Vec<_>>(),
            [false, false, true, true, true]
        );
        let heavy = RingBounds { encoded_bytes: 1, ..bounds() };
        let mut ring = ring_of(heavy, 1);
        let events: Vec<_> = (2..5).map(|revision| event(revision, 0)).collect();
        events.iter().for_each(|event| ring.push(Arc::clone(event), start));
        assert_eq!(events.iter().map(|event| keeps(event)).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn the_past_goes_in_front_as_far_as_there_is_room() {
        let start = clock::monotonic();
        let fill = |range: std::ops::Range<u64>, floor| {
            let mut ring = ring_of(RingBounds { most: 100, ..bounds() }, floor);
            range.for_each(|revision| ring.push(event(revision, 0), start));
            ring
        };
        let mut ring = fill(10..12, 9);
        ring.prepend(fill(4..8, 3));
        assert_eq!(revisions(&ring, 3), Ok(vec![4, 5, 6, 7, 10, 11]));
        assert_eq!(revisions(&ring, 2), Err(TooOld { oldest: 3 }));
        let mut ring = fill(10..12, 9);
        ring.bounds.most = 4;
        ring.prepend(fill(4..8, 3));
        assert_eq!(revisions(&ring, 5), Ok(vec![6, 7, 10, 11]));
        assert_eq!(revisions(&ring, 4), Err(TooOld { oldest: 5 }));
        ring.push(event(12, 0), start);
        ring.trim(start);
        assert_eq!(revisions(&ring, 6), Ok(vec![7, 10, 11, 12]));
    }

    #[test]
    fn all_rings_together_hold_no_more_than_the_budget_and_a_floor_each() {
        const LIMIT: usize = 1 << 20;
        const EVENT: usize = 10_000;
        let start = clock::monotonic();
        let budgets = Budgets { events: Budget::new(LIMIT), encoded: Budget::new(LIMIT) };
        let bounds = RingBounds { encoded: 10_000, ..RingBounds::default() };
        let mut rings: Vec<Ring> = (0..4).map(|_| Ring::new(bounds, &budgets, 0)).collect();
        let quiet: usize = 3;
        for revision in 1..=6 {
            rings[quiet].push(event(revision + 1, EVENT), start);
        }
        for revision in 7..1_000 {
            let ring = &mut rings[revision as usize % quiet];
            ring.push(event(revision, EVENT), start);
            ring.trim(start);
            let most = LIMIT + 4 * ((64 << 10) + EVENT + 1_000);
            assert!(budgets.events.used() <= most, "{} after {revision}", budgets.events.used());
            assert!(budgets.encoded.used() <= most, "{} after {revision}", budgets.encoded.used());
        }
        assert!(budgets.events.used() > LIMIT / 2, "what may be remembered is");
        assert_eq!(revisions(&rings[quiet], 0).map(|all| all.len()), Ok(6), "others' writes cost it nothing");
        let newest = revisions(&rings[0], rings[0].floor).expect("the floor is known");
        assert!(newest.len() > 5 && newest.last() == Some(&999), "a busy one keeps its newest: {newest:?}");
        let mut past = Ring::new(bounds, &budgets, 0);
        (1..9).for_each(|revision| past.push(event(revision + 1, EVENT), start));
        rings[0].prepend(past);
        assert!(revisions(&rings[0], 1).is_err(), "the past does not go past the budget");
        drop(rings);
        assert_eq!((budgets.events.used(), budgets.encoded.used()), (0, 0));
    }
}
