//! What is kept in memory: the current state of every key, and which key changed at which revision.
//!
//! The state is a persistent map: each commit publishes a new [`Snapshot`] that shares all but the changed
//! nodes with the one before, and readers hold whichever they loaded for as long as they like. The history
//! holds no values; those are read back from the log.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;

use crate::embedded::record::{Expiry, Record};
use crate::{Error, KeyValue};

/// The revision of an empty store, as etcd's: the first write is revision 2.
pub(super) const FIRST_REVISION: u64 = 1;

/// A key's current state.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) value: Bytes,
    pub(super) revision: u64,
}

impl Current {
    pub(super) fn with_key(&self, key: &Arc<str>) -> KeyValue {
        KeyValue { key: Arc::clone(key), value: self.value.clone(), revision: self.revision }
    }
}

/// Every key's state as of one revision.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) revision: u64,
    pub(super) keys: OrdMap<Arc<str>, Current>,
}

impl Snapshot {
    pub(super) fn get(&self, key: &str) -> Option<KeyValue> {
        self.keys.get_key_value(key).map(|(key, current)| current.with_key(key))
    }

    /// The keys that start with `prefix`, from `start` on.
    pub(super) fn range<'a>(
        &'a self,
        prefix: &'a str,
        start: &str,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Current)> {
        let from = if start > prefix { start } else { prefix };
        self.keys
            .range::<_, str>((Bound::Included(from), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Makes a record's change; the state before it.
    pub(super) fn apply(&mut self, revision: u64, record: &Record) -> Option<Current> {
        self.revision = revision;
        match &record.value {
            Some(value) => {
                let current = Current { value: value.clone(), revision };
                self.keys.insert(Arc::clone(&record.key), current)
            }
            None => self.keys.remove(&*record.key),
        }
    }
}

/// One revision's change, without its value.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) key: Arc<str>,
    /// The revision of the key's state before; 0 where it was absent.
    pub(super) previous: u64,
    pub(super) deleted: bool,
}

/// The changes of every revision after the compacted one, in order and without a gap.
#[derive(Debug)]
pub(super) struct History {
    compacted: u64,
    /// The revision of the first change held.
    first: u64,
    changes: VecDeque<Change>,
}

/// A key's state at an older revision: 0 for absent, else the revision of the record that holds it.
pub(super) type Older = BTreeMap<Arc<str>, u64>;

impl History {
    pub(super) fn new(compacted: u64) -> Self {
        Self { compacted, first: compacted.max(FIRST_REVISION) + 1, changes: VecDeque::new() }
    }

    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    /// The revision that the next change must have.
    pub(super) fn next(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    pub(super) fn push(&mut self, record: &Record) {
        self.changes.push_back(Change {
            key: Arc::clone(&record.key),
            previous: record.previous,
            deleted: record.value.is_none(),
        });
    }

    /// Refuses a revision before the compacted one.
    pub(super) fn check(&self, revision: u64) -> Result<(), Error> {
        if revision < self.compacted { Err(Error::Compacted { oldest: self.compacted }) } else { Ok(()) }
    }

    /// The changes of the revisions in `(after, until]`.
    ///
    /// # Errors
    /// `Compacted`.
    pub(super) fn between(
        &self,
        after: u64,
        until: u64,
    ) -> Result<impl Iterator<Item = (u64, &Change)>, Error> {
        self.check(after)?;
        let skip = usize::try_from((after + 1).saturating_sub(self.first)).unwrap_or(usize::MAX);
        let changes = self.changes.range(skip.min(self.changes.len())..);
        let first = self.first.max(after + 1);
        Ok((first..).zip(changes).take_while(move |(revision, _)| *revision <= until))
    }

    /// The keys under `prefix` that changed in `(revision, until]`, each as it was at `revision`.
    ///
    /// # Errors
    /// `Compacted`.
    pub(super) fn undo(&self, prefix: &str, revision: u64, until: u64) -> Result<Older, Error> {
        let mut older = Older::new();
        for (_, change) in self.between(revision, until)? {
            if change.key.starts_with(prefix) {
                older.entry(Arc::clone(&change.key)).or_insert(change.previous);
            }
        }
        Ok(older)
    }

    /// Forgets the changes up to and including `revision`, and returns the revisions whose records nothing
    /// needs any more: in an order in which a key's deletion never goes before the states that it ended.
    pub(super) fn compact(&mut self, revision: u64) -> Vec<u64> {
        let mut unneeded = Vec::new();
        while self.first <= revision {
            let Some(change) = self.changes.pop_front() else { break };
            garbage_of(&change, self.first, &mut unneeded);
            self.first += 1;
        }
        self.compacted = self.compacted.max(revision);
        unneeded
    }
}

/// The records that a change makes unneeded once no revision before it can be read.
pub(super) fn garbage_of(change: &Change, revision: u64, unneeded: &mut Vec<u64>) {
    if change.previous != 0 {
        unneeded.push(change.previous);
    }
    if change.deleted {
        unneeded.push(revision);
    }
}

/// What the log says, as it is kept in memory.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    pub(super) history: History,
    /// Records that a compaction had not removed yet.
    pub(super) garbage: Vec<u64>,
    /// The ends of the keys that have one.
    pub(super) expiries: Vec<(Arc<str>, u64, Expiry)>,
}

/// Builds the memory's content from the log's records in order of their revisions.
///
/// # Errors
/// `Corrupt` where a revision after the compacted one is missing or does not follow from the one before, and
/// what the iterator fails with.
pub(super) fn load(
    compacted: u64,
    records: impl Iterator<Item = Result<(u64, Record), Error>>,
) -> Result<Loaded, Error> {
    let mut snapshot = Snapshot { revision: compacted.max(FIRST_REVISION), keys: OrdMap::new() };
    let mut history = History::new(compacted);
    let mut garbage = Vec::new();
    let mut expiries = BTreeMap::new();
    for item in records {
        let (revision, mut record) = item?;
        let mut revision_before = 0;
        if let Some((key, current)) = snapshot.keys.get_key_value(&record.key) {
            record.key = Arc::clone(key);
            revision_before = current.revision;
        }
        if revision <= compacted {
            let change = Change {
                key: Arc::clone(&record.key),
                previous: revision_before,
                deleted: record.value.is_none(),
            };
            garbage_of(&change, revision, &mut garbage);
        } else {
            let expected = history.next();
            if revision != expected {
                return Err(Error::Corrupt(format!("revision {expected} is missing, {revision} follows")));
            }
            if record.previous != revision_before {
                let key = &record.key;
                return Err(Error::Corrupt(format!(
                    "revision {revision} of {key} follows {}, but {revision_before} is there",
                    record.previous
                )));
            }
            history.push(&record);
        }
        match record.expiry {
            Some(expiry) => drop(expiries.insert(Arc::clone(&record.key), (revision, expiry))),
            None => drop(expiries.remove(&record.key)),
        }
        snapshot.apply(revision, &record);
    }
    snapshot.revision = history.next() - 1;
    let expiries = expiries.into_iter().map(|(key, (revision, expiry))| (key, revision, expiry)).collect();
    Ok(Loaded { snapshot, history, garbage, expiries })
}
