//! The way from whoever sees events to the one that watches: a bounded queue that never makes the sender wait
//! unless the sender wants to.
//!
//! Progress is not queued: it is a number that the reader shows once it has drained the queue, so it can't be
//! lost, can't overtake an event and takes no room.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::Stream;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{Error, Event};

/// What one watcher may have waiting for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Events.
    pub(crate) events: usize,
    /// Bytes of their values, before and after.
    pub(crate) bytes: usize,
}

/// Bounds that a busy resource's cache does not meet while it reads: seconds of the fastest store.
pub(crate) const DEFAULT_BOUNDS: Bounds = Bounds { events: 16_384, bytes: 64 << 20 };

/// The sending end. Dropping it ends the stream with an error.
pub(crate) struct Feed {
    shared: Arc<Shared>,
    bounds: Bounds,
}

/// The reading end: a stream that ends after its first error.
pub(crate) struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    room: tokio::sync::Notify,
    reader_gone: CancellationToken,
}

struct State {
    events: VecDeque<Event>,
    bytes: usize,
    /// The highest revision up to which everything was pushed.
    progress: u64,
    /// The highest revision that the reader has seen, by event or progress.
    shown: u64,
    /// Somebody asked for progress: the reader gets it even if it tells nothing new.
    owed: bool,
    end: End,
    waker: Option<Waker>,
}

enum End {
    Open,
    /// The error is still to be shown.
    Failed(Error),
    Over,
}

/// A queue for a watch whose reader knows everything up to `shown`.
pub(crate) fn queue(bounds: Bounds, shown: u64) -> (Feed, Reader) {
    let state = State {
        events: VecDeque::new(),
        bytes: 0,
        progress: 0,
        shown,
        owed: false,
        end: End::Open,
        waker: None,
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        room: tokio::sync::Notify::new(),
        reader_gone: CancellationToken::new(),
    });
    (Feed { shared: Arc::clone(&shared), bounds }, Reader { shared })
}

impl Feed {
    /// Appends events. A reader that is past the bounds loses what it has not read and gets an error.
    /// Returns whether the watch is still open.
    pub(crate) fn push(&self, events: impl IntoIterator<Item = Event>) -> bool {
        let mut state = self.shared.state.lock();
        if !matches!(state.end, End::Open) || self.shared.reader_gone.is_cancelled() {
            return false;
        }
        let before = state.events.len();
        for event in events {
            state.bytes += weight(&event);
            state.events.push_back(event);
        }
        if state.events.len() == before {
            return true;
        }
        if state.events.len() > self.bounds.events || state.bytes > self.bounds.bytes {
            let reason = "the watch was ended: its reader fell behind".to_owned();
            state.finish(Error::Unavailable(reason));
            return false;
        }
        state.wake();
        true
    }

    /// Waits until less than half of the bounds is taken, or the reader is gone.
    pub(crate) async fn room(&self) {
        loop {
            let notified = self.shared.room.notified();
            {
                let state = self.shared.state.lock();
                if state.events.len() < self.bounds.events / 2 && state.bytes < self.bounds.bytes / 2 {
                    return;
                }
            }
            tokio::select! {
                () = notified => {}
                () = self.shared.reader_gone.cancelled() => return,
            }
        }
    }

    /// Says that every event up to `revision` was pushed.
    pub(crate) fn progress(&self, revision: u64) {
        let mut state = self.shared.state.lock();
        if revision > state.progress {
            state.progress = revision;
            state.wake();
        }
    }

    /// Shows the reader this progress even if it knows it already: somebody asked.
    pub(crate) fn repeat_progress(&self, revision: u64) {
        let mut state = self.shared.state.lock();
        state.progress = state.progress.max(revision);
        state.owed = true;
        state.wake();
    }

    /// Ends the stream with an error, behind the events that wait.
    pub(crate) fn fail(&self, failure: Error) {
        let mut state = self.shared.state.lock();
        if matches!(state.end, End::Open) {
            state.end = End::Failed(failure);
            state.wake();
        }
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.shared.reader_gone.is_cancelled()
    }

    /// Waits until nobody reads any more.
    pub(crate) async fn abandoned(&self) {
        self.shared.reader_gone.cancelled().await;
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.fail(Error::Unavailable("the store was closed".to_owned()));
    }
}

impl State {
    fn finish(&mut self, failure: Error) {
        self.events = VecDeque::new();
        self.bytes = 0;
        self.end = End::Failed(failure);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for Reader {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.shared.state.lock();
        if let Some(event) = state.events.pop_front() {
            state.bytes -= weight(&event);
            state.shown = state.shown.max(event.revision());
            self.shared.room.notify_one();
            return Poll::Ready(Some(Ok(event)));
        }
        match std::mem::replace(&mut state.end, End::Over) {
            End::Over => return Poll::Ready(None),
            End::Failed(failure) => return Poll::Ready(Some(Err(failure))),
            End::Open => state.end = End::Open,
        }
        if state.owed || state.progress > state.shown {
            state.owed = false;
            // The queue is empty, and events are pushed by whole revisions.
            state.shown = state.shown.max(state.progress);
            return Poll::Ready(Some(Ok(Event::Progress { revision: state.shown })));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.reader_gone.cancel();
        let mut state = self.shared.state.lock();
        state.events = VecDeque::new();
        state.bytes = 0;
    }
}

fn weight(event: &Event) -> usize {
    match event {
        Event::Put { now, before } => {
            now.value.len() + before.as_ref().map_or(0, |before| before.value.len())
        }
        Event::Delete { before, .. } => before.value.len(),
        Event::Progress { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::{FutureExt, StreamExt};

    use super::*;
    use crate::KeyValue;

    fn put(revision: u64) -> Event {
        let now = KeyValue { key: "a".into(), value: Bytes::from_static(b"12345678"), revision };
        Event::Put { now, before: None }
    }

    fn next(reader: &mut Reader) -> Option<Option<Result<Event, Error>>> {
        reader.next().now_or_never()
    }

    #[test]
    fn progress_waits_for_the_events_before_it() {
        let (feed, mut reader) = queue(DEFAULT_BOUNDS, 0);
        feed.push([put(2)]);
        feed.progress(3);
        assert!(matches!(next(&mut reader), Some(Some(Ok(Event::Put { .. })))));
        assert!(matches!(next(&mut reader), Some(Some(Ok(Event::Progress { revision: 3 })))));
        assert!(next(&mut reader).is_none());
        feed.progress(3);
        assert!(next(&mut reader).is_none(), "known progress is not repeated");
        feed.repeat_progress(3);
        assert!(matches!(next(&mut reader), Some(Some(Ok(Event::Progress { revision: 3 })))));
        feed.push([put(4)]);
        feed.repeat_progress(4);
        assert!(matches!(next(&mut reader), Some(Some(Ok(Event::Put { .. })))));
        assert!(matches!(next(&mut reader), Some(Some(Ok(Event::Progress { revision: 4 })))));
        assert!(next(&mut reader).is_none());
    }

    #[test]
    fn a_reader_past_its_bounds_is_ended_and_holds_nothing() {
        for bounds in [Bounds { events: 2, bytes: 1000 }, Bounds { events: 100, bytes: 16 }] {
            let (feed, mut reader) = queue(bounds, 0);
            assert!(feed.push([put(2), put(3)]));
            assert!(!feed.push([put(4)]));
            assert!(matches!(next(&mut reader), Some(Some(Err(Error::Unavailable(_))))));
            assert!(matches!(next(&mut reader), Some(None)));
            assert!(!feed.push([put(5)]));
        }
    }

    #[tokio::test]
    async fn room_comes_when_the_reader_reads_or_leaves() {
        let (feed, mut reader) = queue(Bounds { events: 4, bytes: 1000 }, 0);
        feed.push([put(2), put(3), put(4)]);
        assert!(feed.room().now_or_never().is_none());
        reader.next().await.expect("open").expect("an event");
        reader.next().await.expect("open").expect("an event");
        feed.room().await;
        feed.push([put(5), put(6)]);
        assert!(feed.room().now_or_never().is_none());
        drop(reader);
        feed.room().await;
        feed.abandoned().await;
        assert!(feed.is_abandoned() && !feed.push([put(7)]));
    }

    #[test]
    fn a_dropped_feed_shows_what_waits_and_then_ends() {
        let (feed, mut reader) = queue(DEFAULT_BOUNDS, 0);
        feed.push([put(2)]);
        drop(feed);
        assert!(matches!(next(&mut reader), Some(Some(Ok(Event::Put { .. })))));
        assert!(matches!(next(&mut reader), Some(Some(Err(Error::Unavailable(_))))));
        assert!(matches!(next(&mut reader), Some(None)));
    }
}
