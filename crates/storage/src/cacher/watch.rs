//! One watch: first what the ring has after its revision, then its queue.
//!
//! What the ring has is taken in chunks as the watch is read, so that one that is not read holds nothing. The
//! chunk that reaches the ring's end puts the watch into the hub under the same lock: nothing is missed between
//! them, and nothing comes twice.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use futures::Stream;

use crate::Error;
use crate::cacher::Shared;
use crate::cacher::event::CacheEvent;
use crate::cacher::ring::TooOld;
use crate::cacher::watchers::{Queue, Scope};

/// Events that are taken from the ring at once, and those that are looked at for them under one lock.
const CHUNK: usize = 256;
const LOOKED_AT: usize = 4096;

/// The events of one scope in revision order, without gap or repeat.
///
/// It ends after an error (`Compacted` where the cache had to begin anew, or the ring went on before the watch
/// had read it), and without one where its reader fell behind or the cache was closed.
pub struct CacheWatch {
    shared: Arc<Shared>,
    phase: Phase,
}

enum Phase {
    /// Everything after this revision is to be read from the ring, what was taken from it first.
    Catching {
        scope: Scope,
        after: u64,
        asked: u64,
        taken: VecDeque<Arc<CacheEvent>>,
    },
    /// In the hub; what was taken from the ring first.
    Live {
        queue: Arc<Queue>,
        taken: VecDeque<Arc<CacheEvent>>,
    },
    Over,
}

impl CacheWatch {
    /// A watch of what happens after `after`.
    ///
    /// # Errors
    /// `TooOld` where the ring does not go back so far.
    pub(super) fn open(shared: Arc<Shared>, scope: Scope, after: u64) -> Result<Self, TooOld> {
        let phase = Phase::Catching { scope, after, asked: after, taken: VecDeque::new() };
        let mut watch = Self { shared, phase };
        watch.catch_up()?;
        Ok(watch)
    }

    /// The revision up to which everything was delivered, where all that the cache knows was: nothing waits. It
    /// costs a look, and nothing wakes the watch when it rises.
    pub fn delivered(&self) -> Option<u64> {
        let Phase::Live { queue, taken } = &self.phase else { return None };
        // Read before the queue: what it covers had been put into the queue when it was set.
        let dispatched = self.shared.dispatched.load(Ordering::Acquire);
        (taken.is_empty() && queue.is_idle()).then_some(dispatched)
    }

    /// Takes the next chunk from the ring; at its end, joins the hub.
    fn catch_up(&mut self) -> Result<(), TooOld> {
        let Phase::Catching { scope, after, asked, taken } = &mut self.phase else { return Ok(()) };
        let mut live = self.shared.live.lock();
        if live.closed {
            drop(live);
            self.phase = Phase::Over;
            return Ok(());
        }
        let mut events = live.ring.after(*after)?;
        let mut rest = false;
        for (looked_at, event) in events.by_ref().enumerate() {
            // A revision is never parted.
            if (taken.len() >= CHUNK || looked_at >= LOOKED_AT) && event.revision > *after {
                rest = true;
                break;
            }
            *after = event.revision;
            if scope.holds(event) {
                taken.push_back(Arc::clone(event));
            }
        }
        drop(events);
        if !rest {
            let queue = Arc::new(Queue::new(scope.clone(), *asked));
            live.hub.add(Arc::clone(&queue));
            drop(live);
            self.phase = Phase::Live { queue, taken: std::mem::take(taken) };
        }
        Ok(())
    }
}

impl Stream for CacheWatch {
    type Item = Result<Arc<CacheEvent>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match &mut this.phase {
                Phase::Over => return Poll::Ready(None),
                Phase::Catching { taken, .. } => {
                    if let Some(event) = taken.pop_front() {
                        return Poll::Ready(Some(Ok(event)));
                    }
                    if let Err(TooOld { oldest }) = this.catch_up() {
                        this.phase = Phase::Over;
                        return Poll::Ready(Some(Err(Error::Compacted { oldest })));
                    }
                }
                Phase::Live { queue, taken } => {
                    if let Some(event) = taken.pop_front() {
                        if taken.is_empty() {
                            *taken = VecDeque::new();
                        }
                        return Poll::Ready(Some(Ok(event)));
                    }
                    return queue.poll(context);
                }
            }
        }
    }
}

impl Drop for CacheWatch {
    fn drop(&mut self) {
        if let Phase::Live { queue, .. } = &self.phase {
            self.shared.live.lock().hub.remove(queue);
        }
    }
}

impl std::fmt::Debug for CacheWatch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("CacheWatch").finish_non_exhaustive()
    }
}
