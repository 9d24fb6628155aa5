//! Watching: the current state where it is asked for, then what happens to it.
//!
//! Both come from the resource's watch cache; from storage where there is none, it can't answer, or does not go
//! back as far as storage does. A selector sees an object come and go: one that begins to match is `ADDED`, one
//! that ceases to is `DELETED`, as it was before.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use keelson_apimachinery::Status;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_base::{clock, random};
use keelson_storage::cacher::{CacheEvent, CacheWatch, Cacher, Scope, Snapshot};
use keelson_storage::{Error, Event, KeyValue, ListRange, Page, Storage, Watch};

use super::Store;
use super::reads::{At, View};
use crate::registry::errors::{About, parse_resource_version};
use crate::registry::keys::Keys;
use crate::registry::metrics::ReadCounts;
use crate::registry::options::ListOptions;
use crate::registry::selection::Selection;
use crate::registry::{Stored, WatchEvent, WatchEventKind, WatchStream};

/// How many objects of the initial state are read from storage and held at a time, and how many from a snapshot.
const CHUNK: usize = 500;
const SNAPSHOT_CHUNK: usize = 64;

/// How often a watch gets a bookmark, about.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// How long before its end a watch gets one more, so that its client goes on from there.
const BEFORE_THE_END: Duration = Duration::from_secs(2);

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// With the state.
    State(At),
    /// With what happens from now on.
    Now,
    /// With what happened after this revision.
    After(u64),
}

impl Store {
    /// What happens to the objects that `options` select. Events come in order, without gap or repeat. A
    /// version that is too old makes an error the first item. The stream of a consumer that falls behind ends:
    /// it may go on from the last event that it saw.
    ///
    /// # Errors
    /// 400 for bad selectors; 500 for a version that is no number; 504 for one that has not happened, where
    /// the state is asked for.
    pub async fn watch(&self, namespace: Option<&str>, options: &ListOptions) -> Result<WatchStream, Status> {
        let selection = self.selection(&options.label_selector, &options.field_selector)?;
        let text = options.resource_version.as_str();
        let wanted = parse_resource_version(text).map_err(|why| {
            Status::opaque(FieldError::invalid(&Path::new("resourceVersion"), text, why).to_string())
        })?;
        let begin = match (options.send_initial_events, wanted) {
            (Some(true), 0) | (None, 0) if text.is_empty() => Begin::State(At::Now),
            (Some(true), 0) | (None, 0) => Begin::State(At::Any),
            (Some(true), revision) => Begin::State(At::NotOlderThan(revision)),
            (Some(false), 0) => Begin::Now,
            (_, revision) => Begin::After(revision),
        };
        let namespace = namespace.filter(|n| !n.is_empty()).or(selection.namespace());
        let only = selection.name().and_then(|name| self.keys.object(namespace, name).ok());
        let prefix = match &only {
            Some(key) => key.clone(),
            None => self.keys.directory_of(namespace)?,
        };
        let index_value = self.index_value(&selection).map(Arc::from);
        let phase = match begin {
            Begin::State(at) => match self.view(at).await? {
                View::Snapshot(snapshot) => Phase::Snapshot { snapshot, start: String::new() },
                View::Storage(_) => Phase::State { start: String::new(), revision: 0 },
            },
            Begin::Now => {
                let about = self.about("watch", "");
                Phase::Open(self.storage.current_revision().await.map_err(|error| about.status(error))?)
            }
            Begin::After(revision) => Phase::Open(revision),
        };
        let watcher = Watcher {
            about: (&self.served.group, &self.served.plural),
            reads: Arc::clone(&self.reads),
            storage: Arc::clone(&self.storage),
            cache: self.cache.clone(),
            keys: self.keys.clone(),
            selection,
            prefix: prefix.into(),
            only: only.is_some(),
            index_value,
            // Only who asked for the state wants to know where it ends.
            marks_end: options.allow_watch_bookmarks && options.send_initial_events == Some(true),
            phase,
            ready: VecDeque::new(),
            reached: 0,
            bookmarks: options.allow_watch_bookmarks.then(|| Bookmarks::new(options.duration)),
        };
        Ok(watcher.boxed())
    }
}

enum Failure {
    Status(Status),
    Storage(Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Failure::Status(status)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Storage(error)
    }
}

enum Phase {
    /// Telling what a snapshot has, from the key `start` on.
    Snapshot {
        snapshot: Arc<Snapshot>,
        start: String,
    },
    /// About to read the state at `revision` (0: not known yet) from storage, from the key `start` on.
    State {
        start: String,
        revision: u64,
    },
    /// Reading it.
    Reading(BoxFuture<'static, Result<Page, Error>>),
    /// About to watch what happened after this revision.
    Open(u64),
    /// Opening the watch.
    Opening(u64, BoxFuture<'static, Result<Opened, Error>>),
    /// Watching the cache.
    Cached(CacheWatch),
    /// Watching storage.
    Stored(Watch),
    Over,
}

enum Opened {
    Cached(CacheWatch),
    Stored(Watch),
}

/// When the next bookmark is due.
struct Bookmarks {
    last: clock::Instant,
    /// When the last one of all is due.
    pre_end: Option<clock::Instant>,
    /// Of a watch of the cache, which nothing wakes otherwise.
    timer: Option<BoxFuture<'static, ()>>,
}

impl Bookmarks {
    fn new(duration: Option<Duration>) -> Self {
        let now = clock::monotonic();
        // Durations of centuries have no end.
        let end = duration.and_then(|duration| now.checked_add(duration));
        let pre_end = end.and_then(|end| end.checked_sub(BEFORE_THE_END)).filter(|time| *time > now);
        Bookmarks { last: now, pre_end, timer: None }
    }

    /// Whether one is due, by the timer. Asks to be woken when it is not.
    fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        let pre_end = &self.pre_end;
        let timer = self.timer.get_or_insert_with(|| {
            let now = clock::monotonic();
            // Watches that begin together are parted.
            let regular = random::jitter(BOOKMARK_INTERVAL, 0.03);
            let wait = match pre_end {
                Some(time) if *time > now => regular.min(*time - now),
                _ => regular,
            };
            clock::sleep(wait).boxed()
        });
        if timer.poll_unpin(context).is_pending() {
            return false;
        }
        self.timer = None;
        true
    }
}

/// One watch in progress. It holds a part of the state at most; what happens is buffered by the cache or storage,
/// which ends a watch that is not read.
struct Watcher {
    /// Group and plural, for texts.
    about: (&'static str, &'static str),
    reads: Arc<ReadCounts>,
    storage: Arc<dyn Storage>,
    cache: Option<Arc<Cacher>>,
    keys: Keys,
    selection: Selection,
    /// What keys start with; the one key that is watched, where the selector names it.
    prefix: Arc<str>,
    only: bool,
    /// What the selector demands of the cache's index.
    index_value: Option<Arc<str>>,
    marks_end: bool,
    phase: Phase,
    ready: VecDeque<WatchEvent>,
    /// The last revision that was told to the consumer.
    reached: u64,
    /// `None` where none are wanted.
    bookmarks: Option<Bookmarks>,
}

impl Stream for Watcher {
    type Item = Result<WatchEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.poll_event(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(event))) => Poll::Ready(Some(Ok(event))),
            Poll::Ready(end) => {
                (this.phase, this.ready) = (Phase::Over, VecDeque::new());
                let (group, plural) = this.about;
                Poll::Ready(end.map(|item| {
                    item.map_err(|failure| match failure {
                        Failure::Status(status) => status,
                        Failure::Storage(error) => {
                            About { group, plural, name: "", verb: "watch" }.status(error)
                        }
                    })
                }))
            }
        }
    }
}

impl Watcher {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<WatchEvent, Failure>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if self.ready.is_empty() {
                    // Most watches are idle most of the time.
                    self.ready = VecDeque::new();
                }
                return Poll::Ready(Some(Ok(event)));
            }
            let stepped = match &mut self.phase {
                Phase::Over => return Poll::Ready(None),
                Phase::Snapshot { .. } => self.tell_snapshot(),
                Phase::State { start, revision } => {
                    let range = ListRange {
                        prefix: self.prefix.to_string(),
                        start: std::mem::take(start),
                        limit: CHUNK,
                        revision: *revision,
                    };
                    let storage = Arc::clone(&self.storage);
                    self.phase = Phase::Reading(async move { storage.list(&range).await }.boxed());
                    Ok(())
                }
                Phase::Reading(reading) => {
                    let page = futures::ready!(reading.poll_unpin(context));
                    self.tell_page(page)
                }
                Phase::Open(after) => {
                    let after = *after;
                    self.phase = Phase::Opening(after, self.open(after));
                    Ok(())
                }
                Phase::Opening(after, opening) => {
                    let after = *after;
                    self.reached = self.reached.max(after);
                    match futures::ready!(opening.poll_unpin(context)) {
                        Ok(Opened::Cached(watch)) => self.phase = Phase::Cached(watch),
                        Ok(Opened::Stored(watch)) => self.phase = Phase::Stored(watch),
                        Err(error) => return Poll::Ready(Some(Err(too_old(error, after)))),
                    }
                    Ok(())
                }
                Phase::Cached(watch) => match watch.poll_next_unpin(context) {
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Ready(Some(Err(error))) => {
                        return Poll::Ready(Some(Err(too_old(error, self.reached))));
                    }
                    Poll::Ready(Some(Ok(event))) => self.take_shared(event),
                    Poll::Pending => {
                        let Some(bookmarks) = &mut self.bookmarks else { return Poll::Pending };
                        if !bookmarks.is_due(context) {
                            return Poll::Pending;
                        }
                        if let Some(delivered) = watch.delivered() {
                            self.bookmark(delivered);
                        }
                        Ok(())
                    }
                },
                Phase::Stored(watch) => match futures::ready!(watch.poll_next_unpin(context)) {
                    None => return Poll::Ready(None),
                    Some(Err(error)) => return Poll::Ready(Some(Err(too_old(error, self.reached)))),
                    Some(Ok(event)) => self.take(event),
                },
            };
            if let Err(status) = stepped {
                return Poll::Ready(Some(Err(status.into())));
            }
        }
    }

    /// Opens a watch of what happened after a revision: of the cache, or of storage, which may go further back.
    fn open(&self, after: u64) -> BoxFuture<'static, Result<Opened, Error>> {
        let (storage, cache, prefix) = (Arc::clone(&self.storage), self.cache.clone(), self.prefix.clone());
        let scope = self.scope();
        async move {
            let Some(cache) = cache else {
                return storage.watch(&prefix, after).await.map(Opened::Stored);
            };
            if let Ok(watch) = cache.watch(scope, after).await {
                return Ok(Opened::Cached(watch));
            }
            let watch = storage.watch(&prefix, after).await?;
            if storage.supports_progress()
                && let Ok(current) = storage.current_revision().await
            {
                // Where it has caught up, the cache takes over.
                let _ = storage.request_progress(&prefix, current).await;
            }
            Ok(Opened::Stored(watch))
        }
        .boxed()
    }

    /// What of the cache's events are its own.
    fn scope(&self) -> Scope {
        match (self.only, &self.index_value) {
            (true, _) => Scope::Key(self.prefix.clone()),
            (false, Some(value)) => Scope::Index { value: value.clone(), prefix: self.prefix.clone() },
            (false, None) => Scope::Prefix(self.prefix.clone()),
        }
    }

    /// Tells the next part of the snapshot.
    fn tell_snapshot(&mut self) -> Result<(), Status> {
        let Phase::Snapshot { snapshot, start } = &self.phase else { return Ok(()) };
        let (snapshot, start) = (Arc::clone(snapshot), start.clone());
        let mut items: Box<dyn Iterator<Item = &KeyValue>> = match &self.index_value {
            Some(value) => Box::new(snapshot.by_index(value, &self.prefix, &start)),
            None => Box::new(snapshot.range(&self.prefix, &start)),
        };
        let (mut last, mut told) = (None, 0);
        for item in items.by_ref().take(SNAPSHOT_CHUNK) {
            last = Some(&item.key);
            told += 1;
            if let Some(object) = self.selected(item)? {
                self.ready.push_back(WatchEvent::new(WatchEventKind::Added, object));
            }
        }
        self.reads.initial.fetch_add(told, Ordering::Relaxed);
        let next = last.filter(|_| items.next().is_some()).map(|last| format!("{last}\0"));
        drop(items);
        match next {
            Some(start) => self.phase = Phase::Snapshot { snapshot, start },
            None => self.end_state(snapshot.revision()),
        }
        Ok(())
    }

    /// Tells a page of the state.
    fn tell_page(&mut self, page: Result<Page, Error>) -> Result<(), Status> {
        let page = page.map_err(|error| match error {
            Error::Compacted { .. } => {
                Status::expired("The resourceVersion for the provided watch is too old.")
            }
            error => {
                let (group, plural) = self.about;
                About { group, plural, name: "", verb: "watch" }.status(error)
            }
        })?;
        let last = page.items.last().map(|item| item.key.clone());
        for item in page.items {
            if let Some(object) = self.selected(&item)? {
                self.ready.push_back(WatchEvent::new(WatchEventKind::Added, object));
            }
        }
        match last {
            Some(last) if page.remaining > 0 => {
                self.phase = Phase::State { start: format!("{last}\0"), revision: page.revision };
            }
            _ => self.end_state(page.revision),
        }
        Ok(())
    }

    fn end_state(&mut self, revision: u64) {
        if self.marks_end {
            self.ready.push_back(bookmark(WatchEventKind::InitialEventsEnd, revision));
        }
        self.phase = Phase::Open(revision);
    }

    /// Takes an event of the cache's.
    fn take_shared(&mut self, event: Arc<CacheEvent>) -> Result<(), Status> {
        let before = event.before.as_ref().map(|item| self.selected(item)).transpose()?.flatten();
        let now = event.now.as_ref().map(|item| self.selected(item)).transpose()?.flatten();
        if let Some(told) = told(now, before, event.revision) {
            self.reached = self.reached.max(event.revision);
            self.ready.push_back(WatchEvent { shared: Some(event), ..told });
        }
        Ok(())
    }

    /// Takes an event of storage's.
    fn take(&mut self, event: Event) -> Result<(), Status> {
        let revision = event.revision();
        let (now, before) = match event {
            Event::Progress { revision } => {
                self.maybe_bookmark(revision);
                // Everything up to here was told.
                if let Some(cache) = &self.cache
                    && let Ok(watch) = cache.watch_now(self.scope(), revision)
                {
                    self.phase = Phase::Cached(watch);
                }
                return Ok(());
            }
            Event::Put { now, before } => (Some(now), before),
            Event::Delete { before, .. } => (None, Some(before)),
        };
        // What was dropped for long is worth a word: everything before this event was delivered.
        self.maybe_bookmark(revision.saturating_sub(1));
        let before = before.map(|item| self.selected(&item)).transpose()?.flatten();
        let now = now.map(|item| self.selected(&item)).transpose()?.flatten();
        if let Some(event) = told(now, before, revision) {
            self.reached = self.reached.max(revision);
            self.ready.push_back(event);
        }
        Ok(())
    }

    /// The object of an item, where it is selected.
    fn selected(&self, item: &KeyValue) -> Result<Option<Stored>, Status> {
        // Keys of other names may begin with the one that is watched.
        if self.only && *self.prefix != *item.key {
            return Ok(None);
        }
        let Some((namespace, name)) = self.keys.parse(&item.key) else { return Ok(None) };
        let stored = Stored { value: item.value.clone(), revision: item.revision };
        Ok(self.selection.matches(namespace, name, &stored)?.then_some(stored))
    }

    /// Tells that everything up to this revision was delivered, where that is news.
    fn bookmark(&mut self, revision: u64) {
        if revision > self.reached {
            self.reached = revision;
            self.ready.push_back(bookmark(WatchEventKind::Bookmark, revision));
        }
    }

    /// Does so where the last word is long ago.
    fn maybe_bookmark(&mut self, revision: u64) {
        let Some(bookmarks) = &mut self.bookmarks else { return };
        let now = clock::monotonic();
        let ends = bookmarks.pre_end.is_some_and(|time| now >= time && bookmarks.last < time);
        if revision > self.reached && (ends || now - bookmarks.last >= BOOKMARK_INTERVAL) {
            bookmarks.last = now;
            self.bookmark(revision);
        }
    }
}

/// What a change is to a watcher that selects the object now, or did before.
fn told(now: Option<Stored>, before: Option<Stored>, revision: u64) -> Option<WatchEvent> {
    match (now, before) {
        (Some(object), Some(_)) => Some(WatchEvent::new(WatchEventKind::Modified, object)),
        (Some(object), None) => Some(WatchEvent::new(WatchEventKind::Added, object)),
        (None, Some(before)) => Some(gone(before, revision)),
        (None, None) => None,
    }
}

fn bookmark(kind: WatchEventKind, revision: u64) -> WatchEvent {
    WatchEvent::new(kind, Stored { value: bytes::Bytes::new(), revision })
}

/// The event for an object that is gone, or no longer selected: as it was, at the revision that ended it.
fn gone(before: Stored, revision: u64) -> WatchEvent {
    WatchEvent::new(WatchEventKind::Deleted, Stored { value: before.value, revision })
}

fn too_old(error: Error, asked: u64) -> Failure {
    match error {
        Error::Compacted { oldest: 0 } => {
            Failure::Status(Status::expired("The resourceVersion for the provided watch is too old."))
        }
        Error::Compacted { oldest } => {
            let text = format!("too old resource version: {asked} ({})", oldest.saturating_sub(1));
            Failure::Status(Status::expired(text))
        }
        error => Failure::Storage(error),
    }
}
