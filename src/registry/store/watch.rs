//! Watching: the current state where it is asked for, then what happens to it.
//!
//! A selector sees an object come and go: one that begins to match is `ADDED`, one that ceases to is
//! `DELETED`, as it was before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use keelson_apimachinery::Status;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_base::clock;
use keelson_storage::{Error, Event, KeyValue, ListRange, Storage, Watch};

use super::Store;
use crate::registry::errors::parse_resource_version;
use crate::registry::keys::Keys;
use crate::registry::options::ListOptions;
use crate::registry::selection::Selection;
use crate::registry::{Stored, WatchEvent, WatchEventKind, WatchStream};

/// How many objects of the initial state are read and held at a time.
const CHUNK: usize = 500;

/// No two bookmarks are closer than this.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// With the current state.
    State,
    /// With what happens from now on.
    Now,
    /// With what happened after this revision.
    After(u64),
}

impl Store {
    /// What happens to the objects that `options` select. Events come in order, without gap or repeat. A
    /// version that is too old makes an error the first item, and so does a consumer that falls behind.
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
            (Some(true), _) | (None, 0) => Begin::State,
            (Some(false), 0) => Begin::Now,
            (_, revision) => Begin::After(revision),
        };
        if begin == Begin::State && wanted > 0 {
            self.wait_for_revision(wanted).await?;
        }
        let namespace = namespace.filter(|n| !n.is_empty()).or(selection.namespace());
        let only = selection.name().and_then(|name| self.keys.object(namespace, name).ok());
        let prefix = match &only {
            Some(key) => key.clone(),
            None => self.keys.directory_of(namespace)?,
        };
        let watcher = Watcher {
            storage: Arc::clone(&self.storage),
            keys: self.keys.clone(),
            selection,
            prefix,
            only,
            bookmarks: options.allow_watch_bookmarks,
            // Only who asked for the state wants to know where it ends.
            marks_end: options.allow_watch_bookmarks && options.send_initial_events == Some(true),
            phase: match begin {
                Begin::State => Phase::State { start: String::new(), revision: 0 },
                Begin::Now => {
                    let about = self.about("watch", "");
                    Phase::Open(self.storage.current_revision().await.map_err(|error| about.status(error))?)
                }
                Begin::After(revision) => Phase::Open(revision),
            },
            ready: VecDeque::new(),
            reached: 0,
            last_bookmark: clock::monotonic(),
        };
        let group = self.served.group.clone();
        let plural = self.served.plural.clone();
        let to_status = move |error: Failure| match error {
            Failure::Status(status) => status,
            Failure::Storage(error) => {
                let about = crate::registry::errors::About {
                    group: &group,
                    plural: &plural,
                    name: "",
                    verb: "watch",
                };
                about.status(error)
            }
        };
        let events = stream::unfold(Some(watcher), |state| async move {
            let mut watcher = state?;
            match watcher.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(watcher))),
                Ok(None) => None,
                Err(failure) => Some((Err(failure), None)),
            }
        });
        Ok(events.map(move |event| event.map_err(&to_status)).boxed())
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
    /// Reading the state at `revision` (0: not known yet) from the key `start` on.
    State { start: String, revision: u64 },
    /// About to watch what happened after this revision.
    Open(u64),
    /// Watching.
    Live(Watch),
}

/// One watch in progress. It holds a page of the state at most; what happens is buffered by storage, which
/// ends a watch that is not read.
struct Watcher {
    storage: Arc<dyn Storage>,
    keys: Keys,
    selection: Selection,
    prefix: String,
    /// The one key that is watched, where the selector names it.
    only: Option<String>,
    bookmarks: bool,
    marks_end: bool,
    phase: Phase,
    ready: VecDeque<WatchEvent>,
    /// The last revision that was told to the consumer.
    reached: u64,
    last_bookmark: clock::Instant,
}

impl Watcher {
    async fn next(&mut self) -> Result<Option<WatchEvent>, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            match &mut self.phase {
                Phase::State { .. } => self.read_state().await?,
                Phase::Open(after) => {
                    let after = *after;
                    let watch = self.storage.watch(&self.prefix, after).await;
                    self.phase = Phase::Live(watch.map_err(|error| too_old(error, after))?);
                    self.reached = self.reached.max(after);
                }
                Phase::Live(watch) => match watch.next().await {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(too_old(error, self.reached)),
                    Some(Ok(event)) => self.take(event)?,
                },
            }
        }
    }

    async fn read_state(&mut self) -> Result<(), Failure> {
        let Phase::State { start, revision } = &self.phase else { return Ok(()) };
        let range = ListRange {
            prefix: self.prefix.clone(),
            start: start.clone(),
            limit: CHUNK,
            revision: *revision,
        };
        let page = self.storage.list(&range).await.map_err(|error| match error {
            Error::Compacted { .. } => {
                Failure::Status(Status::expired("The resourceVersion for the provided watch is too old."))
            }
            error => Failure::Storage(error),
        })?;
        let last = page.items.last().map(|item| item.key.clone());
        for item in page.items {
            if let Some(object) = self.selected(&item)? {
                self.ready.push_back(WatchEvent::new(WatchEventKind::Added, object));
            }
        }
        self.phase = match last {
            Some(last) if page.remaining > 0 => {
                Phase::State { start: format!("{last}\0"), revision: page.revision }
            }
            _ => {
                if self.marks_end {
                    self.ready.push_back(bookmark(WatchEventKind::InitialEventsEnd, page.revision));
                }
                Phase::Open(page.revision)
            }
        };
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        let revision = event.revision();
        if !matches!(event, Event::Progress { .. }) {
            // What was dropped for long is worth a word: everything before this event was delivered.
            self.maybe_bookmark(revision.saturating_sub(1));
        }
        let event = match event {
            Event::Progress { revision } => {
                self.maybe_bookmark(revision);
                return Ok(());
            }
            Event::Put { now, before } => {
                let before = before.map(|item| self.selected(&item)).transpose()?.flatten();
                match (self.selected(&now)?, before) {
                    (Some(object), Some(_)) => Some(WatchEvent::new(WatchEventKind::Modified, object)),
                    (Some(object), None) => Some(WatchEvent::new(WatchEventKind::Added, object)),
                    (None, Some(before)) => Some(gone(before, revision)),
                    (None, None) => None,
                }
            }
            Event::Delete { before, .. } => self.selected(&before)?.map(|before| gone(before, revision)),
        };
        if let Some(event) = event {
            self.reached = self.reached.max(revision);
            self.ready.push_back(event);
        }
        Ok(())
    }

    /// The object of an item, where it is selected.
    fn selected(&self, item: &KeyValue) -> Result<Option<Stored>, Status> {
        // Keys of other names may begin with the one that is watched.
        if self.only.as_deref().is_some_and(|only| only != &*item.key) {
            return Ok(None);
        }
        let Some((namespace, name)) = self.keys.parse(&item.key) else { return Ok(None) };
        let stored = Stored { value: item.value.clone(), revision: item.revision };
        Ok(self.selection.matches(namespace, name, &stored)?.then_some(stored))
    }

    fn maybe_bookmark(&mut self, revision: u64) {
        if !self.bookmarks || revision <= self.reached {
            return;
        }
        let now = clock::monotonic();
        if now - self.last_bookmark >= BOOKMARK_INTERVAL {
            (self.last_bookmark, self.reached) = (now, revision);
            self.ready.push_back(bookmark(WatchEventKind::Bookmark, revision));
        }
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
