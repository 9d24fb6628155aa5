//! The task behind a cacher: lists, watches, applies; begins anew where the watch is lost.
//!
//! A watch that ends is opened again where it was, and nothing is lost. Only where storage has forgotten what
//! happened since is the state listed again. What happened in between is then unknown: two changes may look like
//! one, a deletion and a creation like a change. So no events are made up; the ring begins anew, and the watchers
//! are ended with `Compacted`, upon which clients list, from the cache, and watch again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use keelson_base::shutdown::Signal;
use keelson_base::{clock, random};

use crate::cacher::Shared;
use crate::cacher::ring::Ring;
use crate::cacher::snapshot::Snapshot;
use crate::{Error, Event, ListRange, Watch};

/// Objects that are read at once at the start.
const PAGE: usize = 2000;
/// Revisions before the listed one whose events a new cacher reads, so that watches that come from another server
/// or an earlier process find where they were.
const HISTORY: u64 = 4096;
/// Events that are applied at once, but for the rest of a revision.
const BATCH: usize = 1024;
const BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Works until the signal comes, and ends the watchers then.
pub(super) async fn run(shared: Arc<Shared>, end: Signal) {
    let feeder = Feeder { shared: Arc::clone(&shared), listed: false, past: None, moved: false };
    end.unless_begun(feeder.run()).await;
    shared.close();
}

struct Feeder {
    shared: Arc<Shared>,
    /// Whether the snapshot can be gone on from.
    listed: bool,
    /// Where the watch is to begin, before the snapshot's revision, to fill the ring.
    past: Option<Past>,
    /// Whether anything was learnt since the watch was opened.
    moved: bool,
}

/// Events up to the revision of the snapshot, on their way to the ring.
pub(super) struct Past {
    /// They begin after this revision.
    pub(super) after: u64,
    pub(super) ring: Ring,
}

impl Feeder {
    async fn run(mut self) {
        let mut pause = BACKOFF;
        loop {
            self.moved = false;
            let Err(failure) = self.turn().await;
            if self.moved {
                pause = BACKOFF;
            }
            let prefix = &self.shared.prefix;
            match failure {
                Error::Compacted { oldest } => match self.past.take() {
                    // Storage does not go back so far: as far as it does, or not at all.
                    Some(past) => {
                        let listed = self.shared.revision();
                        self.past =
                            (past.after < oldest && oldest < listed).then(|| self.shared.past(oldest));
                        if self.moved || pause == BACKOFF {
                            pause = BACKOFF;
                            continue;
                        }
                    }
                    None => {
                        tracing::info!(%prefix, "storage forgot what the cache had not seen; listing again");
                        self.listed = false;
                        if self.moved {
                            continue;
                        }
                    }
                },
                Error::Corrupt(reason) => {
                    tracing::error!(%prefix, reason, "the cache does not follow from storage; listing again");
                    self.listed = false;
                }
                failure => tracing::warn!(%prefix, %failure, "the cache's watch ended"),
            }
            self.shared.set_failing(true);
            clock::sleep(random::jitter(pause, 0.5)).await;
            pause = (pause * 2).min(LONGEST_BACKOFF);
        }
    }

    /// Lists where it must, and watches until that fails.
    async fn turn(&mut self) -> Result<std::convert::Infallible, Error> {
        if !self.listed {
            self.past = None;
            let snapshot = self.list().await?;
            let revision = snapshot.revision();
            self.shared.replace(snapshot);
            self.listed = true;
            self.past = (revision > 1).then(|| self.shared.past(revision.saturating_sub(HISTORY).max(1)));
        }
        let position = self.shared.revision();
        let after = self.past.as_mut().map_or(position, |past| {
            // A watch that is opened again brings all of it again.
            *past = self.shared.past(past.after);
            past.after
        });
        let storage = &self.shared.storage;
        let watch = storage.watch(&self.shared.prefix, after).await?;
        self.shared.set_failing(false);
        if self.past.is_some() && storage.supports_progress() {
            // Until then it isn't known whether the past is whole.
            storage.request_progress(&self.shared.prefix, position).await?;
        }
        self.follow(watch).await
    }

    async fn list(&self) -> Result<Snapshot, Error> {
        let mut snapshot = Snapshot::new(self.shared.index.clone());
        let prefix = self.shared.prefix.to_string();
        let mut range = ListRange { prefix, limit: PAGE, ..ListRange::default() };
        loop {
            let page = self.shared.storage.list(&range).await?;
            range.revision = page.revision;
            if let Some(last) = page.items.last() {
                range.start = format!("{}\0", last.key);
            }
            let more = page.remaining > 0 && !page.items.is_empty();
            page.items.into_iter().for_each(|item| snapshot.insert(item));
            if !more {
                snapshot.advance(page.revision);
                return Ok(snapshot);
            }
        }
    }

    /// Applies what comes, as much at once as is there.
    async fn follow(&mut self, mut watch: Watch) -> Result<std::convert::Infallible, Error> {
        let mut next = None;
        loop {
            let mut event = match next.take() {
                Some(event) => event,
                None => watch.next().await.unwrap_or_else(ended)?,
            };
            let mut batch = Vec::new();
            let mut reached = 0;
            // Storage hands over the events of a revision together, so none is parted where nothing more is there.
            let failure = loop {
                reached = reached.max(event.revision());
                if !matches!(event, Event::Progress { .. }) {
                    batch.push(event);
                }
                event = match watch.next().now_or_never() {
                    None => break None,
                    Some(item) => match item.unwrap_or_else(ended) {
                        Err(failure) => break Some(failure),
                        Ok(event) if batch.len() >= BATCH && event.revision() > reached => {
                            next = Some(event);
                            break None;
                        }
                        Ok(event) => event,
                    },
                };
            };
            self.moved = true;
            self.apply(batch, reached)?;
            if let Some(failure) = failure {
                return Err(failure);
            }
            if next.is_some() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Makes one new snapshot of a batch of whole revisions, up to `reached`.
    fn apply(&mut self, batch: Vec<Event>, reached: u64) -> Result<(), Error> {
        let Some(current) = self.shared.snapshot.load_full() else { return Ok(()) };
        let now = clock::monotonic();
        let mut next = Snapshot::clone(&current);
        let mut events = Vec::with_capacity(batch.len());
        self.shared.counters.received.fetch_add(batch.len() as u64, Ordering::Relaxed);
        for event in batch {
            if event.revision() > current.revision() {
                events.push(Arc::new(next.apply(event)?));
            } else if let Some(past) = &mut self.past
                && let Some(event) = current.past(event)
            {
                past.ring.push(Arc::new(event), now);
                past.ring.trim(now);
            }
        }
        next.advance(reached);
        // Revisions come whole: what reaches the snapshot's is the end of the past.
        let past = self.past.take_if(|_| reached >= current.revision()).map(|past| past.ring);
        self.shared.publish(next, events, past);
        Ok(())
    }
}

fn ended() -> Result<Event, Error> {
    Err(Error::Unavailable("the watch ended".to_owned()))
}
