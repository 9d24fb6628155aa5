//! The embedded store: a revision log in a directory, read from memory.
//!
//! Every write is a record in the log under its own revision. One thread owns the log: writers queue to it, it
//! decides their comparisons against memory, writes what passed as one batch, waits once until that is on
//! disk, and only then publishes the new state, answers the writers and feeds the watches. So an acknowledged
//! write is on disk, and nothing that is not on disk is ever read.
//!
//! Reads of the current state take a snapshot of a persistent map without a lock and touch no disk. Reads of
//! older revisions undo the history in memory and fetch old values from the log.
//!
//! - `directory`: who may use the data directory, and its format
//! - `journal`: what may be wrong with the database's journals after a crash
//! - `engine`: the database
//! - `record`: what a write looks like on disk
//! - `index`: the state and the history in memory
//! - `committer`: the thread that writes
//! - `watch`: replay from the history, then live
//! - `watchers`: the live ones
//!
//! It must not know what the values are.

mod committer;
mod directory;
mod engine;
mod index;
mod journal;
mod options;
mod record;
#[cfg(test)]
mod tests;
mod watch;
mod watchers;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use keelson_base::clock;
use keelson_base::task::{TaskGroup, Unfinished, blocking};
use parking_lot::RwLock;
use tokio::sync::oneshot;

use self::committer::{Command, Committer, Inbox, Operation, Write};
use self::directory::{Content, Directory};
use self::engine::Engine;
use self::index::{History, Loaded, Snapshot};
pub use self::options::{OpenError, Options};
use self::watchers::Watchers;
use crate::{Error, KeyValue, ListRange, Page, Storage, Watch};

/// The largest key and value together, in bytes: etcd's `--max-request-bytes` as it is by default.
pub const MAX_REQUEST_BYTES: usize = 1_572_864;

/// A store in a directory of this machine, for one process.
pub struct Embedded {
    shared: Arc<Shared>,
    tasks: TaskGroup,
}

/// What readers, watches and the committer share.
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    history: RwLock<History>,
    /// `None` while a failed database is not open again.
    engine: RwLock<Option<Engine>>,
    /// Why nothing can be written now.
    failure: ArcSwapOption<String>,
    inbox: Inbox,
    watchers: Watchers,
}

impl Embedded {
    /// Opens the store in `options.directory`, making it where there is none.
    ///
    /// # Errors
    /// [`OpenError`], which names the directory.
    pub async fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        blocking(move || Self::open_now(options)).await
    }

    fn open_now(options: Options) -> Result<Arc<Self>, OpenError> {
        let started = clock::monotonic();
        let path = options.directory.clone();
        let io = |source| OpenError::Io { directory: path.clone(), source };
        let corrupt =
            |reason: Error| OpenError::Corrupt { directory: path.clone(), reason: reason.to_string() };
        let (directory, content) = Directory::open(&path)?;
        let engine = Engine::open(&directory.database(), &path)?;
        if content == Content::New {
            directory.set_up().map_err(io)?;
        }
        let compacted = engine.compacted().map_err(corrupt)?;
        let loaded = index::load(compacted, engine.records(0)).map_err(corrupt)?;
        let Loaded { snapshot, history, garbage, expiries } = loaded;
        tracing::info!(
            directory = %path.display(),
            revision = snapshot.revision,
            keys = snapshot.keys.len(),
            milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "opened the embedded store"
        );
        let watchers = Watchers::new(snapshot.revision);
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            history: RwLock::new(history),
            engine: RwLock::new(Some(engine)),
            failure: ArcSwapOption::empty(),
            inbox: Inbox::new(),
            watchers,
        });
        let tasks = TaskGroup::new();
        let committer = Committer::new(Arc::clone(&shared), directory, options, garbage, expiries);
        tasks.spawn_thread("storage-commit", move || committer.run()).map_err(io)?;
        Ok(Arc::new(Self { shared, tasks }))
    }

    /// Ends the store: writes that were sent are finished, later ones refused, watches end, and the directory
    /// is free for another process. Reads go on from memory.
    ///
    /// # Errors
    /// Where writing did not end in 30 seconds.
    pub async fn close(&self) -> Result<(), Unfinished> {
        self.shared.inbox.close();
        self.tasks.wait(Duration::from_secs(30)).await
    }

    async fn write(&self, key: &str, operation: Operation) -> Result<u64, Error> {
        if key.len() + operation.value_bytes() > MAX_REQUEST_BYTES {
            return Err(Error::TooLarge);
        }
        // What the published state refuses needs no queue.
        operation.check(&self.shared.snapshot.load(), key)?;
        let permit = self.shared.inbox.permit(operation.value_bytes()).await?;
        let (reply, answer) = oneshot::channel();
        self.shared.inbox.send(Command::Write(Write::new(key, operation, reply, permit)))?;
        answer.await.map_err(|_| closed())?
    }

    /// Has the committer do something that is answered.
    async fn command<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.shared.inbox.send(make(reply))?;
        answer.await.map_err(|_| closed())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.inbox.close();
    }
}

fn closed() -> Error {
    Error::Unavailable("the store was closed".to_owned())
}

/// A value of its own allocation: one that is cut from a request's buffer would keep all of it in memory.
fn owned(value: &Bytes) -> Bytes {
    Bytes::copy_from_slice(value)
}

#[async_trait]
impl Storage for Embedded {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error> {
        Ok(self.shared.snapshot.load().get(key))
    }

    async fn list(&self, range: &ListRange) -> Result<Page, Error> {
        let snapshot = self.shared.snapshot.load_full();
        if range.revision > snapshot.revision {
            return Err(Error::FutureRevision { current: snapshot.revision });
        }
        if range.revision == 0 || range.revision == snapshot.revision {
            return Ok(current_page(&snapshot, range));
        }
        let (shared, range) = (Arc::clone(&self.shared), range.clone());
        blocking(move || shared.older_page(&snapshot, &range)).await
    }

    async fn create(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<u64, Error> {
        self.write(key, Operation::Create { value: owned(&value), ttl }).await
    }

    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error> {
        self.write(key, Operation::Update { expected, value: owned(&value), ttl }).await
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error> {
        self.write(key, Operation::Delete { expected }).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, Error> {
        Ok(self.shared.snapshot.load().range(prefix, "").count() as u64)
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        Ok(self.shared.snapshot.load().revision)
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error> {
        self.shared.history.read().check(after)?;
        Ok(watch::stream(Arc::clone(&self.shared), prefix.to_owned(), after).boxed())
    }

    async fn request_progress(&self, prefix: &str, revision: u64) -> Result<(), Error> {
        if self.shared.watchers.tell_progress(Some(prefix)) >= revision {
            return Ok(());
        }
        // It was published this moment; the committer has yet to feed it.
        self.shared.inbox.send(Command::Progress { prefix: prefix.into() })
    }

    fn supports_progress(&self) -> bool {
        true
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn compact(&self, revision: u64) -> Result<(), Error> {
        self.command(|reply| Command::Compact { revision, reply }).await?
    }

    async fn run_compactor(&self, interval: Duration) {
        let mut last = self.shared.snapshot.load().revision;
        loop {
            clock::sleep(interval).await;
            let current = self.shared.snapshot.load().revision;
            if let Err(failure) = self.compact(last).await {
                tracing::warn!(%failure, revision = last, "compacting the embedded store failed");
            }
            last = current;
        }
    }

    async fn probe(&self) -> Result<(), Error> {
        match &*self.shared.failure.load() {
            Some(reason) => Err(Error::Unavailable(reason.to_string())),
            None if self.shared.inbox.is_closed() => Err(closed()),
            None => Ok(()),
        }
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.with_engine(Engine::size)).await
    }
}

fn current_page(snapshot: &Snapshot, range: &ListRange) -> Page {
    let mut keys = snapshot.range(&range.prefix, &range.start);
    let limit = if range.limit == 0 { usize::MAX } else { range.limit };
    let items = keys.by_ref().take(limit).map(|(key, current)| current.with_key(key)).collect();
    Page { items, revision: snapshot.revision, remaining: keys.count() as u64 }
}

impl Shared {
    fn with_engine<T>(&self, read: impl FnOnce(&Engine) -> Result<T, Error>) -> Result<T, Error> {
        match &*self.engine.read() {
            Some(engine) => read(engine),
            None => Err(Error::Unavailable("the database is closed after a failure".to_owned())),
        }
    }

    /// The state that a record holds; `Compacted` where the record is gone.
    fn older_value(&self, key: &Arc<str>, revision: u64) -> Result<KeyValue, Error> {
        let record = self.with_engine(|engine| engine.record(revision))?;
        match record.and_then(|record| record.value) {
            Some(value) => Ok(KeyValue { key: Arc::clone(key), value, revision }),
            None => Err(Error::Compacted { oldest: self.history.read().compacted() }),
        }
    }

    /// A page as of `range.revision`, before `snapshot`'s. Reads from disk.
    fn older_page(&self, snapshot: &Snapshot, range: &ListRange) -> Result<Page, Error> {
        let older = self.history.read().undo(&range.prefix, range.revision, snapshot.revision)?;
        let start = range.start.as_str().max(&range.prefix);
        let mut older = older.iter().filter(|(key, _)| &***key >= start).peekable();
        let mut current = snapshot.range(&range.prefix, start).peekable();
        let limit = if range.limit == 0 { usize::MAX } else { range.limit };
        let mut page = Page { items: Vec::new(), revision: range.revision, remaining: 0 };
        loop {
            // Of a key that is in both, the older state counts.
            let from_older = match (older.peek(), current.peek()) {
                (None, None) => return Ok(page),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((was, _)), Some((is, _))) => was <= is,
            };
            let full = page.items.len() >= limit;
            if from_older {
                let Some((key, revision)) = older.next() else { continue };
                current.next_if(|(is, _)| *is == key);
                match (*revision, full) {
                    (0, _) => {}
                    (_, true) => page.remaining += 1,
                    (revision, false) => page.items.push(self.older_value(key, revision)?),
                }
            } else if let Some((key, state)) = current.next() {
                if full {
                    page.remaining += 1;
                } else {
                    page.items.push(state.with_key(key));
                }
            }
        }
    }
}
