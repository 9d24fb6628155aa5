//! A watch over etcd: a gRPC stream of its own, opened again from where it was when it breaks.
//!
//! A transaction's events share a revision. etcd never spreads a revision over two answers, save for the
//! fragments of one; so events are passed on revision by revision, and a broken stream goes on after the last
//! whole one.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::proto::{PbEvent, PbWatchResponse};
use etcd_client::{WatchOptions, WatchRequestSender, WatchResponseStream};
use keelson_base::{clock, random};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::delivery::{DEFAULT_BOUNDS, Feed, Reader, queue};
use crate::etcd::endpoints::Endpoints;
use crate::etcd::{failure, key_value, range_end};
use crate::{Error, Event};

/// How long a reader that fell behind is waited for; etcd keeps the events meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a watch that nothing happens on asks how far it is.
const IDLE: Duration = Duration::from_secs(10);
/// How often progress that is asked for is asked for again. etcd answers only watches that are in step, and leaves
/// the others' questions unanswered; it brings watches that began in the past into step every 100 ms.
const ASK_AGAIN: Duration = Duration::from_millis(20);
const BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// The kind of event that is a deletion.
const DELETE: i32 = 1;

/// The revisions that somebody wants watches to reach, by their prefixes.
#[derive(Default)]
pub(super) struct Wanted {
    senders: Mutex<HashMap<String, watch::Sender<Ask>>>,
}

#[derive(Clone, Copy, Default)]
struct Ask {
    revision: u64,
    /// Tells two askings for one revision apart.
    number: u64,
}

impl Wanted {
    /// Tells the watches of this prefix.
    pub(super) fn ask(&self, prefix: &str, revision: u64) {
        if let Some(sender) = self.senders.lock().get(prefix) {
            sender.send_modify(|ask| {
                *ask = Ask { revision: ask.revision.max(revision), number: ask.number.wrapping_add(1) };
            });
        }
    }

    pub(super) fn listen(&self, prefix: &str) -> Listener {
        let mut senders = self.senders.lock();
        // Prefixes that nobody watches any more go when somebody comes.
        senders.retain(|_, sender| sender.receiver_count() > 0);
        let sender = senders.entry(prefix.to_owned()).or_insert_with(|| watch::Sender::new(Ask::default()));
        Listener(sender.subscribe())
    }
}

pub(super) struct Listener(watch::Receiver<Ask>);

impl Listener {
    /// Waits for the next asking, and returns its revision; for ever where nobody can ask any more.
    async fn asked(&mut self) -> u64 {
        match self.0.changed().await {
            Ok(()) => self.0.borrow_and_update().revision,
            Err(_) => std::future::pending().await,
        }
    }
}

/// What moves events from etcd to a reader.
pub(super) struct Pump {
    endpoints: Arc<Endpoints>,
    prefix: Arc<str>,
    range: Vec<u8>,
    feed: Feed,
    asks: Listener,
    /// Everything up to and including this revision was passed on.
    position: u64,
    /// Fragments of a revision that is not whole yet.
    partial: Vec<Event>,
    /// The revision that somebody waits for.
    wanted: Option<u64>,
    /// Whether etcd owes an answer about progress, and whether somebody asked since: that answer may come too
    /// early for them.
    asked: bool,
    asked_since: bool,
    /// When etcd was asked last.
    asked_at: clock::Instant,
}

pub(super) fn pump(
    endpoints: Arc<Endpoints>,
    prefix: Arc<str>,
    range: Vec<u8>,
    after: u64,
    asks: Listener,
) -> (Pump, Reader) {
    let (feed, reader) = queue(DEFAULT_BOUNDS, after);
    let pump = Pump {
        endpoints,
        prefix,
        range,
        feed,
        asks,
        position: after,
        partial: Vec::new(),
        wanted: None,
        asked: false,
        asked_since: false,
        asked_at: clock::monotonic(),
    };
    (pump, reader)
}

fn ended() -> End {
    End::Broken("the stream ended".to_owned())
}

/// How a stream ended.
enum End {
    /// Nobody reads any more.
    Abandoned,
    /// For good.
    Failed(Error),
    /// The connection broke, or the member can't go on.
    Broken(String),
}

impl Pump {
    /// Works until nobody reads any more or the watch can't go on.
    pub(super) async fn run(mut self) {
        let mut pause = BACKOFF;
        loop {
            let position = self.position;
            let reason = match self.session().await {
                End::Abandoned => return,
                End::Failed(failure) => return self.feed.fail(failure),
                End::Broken(reason) => reason,
            };
            self.partial.clear();
            if self.position > position {
                pause = BACKOFF;
            }
            tracing::debug!(reason, position = self.position, "a watch over etcd broke, opening it again");
            self.endpoints.refresh_tls().await;
            tokio::select! {
                () = clock::sleep(random::jitter(pause, 0.5)) => {}
                () = self.feed.abandoned() => return,
            }
            pause = (pause * 2).min(LONGEST_BACKOFF);
        }
    }

    /// Opens a stream and reads it to its end.
    async fn session(&mut self) -> End {
        let Ok(start) = i64::try_from(self.position.saturating_add(1)) else {
            return End::Failed(Error::FutureRevision { current: 0 });
        };
        let endpoints = Arc::clone(&self.endpoints);
        let chosen = tokio::select! {
            chosen = endpoints.stream() => chosen,
            () = self.feed.abandoned() => return End::Abandoned,
        };
        let mut chosen = match chosen {
            Ok(chosen) => chosen,
            Err(failed) => return End::Broken(failed.to_string()),
        };
        let options = WatchOptions::new()
            .with_range(range_end(&self.range))
            .with_start_revision(start)
            .with_prev_key()
            .with_fragment()
            .with_progress_notify();
        let opening = chosen.clients.watch.watch(self.range.clone(), Some(options));
        let opened = tokio::select! {
            opened = tokio::time::timeout(self.endpoints.connect_timeout(), opening) => opened,
            () = self.feed.abandoned() => return End::Abandoned,
        };
        let stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(failed)) => {
                let reason = failure::describe(&failed);
                chosen.failed(reason.clone());
                return End::Broken(reason);
            }
            Err(_) => {
                chosen.failed("no answer".to_owned());
                return End::Broken("no answer".to_owned());
            }
        };
        let mut given_up = chosen.given_up;
        let (requests, responses) = stream.split();
        (self.asked, self.asked_since) = (false, false);
        tokio::select! {
            end = self.pump(requests, responses) => match end {
                Ok(never) => match never {},
                Err(end) => end,
            },
            // What was handed on by then is behind the position: the next stream goes on there.
            _ = given_up.changed() => End::Broken("etcd does not answer".to_owned()),
        }
    }

    async fn pump(
        &mut self,
        mut requests: WatchRequestSender,
        mut responses: WatchResponseStream,
    ) -> Result<Infallible, End> {
        loop {
            if tokio::time::timeout(PATIENCE, self.feed.room()).await.is_err() {
                let reason = "the watch was ended: its reader fell behind".to_owned();
                return Err(End::Failed(Error::Unavailable(reason)));
            }
            // By the clock of the last request: readers that keep asking must not put it off.
            let quiet = match self.wanted {
                Some(_) => ASK_AGAIN.saturating_sub(clock::monotonic() - self.asked_at),
                None => IDLE,
            };
            if self.wanted.is_some() && self.asked_since && !self.asked {
                self.ask(&mut requests).await?;
            }
            tokio::select! {
                // Events first: what is asked for may be among them.
                biased;
                () = self.feed.abandoned() => return Err(End::Abandoned),
                message = responses.message() => match message {
                    Ok(Some(response)) => {
                        self.response(response.0)?;
                        self.settle();
                    }
                    Ok(None) => return Err(ended()),
                    Err(failed) => return Err(End::Broken(failure::describe(&failed))),
                },
                revision = self.asks.asked() => {
                    self.wanted = Some(revision);
                    self.asked_since = true;
                    self.settle();
                }
                () = clock::sleep(quiet) => self.ask(&mut requests).await?,
            }
        }
    }

    /// Asks etcd how far the stream is; not those whose answer may overtake events.
    async fn ask(&mut self, requests: &mut WatchRequestSender) -> Result<(), End> {
        (self.asked_since, self.asked_at) = (false, clock::monotonic());
        if !self.endpoints.supports_progress() {
            return Ok(());
        }
        self.asked = true;
        requests.request_progress().await.map_err(|_| ended())
    }

    /// Tells a reader that waits for a revision once it was reached.
    fn settle(&mut self) {
        if self.wanted.is_some_and(|wanted| self.position >= wanted) {
            self.wanted = None;
            self.feed.repeat_progress(self.position);
        }
    }

    fn response(&mut self, response: PbWatchResponse) -> Result<(), End> {
        if response.canceled {
            return Err(match u64::try_from(response.compact_revision) {
                Ok(oldest) if oldest > 0 => End::Failed(Error::Compacted { oldest }),
                _ => End::Broken(response.cancel_reason),
            });
        }
        if response.created {
            return Ok(());
        }
        if response.events.is_empty() {
            self.asked = false;
            let revision =
                response.header.and_then(|header| u64::try_from(header.revision).ok()).unwrap_or(0);
            if self.partial.is_empty() {
                self.position = self.position.max(revision);
                self.feed.progress(revision);
            }
            return Ok(());
        }
        for event in response.events {
            let event = self.event(event).map_err(End::Failed)?;
            if event.revision() > self.position {
                self.partial.push(event);
            }
        }
        // Of a fragment, the last revision's events may go on in the next.
        let last = self.partial.last().map_or(0, Event::revision);
        let whole = if response.fragment {
            self.partial.partition_point(|event| event.revision() < last)
        } else {
            self.partial.len()
        };
        if whole > 0 {
            self.position = self.partial[whole - 1].revision();
            if !self.feed.push(self.partial.drain(..whole)) {
                let reason = "the watch was ended: its reader fell behind".to_owned();
                return Err(End::Failed(Error::Unavailable(reason)));
            }
        }
        Ok(())
    }

    fn event(&self, event: PbEvent) -> Result<Event, Error> {
        let Some(kv) = event.kv else {
            return Err(Error::Corrupt("etcd sent an event without a key".to_owned()));
        };
        let created = kv.create_revision == kv.mod_revision;
        let now = key_value(&self.prefix, kv)?;
        let before = match event.prev_kv {
            None => None,
            Some(before) => {
                let mut before = key_value(&self.prefix, before)?;
                before.key = Arc::clone(&now.key);
                Some(before)
            }
        };
        match before {
            Some(before) if event.r#type == DELETE => Ok(Event::Delete { before, revision: now.revision }),
            // The state before was compacted away while the watch caught up.
            None if event.r#type == DELETE || !created => Err(Error::Compacted { oldest: 0 }),
            before => Ok(Event::Put { now, before }),
        }
    }
}
