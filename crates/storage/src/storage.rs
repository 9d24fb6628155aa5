//! The trait that etcd and the embedded store implement.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::Error;

/// A key with its value as of one revision. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key below the store's prefix, such as `pods/default/web`; no slash in front.
    pub key: Arc<str>,
    /// The value as it was written.
    pub value: Bytes,
    /// The revision of its last write: the object's resource version.
    pub revision: u64,
}

/// One page of a listing, in key order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The page's items.
    pub items: Vec<KeyValue>,
    /// The revision that the whole listing shows; the same for all its pages.
    pub revision: u64,
    /// How many more keys the range has behind this page.
    pub remaining: u64,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct ListRange {
    /// Keys that start with this; end it with a slash to name a directory.
    pub prefix: String,
    /// Only keys greater than or equal to this (a whole key); empty for all.
    pub start: String,
    /// At most this many items; 0 for all.
    pub limit: usize,
    /// The revision to show; 0 for the current one.
    pub revision: u64,
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was created or changed.
    Put {
        /// The key as of this event.
        now: KeyValue,
        /// The key before it; `None` where this event created it.
        before: Option<KeyValue>,
    },
    /// A key was deleted (or expired).
    Delete {
        /// The key before it was deleted; its `revision` is that of its last write.
        before: KeyValue,
        /// The revision of the deletion.
        revision: u64,
    },
    /// Nothing happened to these keys up to this revision.
    Progress {
        /// All events up to and including this revision were delivered.
        revision: u64,
    },
}

impl Event {
    /// The revision of what happened; of progress, the one that was reached.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Put { now, .. } => now.revision,
            Self::Delete { revision, .. } | Self::Progress { revision } => *revision,
        }
    }

    /// The key that it happened to; `None` for progress.
    pub fn key(&self) -> Option<&Arc<str>> {
        match self {
            Self::Put { now, .. } => Some(&now.key),
            Self::Delete { before, .. } => Some(&before.key),
            Self::Progress { .. } => None,
        }
    }
}

/// A stream of events in revision order. It ends after the first error; a watcher that does not read is
/// ended with an error, never waited for.
pub type Watch = BoxStream<'static, Result<Event, Error>>;

/// A versioned key-value store. Revisions only rise, over restarts too, and each write has its own.
///
/// Methods may be cancelled by dropping their futures: a write then has happened or has not, never in part.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// The key's current state (linearizable).
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error>;

    /// A page of the range. `Compacted` and `FutureRevision` where `range.revision` can't be shown.
    async fn list(&self, range: &ListRange) -> Result<Page, Error>;

    /// Writes a key that must not exist; `Exists` where it does. Returns its revision. With `ttl` the key
    /// is deleted that long from now or a little later (lease granularity).
    async fn create(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<u64, Error>;

    /// Replaces a key whose last revision must be `expected`; `Conflict` with its state where it is not.
    /// Returns the new revision. `ttl` replaces the time to live that it had (`None` removes it).
    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error>;

    /// Deletes a key whose last revision must be `expected`; `Conflict` where it is not. Returns the
    /// revision of the deletion.
    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error>;

    /// How many keys start with `prefix`, now.
    async fn count(&self, prefix: &str) -> Result<u64, Error>;

    /// The store's current revision (linearizable).
    async fn current_revision(&self) -> Result<u64, Error>;

    /// Every event on keys that start with `prefix` from the revision after `after` on, without gap or
    /// repeat, over reconnects too. Several events of one transaction share a revision. `Compacted` (from
    /// the call or as the stream's last item) where those events are gone. Progress events come about every
    /// ten seconds while nothing else does, and soon after [`Storage::request_progress`].
    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error>;

    /// Asks that the open watches of this very prefix soon get a progress event with a revision no less than
    /// `revision`, which must have happened. Other watches are left alone. Where progress isn't supported this
    /// does nothing.
    async fn request_progress(&self, prefix: &str, revision: u64) -> Result<(), Error>;

    /// Whether progress can be asked for, and never comes before the events that it covers. It may change while
    /// the store is open.
    fn supports_progress(&self) -> bool;

    /// Whether reads are answered from this process's memory, exactly: nothing is gained by a cache of objects.
    fn is_local(&self) -> bool;

    /// Forgets the history before `revision`: older reads and watches answer `Compacted`.
    async fn compact(&self, revision: u64) -> Result<(), Error>;

    /// Compacts every `interval` (kube-apiserver: 5 minutes) up to the revision that was current one interval
    /// before, so that between one and two intervals of history stay readable. Of several servers over one
    /// store, one does it. Never returns by itself; ends when it is dropped.
    async fn run_compactor(&self, interval: Duration);

    /// Whether the store can answer: the health check's probe. Callers bound its time.
    async fn probe(&self) -> Result<(), Error>;

    /// How many bytes the store takes on its disk; of etcd, the database's size.
    async fn size_bytes(&self) -> Result<u64, Error>;
}
