//! The thread that writes.
//!
//! It takes whatever was sent since it last looked as one batch (so that a slow disk makes larger batches, not
//! a longer queue), and holds the only right to change the state. Timers for keys with a time to live, the
//! watches' feeds and the removal of compacted records are its too.
//!
//! After a failed commit nobody knows what of it is on disk. The database is then closed and opened again,
//! which shows it, and only then are the writers answered: a write that landed was written, any other was not.
//! Where it does not open, writes are refused and tried again with the next one, at most once a second; reads
//! go on from memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keelson_base::clock::{self, Instant};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::embedded::directory::Directory;
use crate::embedded::engine::{Batch, Engine, is_full, is_out_of_space};
use crate::embedded::index::Snapshot;
use crate::embedded::options::{OpenError, Options};
use crate::embedded::record::{Expiry, Record};
use crate::embedded::watchers::Watcher;
use crate::embedded::{Shared, closed};
use crate::{Error, Event, KeyValue};

/// What may wait for the committer, in KiB of values; a write counts for at least one.
const QUEUE_KIB: u32 = 64 << 10;
/// A batch is closed at this many writes or bytes of values.
const BATCH_WRITES: usize = 1024;
const BATCH_BYTES: usize = 4 << 20;
/// Compacted records that go with a batch of writes, and in a batch of their own when nothing else is to do.
const REMOVALS_ASIDE: usize = 64;
const REMOVALS_ALONE: usize = 1024;
/// With less than this left, a failure is taken to be for want of space.
const LITTLE_SPACE: u64 = 1 << 20;
/// How often an idle watch learns how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// How long a database that did not open again is left alone, and an expiry that failed.
const RETRY: Duration = Duration::from_secs(1);

/// What the committer is asked to do.
pub(super) enum Command {
    Write(Write),
    /// Feed this watch from now on; answered with the revision after which it does.
    Watch {
        watcher: Watcher,
        reply: oneshot::Sender<u64>,
    },
    /// Tell the watches of this prefix how far they are.
    Progress {
        prefix: Arc<str>,
    },
    Compact {
        revision: u64,
        reply: oneshot::Sender<Result<(), Error>>,
    },
}

/// A write, and who waits for it.
pub(super) struct Write {
    key: Arc<str>,
    operation: Operation,
    /// `None` for the store's own.
    reply: Option<oneshot::Sender<Result<u64, Error>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What a write does, and to what.
pub(super) enum Operation {
    Create { value: Bytes, ttl: Option<Duration> },
    Update { expected: u64, value: Bytes, ttl: Option<Duration> },
    Delete { expected: u64 },
}

impl Operation {
    pub(super) fn value_bytes(&self) -> usize {
        match self {
            Self::Create { value, .. } | Self::Update { value, .. } => value.len(),
            Self::Delete { .. } => 0,
        }
    }

    /// Whether the key's state is what the operation expects.
    pub(super) fn check(&self, snapshot: &Snapshot, key: &str) -> Result<(), Error> {
        let current = snapshot.keys.get(key);
        match self {
            Self::Create { .. } if current.is_some() => Err(Error::Exists),
            Self::Create { .. } => Ok(()),
            Self::Update { expected, .. } | Self::Delete { expected } => {
                if current.is_some_and(|current| current.revision == *expected) {
                    Ok(())
                } else {
                    Err(Error::Conflict { current: snapshot.get(key) })
                }
            }
        }
    }
}

impl Write {
    pub(super) fn new(
        key: &str,
        operation: Operation,
        reply: oneshot::Sender<Result<u64, Error>>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { key: key.into(), operation, reply: Some(reply), _permit: Some(permit) }
    }

    fn answer(self, verdict: Result<u64, Error>) {
        if let Some(reply) = self.reply {
            // Whoever dropped the future does not want to know.
            let _ = reply.send(verdict);
        }
    }
}

/// Where commands wait for the committer.
pub(super) struct Inbox {
    queue: Mutex<Vec<Command>>,
    closed: AtomicBool,
    arrived: Condvar,
    room: Arc<Semaphore>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::new(Vec::new()),
            closed: AtomicBool::new(false),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(QUEUE_KIB as usize)),
        }
    }

    /// Waits until the queue has room for a value.
    pub(super) async fn permit(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(QUEUE_KIB).min(QUEUE_KIB);
        Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| closed())
    }

    pub(super) fn send(&self, command: Command) -> Result<(), Error> {
        let mut queue = self.queue.lock();
        if self.is_closed() {
            return Err(closed());
        }
        // Who asks for progress does not wait, so that alone could fill the queue; one asking is enough, and
        // what is behind it is only earlier.
        if let Command::Progress { prefix } = &command
            && queue
                .iter()
                .rev()
                .take(256)
                .any(|other| matches!(other, Command::Progress { prefix: asked } if asked == prefix))
        {
            return Ok(());
        }
        queue.push(command);
        self.arrived.notify_one();
        Ok(())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        let _queue = self.queue.lock();
        self.closed.store(true, Ordering::Release);
        self.room.close();
        self.arrived.notify_one();
    }

    /// What was sent; waits for something until `until`. `None` once the inbox is closed and empty.
    fn take(&self, until: Instant) -> Option<Vec<Command>> {
        let mut queue = self.queue.lock();
        if queue.is_empty() && !self.is_closed() {
            self.arrived.wait_until(&mut queue, until.into_std());
        }
        if queue.is_empty() && self.is_closed() { None } else { Some(std::mem::take(&mut *queue)) }
    }
}

/// How much of the disk is left for whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    Nothing,
    Deletions,
    All,
}

/// A change of a batch.
struct Step {
    revision: u64,
    record: Record,
    before: Option<KeyValue>,
}

/// The thread's state.
pub(super) struct Committer {
    shared: Arc<Shared>,
    directory: Directory,
    options: Options,
    /// When which revision of which key ends.
    timers: BTreeMap<(Instant, u64), Arc<str>>,
    /// Records that a compaction made unneeded.
    garbage: VecDeque<u64>,
    next_progress: Instant,
    /// When a database that did not open may be tried again.
    retry: Instant,
    /// Whether it did not open for want of space.
    out_of_space: bool,
}

impl Committer {
    pub(super) fn new(
        shared: Arc<Shared>,
        directory: Directory,
        options: Options,
        garbage: Vec<u64>,
        expiries: Vec<(Arc<str>, u64, Expiry)>,
    ) -> Self {
        let (now, wall) = (clock::monotonic(), clock::unix_millis());
        let timers = expiries
            .into_iter()
            .map(|(key, revision, expiry)| ((now + expiry.left(wall), revision), key))
            .collect();
        Self {
            shared,
            directory,
            options,
            timers,
            garbage: garbage.into(),
            next_progress: now + PROGRESS_INTERVAL,
            retry: now,
            out_of_space: false,
        }
    }

    /// Works until the inbox is closed and empty.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _ended = Ended(Arc::clone(&shared));
        while let Some(commands) = shared.inbox.take(self.wake()) {
            let idle = commands.is_empty();
            let mut writes = Vec::new();
            for command in commands {
                match command {
                    Command::Write(write) => writes.push(write),
                    other => {
                        self.commit(std::mem::take(&mut writes));
                        self.handle(other);
                    }
                }
            }
            self.commit(writes);
            self.expire();
            self.show_progress();
            if idle {
                self.remove_garbage();
            }
        }
        // The watches end, and the database is closed before the directory is unlocked.
        self.shared.watchers.clear();
        *self.shared.engine.write() = None;
    }

    fn wake(&self) -> Instant {
        if !self.garbage.is_empty() && self.shared.failure.load().is_none() {
            return self.retry;
        }
        let timer = self.timers.keys().next().map_or(self.next_progress, |(end, _)| *end);
        timer.min(self.next_progress)
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Write(write) => self.commit(vec![write]),
            Command::Watch { mut watcher, reply } => {
                let revision = self.shared.snapshot.load().revision;
                if revision >= watcher.after {
                    watcher.after = revision;
                    watcher.feed.repeat_progress(revision);
                }
                if reply.send(revision).is_ok() {
                    self.shared.watchers.add(watcher);
                }
            }
            Command::Progress { prefix } => {
                self.shared.watchers.tell_progress(Some(&prefix));
            }
            Command::Compact { revision, reply } => {
                let _ = reply.send(self.compact(revision));
            }
        }
    }

    fn show_progress(&mut self) {
        let now = clock::monotonic();
        if now >= self.next_progress {
            self.next_progress = now + PROGRESS_INTERVAL;
            self.shared.watchers.tell_progress(None);
        }
    }

    fn commit(&mut self, writes: Vec<Write>) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for write in writes {
            bytes += write.operation.value_bytes();
            batch.push(write);
            if batch.len() >= BATCH_WRITES || bytes >= BATCH_BYTES {
                self.commit_batch(std::mem::take(&mut batch));
                bytes = 0;
            }
        }
        if !batch.is_empty() {
            self.commit_batch(batch);
        }
    }

    /// Decides the writes in order, puts those that pass on disk together, and answers all.
    fn commit_batch(&mut self, writes: Vec<Write>) {
        let verdicts = match self.try_batch(&writes) {
            // The database had failed in the background before; it is open again.
            Err(failure) if failure.untried => self.try_batch(&writes),
            first => first,
        };
        let verdicts = verdicts.unwrap_or_else(|failure| {
            let snapshot = self.shared.snapshot.load_full();
            let refuse =
                |write: &Write| write.operation.check(&snapshot, &write.key).and(Err(failure.error()));
            writes.iter().map(refuse).collect()
        });
        for (write, verdict) in writes.into_iter().zip(verdicts) {
            write.answer(verdict);
        }
    }

    /// The verdict on each write, all of which hold; an error where nothing was written for sure.
    fn try_batch(&mut self, writes: &[Write]) -> Result<Vec<Result<u64, Error>>, Failure> {
        self.ensure_open()?;
        let mut next = Snapshot::clone(&self.shared.snapshot.load());
        let room = self.room();
        let mut batch = Batch::default();
        let mut steps = Vec::with_capacity(writes.len());
        let mut verdicts = Vec::with_capacity(writes.len());
        for write in writes {
            let verdict = self.decide(&next, write, room).map(|record| {
                let revision = next.revision + 1;
                batch.add(revision, &record);
                let before = next.apply(revision, &record).map(|before| before.with_key(&record.key));
                steps.push(Step { revision, record, before });
                revision
            });
            verdicts.push(verdict);
        }
        if batch.is_empty() {
            return Ok(verdicts);
        }
        let removals = self.take_garbage(REMOVALS_ASIDE, &mut batch);
        let Err(cause) = self.store(&batch) else {
            self.publish(next, steps);
            return Ok(verdicts);
        };
        self.put_garbage_back(removals);
        if cause.untried {
            return Err(cause);
        }
        Ok(self.verdicts_after(&cause, writes, verdicts))
    }

    /// The record that a write makes of the state, or why it makes none.
    fn decide(&self, snapshot: &Snapshot, write: &Write, room: Room) -> Result<Record, Error> {
        write.operation.check(snapshot, &write.key)?;
        let (value, ttl, needed) = match &write.operation {
            Operation::Create { value, ttl } | Operation::Update { value, ttl, .. } => {
                (Some(value.clone()), *ttl, Room::All)
            }
            Operation::Delete { .. } => (None, None, Room::Deletions),
        };
        if room < needed {
            return Err(Error::NoSpace(format!(
                "less than {} bytes are left on the file system of {}",
                self.options.reserve_bytes,
                self.directory.path().display()
            )));
        }
        let (key, previous) = match snapshot.keys.get_key_value(&*write.key) {
            Some((key, current)) => (Arc::clone(key), current.revision),
            None => (Arc::clone(&write.key), 0),
        };
        let expiry = ttl.map(|ttl| {
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            Expiry { ttl, unix_millis: clock::unix_millis().saturating_add(millis) }
        });
        Ok(Record { key, previous, value, expiry })
    }

    /// Bytes that are left on the file system.
    fn free(&self) -> u64 {
        rustix::fs::statvfs(self.directory.path())
            .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn failure(&self, cause: &fjall::Error) -> Failure {
        Failure {
            // What failed in the background says no more than that it did.
            out_of_space: is_out_of_space(cause) || self.free() < LITTLE_SPACE,
            untried: matches!(cause, fjall::Error::Poisoned),
            reason: cause.to_string(),
        }
    }

    fn room(&self) -> Room {
        let free = self.free();
        if free >= self.options.reserve_bytes {
            Room::All
        } else if free >= self.options.reserve_bytes / 4 {
            Room::Deletions
        } else {
            Room::Nothing
        }
    }

    /// Opens a database that failed, where it is time to.
    fn ensure_open(&mut self) -> Result<(), Failure> {
        if self.shared.engine.read().is_some() {
            return Ok(());
        }
        if clock::monotonic() < self.retry {
            let reason = self.shared.failure.load().as_deref().cloned().unwrap_or_default();
            return Err(Failure { out_of_space: self.out_of_space, untried: false, reason });
        }
        self.reopen()
    }

    /// Puts a batch on disk. After an error the published state is what the disk holds, if the database is
    /// open; else it is unknown whether the batch is there.
    fn store(&mut self, batch: &Batch) -> Result<(), Failure> {
        let stored = match &*self.shared.engine.read() {
            Some(engine) => engine.commit(batch),
            None => Err(fjall::Error::Poisoned),
        };
        let Err(cause) = stored else { return Ok(()) };
        let failure = self.failure(&cause);
        tracing::error!(%cause, "writing to the database failed; opening it again");
        // Readers are done with it when the lock is given.
        *self.shared.engine.write() = None;
        if let Err(unopened) = self.reopen() {
            tracing::error!(reason = unopened.reason, "the database does not open again");
        }
        Err(failure)
    }

    /// Opens the database, and takes over what it holds beyond the published state.
    fn reopen(&mut self) -> Result<(), Failure> {
        self.retry = clock::monotonic() + RETRY;
        let opened = Engine::open(&self.directory.database(), self.directory.path())
            .map_err(|failure| Failure::of_open(&failure))
            .and_then(|engine| match engine.persist() {
                Ok(()) => Ok(engine),
                Err(failure) => Err(self.failure(&failure)),
            })
            .and_then(|engine| self.take_over(engine).map_err(|failure| Failure::other(failure.to_string())));
        let failure = opened.as_ref().err().map(|failure| Arc::new(failure.reason.clone()));
        self.out_of_space = opened.as_ref().is_err_and(|failure| failure.out_of_space);
        self.shared.failure.store(failure);
        opened
    }

    fn take_over(&mut self, engine: Engine) -> Result<(), Error> {
        let mut next = Snapshot::clone(&self.shared.snapshot.load());
        let mut steps = Vec::new();
        for item in engine.records(next.revision + 1) {
            let (revision, record) = item?;
            let before = next.apply(revision, &record).map(|before| before.with_key(&record.key));
            steps.push(Step { revision, record, before });
        }
        *self.shared.engine.write() = Some(engine);
        if !steps.is_empty() {
            self.publish(next, steps);
        }
        Ok(())
    }

    /// What to answer after a failed commit: what landed after all was written, a comparison that failed on
    /// the state that is still there failed, and the rest failed for `cause`.
    fn verdicts_after(
        &self,
        cause: &Failure,
        writes: &[Write],
        verdicts: Vec<Result<u64, Error>>,
    ) -> Vec<Result<u64, Error>> {
        let snapshot = self.shared.snapshot.load();
        let unknown = self.shared.engine.read().is_none();
        let settle = |(write, verdict): (&Write, Result<u64, Error>)| match verdict {
            Ok(revision) if revision <= snapshot.revision => Ok(revision),
            Ok(_) if unknown => Err(Error::Uncertain(cause.reason.clone())),
            _ => {
                write.operation.check(&snapshot, &write.key)?;
                Err(cause.error())
            }
        };
        writes.iter().zip(verdicts).map(settle).collect()
    }

    /// Makes a new state the current one, and tells the watches.
    fn publish(&mut self, next: Snapshot, steps: Vec<Step>) {
        let (now, wall) = (clock::monotonic(), clock::unix_millis());
        {
            let mut history = self.shared.history.write();
            steps.iter().for_each(|step| history.push(&step.record));
        }
        let published = next.revision;
        self.shared.snapshot.store(Arc::new(next));
        let mut events = Vec::with_capacity(steps.len());
        for Step { revision, record, before } in steps {
            if let Some(expiry) = record.expiry {
                self.timers.insert((now + expiry.left(wall), revision), Arc::clone(&record.key));
            }
            match (record.value, before) {
                (Some(value), before) => {
                    events.push(Event::Put { now: KeyValue { key: record.key, value, revision }, before });
                }
                (None, Some(before)) => events.push(Event::Delete { before, revision }),
                (None, None) => {}
            }
        }
        self.shared.watchers.feed(&events, published);
    }

    /// Deletes the keys whose time has come.
    fn expire(&mut self) {
        let now = clock::monotonic();
        let mut due = Vec::new();
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now
        {
            let ((_, revision), key) = entry.remove_entry();
            due.push((revision, key));
        }
        if due.is_empty() {
            return;
        }
        let snapshot = self.shared.snapshot.load_full();
        due.retain(|(revision, key)| {
            snapshot.keys.get(key).is_some_and(|current| current.revision == *revision)
        });
        let deletion = |(expected, key): &(u64, Arc<str>)| Write {
            key: Arc::clone(key),
            operation: Operation::Delete { expected: *expected },
            reply: None,
            _permit: None,
        };
        self.commit(due.iter().map(deletion).collect());
        // What could not be written is tried again.
        let snapshot = self.shared.snapshot.load_full();
        for (revision, key) in due {
            if snapshot.keys.get(&key).is_some_and(|current| current.revision == revision) {
                self.timers.insert((now + RETRY, revision), key);
            }
        }
    }

    fn compact(&mut self, revision: u64) -> Result<(), Error> {
        let current = self.shared.snapshot.load().revision;
        if revision > current {
            return Err(Error::FutureRevision { current });
        }
        if revision <= self.shared.history.read().compacted() {
            return Ok(());
        }
        self.ensure_open().map_err(|failure| failure.error())?;
        let mut batch = Batch::default();
        batch.set_compacted(revision);
        self.store(&batch).map_err(|failure| failure.error())?;
        let unneeded = self.shared.history.write().compact(revision);
        self.garbage.extend(unneeded);
        Ok(())
    }

    fn remove_garbage(&mut self) {
        if self.garbage.is_empty() || clock::monotonic() < self.retry || self.ensure_open().is_err() {
            return;
        }
        let mut batch = Batch::default();
        let removals = self.take_garbage(REMOVALS_ALONE, &mut batch);
        if !batch.is_empty()
            && let Err(failure) = self.store(&batch)
        {
            tracing::warn!(reason = failure.reason, "removing compacted records failed");
            self.put_garbage_back(removals);
        }
    }

    fn take_garbage(&mut self, most: usize, batch: &mut Batch) -> Vec<u64> {
        let removals: Vec<u64> = self.garbage.drain(..most.min(self.garbage.len())).collect();
        removals.iter().for_each(|revision| batch.remove(*revision));
        removals
    }

    fn put_garbage_back(&mut self, removals: Vec<u64>) {
        for revision in removals.into_iter().rev() {
            self.garbage.push_front(revision);
        }
    }
}

/// Closes the inbox however the thread ends, so that nobody waits for an answer that does not come.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.inbox.close();
        self.0.inbox.queue.lock().clear();
    }
}

/// Why a batch did not get onto the disk.
struct Failure {
    out_of_space: bool,
    /// Nothing was written: the database had failed before.
    untried: bool,
    reason: String,
}

impl Failure {
    fn of_open(failure: &OpenError) -> Self {
        let out_of_space = match failure {
            OpenError::Io { source, .. } => is_full(source),
            _ => false,
        };
        Self { out_of_space, ..Self::other(failure.to_string()) }
    }

    fn other(reason: String) -> Self {
        Self { out_of_space: false, untried: false, reason }
    }

    fn error(&self) -> Error {
        if self.out_of_space {
            Error::NoSpace(self.reason.clone())
        } else {
            Error::Unavailable(self.reason.clone())
        }
    }
}
