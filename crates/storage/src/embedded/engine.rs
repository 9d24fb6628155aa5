//! The database under the log: fjall, with one keyspace (each more costs a dozen fsyncs to make).
//!
//! Its keys are `r` and a revision, big endian, for that revision's record, and `f` and a name for a fact
//! about the log.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::Error;
use crate::embedded::OpenError;
use crate::embedded::journal;
use crate::embedded::record::Record;

/// Values are read from memory, so blocks read from disk are not worth keeping.
const CACHE_BYTES: u64 = 2 << 20;
/// What is written stays in memory twice until this much was; less makes more and smaller tables.
const MEMTABLE_BYTES: u64 = 8 << 20;
const JOURNAL_BYTES: u64 = 128 << 20;
/// The fact under which the compacted revision is kept.
const COMPACTED: &[u8] = b"fcompacted";

/// An open database.
pub(super) struct Engine {
    database: Database,
    log: Keyspace,
}

/// What goes to disk together.
#[derive(Default)]
pub(super) struct Batch {
    records: Vec<(u64, Vec<u8>)>,
    removals: Vec<u64>,
    compacted: Option<u64>,
}

impl Batch {
    pub(super) fn add(&mut self, revision: u64, record: &Record) {
        self.records.push((revision, record.encode()));
    }

    pub(super) fn remove(&mut self, revision: u64) {
        self.removals.push(revision);
    }

    pub(super) fn set_compacted(&mut self, revision: u64) {
        self.compacted = Some(revision);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.removals.is_empty() && self.compacted.is_none()
    }
}

impl Engine {
    /// Opens the database, or makes it where the path is an empty directory.
    ///
    /// # Errors
    /// [`OpenError`], with `directory` as the place to name.
    pub(super) fn open(path: &Path, directory: &Path) -> Result<Self, OpenError> {
        let corrupt = |reason| OpenError::Corrupt { directory: directory.to_owned(), reason };
        journal::check(path).map_err(|failure| match failure {
            journal::JournalError::Io { source, .. } => {
                OpenError::Io { directory: directory.to_owned(), source }
            }
            damaged @ journal::JournalError::Damaged { .. } => corrupt(damaged.to_string()),
        })?;
        // fjall asserts some of what it expects of its files.
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| Self::open_database(path)));
        match opened {
            Ok(Ok(engine)) => Ok(engine),
            Ok(Err(fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)))) => {
                Err(OpenError::Io { directory: directory.to_owned(), source })
            }
            Ok(Err(failure)) => Err(corrupt(failure.to_string())),
            Err(_) => Err(corrupt("the database's files make no sense".to_owned())),
        }
    }

    fn open_database(path: &Path) -> fjall::Result<Self> {
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .journal_compression(CompressionType::None)
            // One for flushing, one for compaction: a long compaction must not hold a flush up.
            .worker_threads(2)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let log = database.keyspace("log", options)?;
        Ok(Self { database, log })
    }

    /// Writes the batch; when this returns it is on disk, whole.
    ///
    /// # Errors
    /// The engine must be opened again: what became of the batch shows then.
    pub(super) fn commit(&self, batch: &Batch) -> fjall::Result<()> {
        let items = batch.records.len() + batch.removals.len() + 1;
        let mut write = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), items)
            .durability(Some(PersistMode::SyncData));
        for (revision, record) in &batch.records {
            write.insert(&self.log, key(*revision), record.as_slice());
        }
        for revision in &batch.removals {
            write.remove(&self.log, key(*revision));
        }
        if let Some(revision) = batch.compacted {
            write.insert(&self.log, COMPACTED, revision.to_be_bytes());
        }
        write.commit()
    }

    /// The record of a revision; `None` where it was compacted away.
    pub(super) fn record(&self, revision: u64) -> Result<Option<Record>, Error> {
        match self.log.get(key(revision)).map_err(|failure| read_error(&failure))? {
            Some(bytes) => decode(revision, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Every record from `first` on, in order.
    pub(super) fn records(&self, first: u64) -> impl Iterator<Item = Result<(u64, Record), Error>> {
        self.log.range(key(first)..=key(u64::MAX)).map(|item| {
            let (key, value) = item.into_inner().map_err(|failure| read_error(&failure))?;
            let revision = key
                .strip_prefix(b"r")
                .and_then(|revision| <[u8; 8]>::try_from(revision).ok())
                .map(u64::from_be_bytes)
                .ok_or_else(|| Error::Corrupt("a record's key is not a revision".to_owned()))?;
            Ok((revision, decode(revision, &value)?))
        })
    }

    /// The revision up to which history was compacted; 0 for not yet.
    pub(super) fn compacted(&self) -> Result<u64, Error> {
        match self.log.get(COMPACTED).map_err(|failure| read_error(&failure))? {
            None => Ok(0),
            Some(bytes) => <[u8; 8]>::try_from(&*bytes)
                .map(u64::from_be_bytes)
                .map_err(|_| Error::Corrupt("the compacted revision is not a number".to_owned())),
        }
    }

    /// Bytes on disk.
    pub(super) fn size(&self) -> Result<u64, Error> {
        self.database.disk_space().map_err(|failure| read_error(&failure))
    }

    /// Puts everything that was written onto the disk.
    pub(super) fn persist(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncAll)
    }
}

/// The key of a revision's record.
fn key(revision: u64) -> [u8; 9] {
    let mut key = [b'r'; 9];
    key[1..].copy_from_slice(&revision.to_be_bytes());
    key
}

fn decode(revision: u64, bytes: &[u8]) -> Result<Record, Error> {
    Record::decode(bytes).map_err(|reason| Error::Corrupt(format!("the record {revision}: {reason}")))
}

fn read_error(failure: &fjall::Error) -> Error {
    match failure {
        fjall::Error::Io(_) | fjall::Error::Storage(fjall::LsmError::Io(_)) => {
            Error::Unavailable(format!("reading the database: {failure}"))
        }
        _ => Error::Corrupt(format!("reading the database: {failure}")),
    }
}

/// Whether the disk was full.
pub(super) fn is_out_of_space(failure: &fjall::Error) -> bool {
    let source = match failure {
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => source,
        _ => return false,
    };
    is_full(source)
}

/// Whether the file system, or the user's share of it, was full.
pub(super) fn is_full(failure: &std::io::Error) -> bool {
    matches!(failure.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
