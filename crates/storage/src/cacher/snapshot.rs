//! All objects of a resource as of one revision.
//!
//! A persistent map: a later snapshot shares with the one before all but what changed, and whoever holds one
//! reads it as long as they like, without a lock.

use std::borrow::Cow;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use crate::cacher::event::{CacheEvent, Values};
use crate::{Error, Event, KeyValue};

/// Reads the value that objects are indexed by, such as a pod's node. It is asked for each state again, and must
/// say the same of the same bytes.
#[derive(Clone)]
pub struct Index(Arc<IndexFunction>);

type IndexFunction = dyn for<'a> Fn(&'a KeyValue) -> Cow<'a, str> + Send + Sync;

impl Index {
    /// An index by what `value` says.
    pub fn new(value: impl for<'a> Fn(&'a KeyValue) -> Cow<'a, str> + Send + Sync + 'static) -> Self {
        Self(Arc::new(value))
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Index")
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    revision: u64,
    keys: OrdMap<Arc<str>, KeyValue>,
    /// The keys by value; `None` where nothing is indexed.
    index: Option<ByValue>,
}

#[derive(Clone, Debug)]
struct ByValue {
    function: Index,
    /// Value, then key.
    keys: OrdSet<(Arc<str>, Arc<str>)>,
    /// The key before all others.
    first: Arc<str>,
}

impl Snapshot {
    /// Nothing, as of no revision.
    pub(super) fn new(index: Option<Index>) -> Self {
        let index = index.map(|function| ByValue { function, keys: OrdSet::new(), first: "".into() });
        Self { revision: 0, keys: OrdMap::new(), index }
    }

    /// All that happened to the resource up to and including this revision is in it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// One object.
    pub fn get(&self, key: &str) -> Option<&KeyValue> {
        self.keys.get(key)
    }

    /// The objects whose keys start with `prefix`, from the key `start` on, in key order.
    pub fn range<'a>(&'a self, prefix: &'a str, start: &str) -> impl Iterator<Item = &'a KeyValue> + use<'a> {
        let from = if start > prefix { start } else { prefix };
        self.keys
            .range::<_, str>((Bound::Included(from), Bound::Unbounded))
            .map(|(_, state)| state)
            .take_while(move |state| state.key.starts_with(prefix))
    }

    /// Whether objects can be had by their index value.
    pub fn has_index(&self) -> bool {
        self.index.is_some()
    }

    /// The objects of this index value whose keys start with `prefix`, from the key `start` on, in key order.
    /// None where nothing is indexed.
    pub fn by_index<'a>(
        &'a self,
        value: &str,
        prefix: &'a str,
        start: &str,
    ) -> impl Iterator<Item = &'a KeyValue> + use<'a> {
        let from = if start > prefix { start } else { prefix };
        let value: Arc<str> = value.into();
        let first: (Arc<str>, Arc<str>) = (Arc::clone(&value), from.into());
        self.index
            .iter()
            .flat_map(move |index| index.keys.range((Bound::Included(first.clone()), Bound::Unbounded)))
            .take_while(move |(other, key)| *other == value && key.starts_with(prefix))
            .filter_map(|(_, key)| self.keys.get(key))
    }

    /// Puts an object that was listed in.
    pub(super) fn insert(&mut self, state: KeyValue) {
        self.set(state);
    }

    /// Says up to when it is complete.
    pub(super) fn advance(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// Makes the change that `event` tells of, and returns it as it is shared. It holds the key and the state
    /// before that are here already, so that nothing is in memory twice.
    ///
    /// # Errors
    /// `Corrupt` where the state before is not the one that is here: something was missed.
    pub(super) fn apply(&mut self, event: Event) -> Result<CacheEvent, Error> {
        let (revision, key, now, was) = match event {
            Event::Put { now, before } => (now.revision, Arc::clone(&now.key), Some(now), before),
            Event::Delete { before, revision } => (revision, Arc::clone(&before.key), None, Some(before)),
            Event::Progress { .. } => return Err(Error::Corrupt("progress changes no key".to_owned())),
        };
        let here = self.keys.get(&*key);
        if here.map(|state| state.revision) != was.as_ref().map(|state| state.revision) {
            return Err(Error::Corrupt(format!(
                "revision {revision} of {key} follows revision {:?}, but the cache holds {:?}",
                was.map(|state| state.revision),
                here.map(|state| state.revision)
            )));
        }
        let key = here.map_or(key, |state| Arc::clone(&state.key));
        let now = now.map(|now| KeyValue { key: Arc::clone(&key), ..now });
        let (before, values) = match &now {
            Some(now) => {
                let before = here.cloned();
                let values = self.set(now.clone());
                (before, values)
            }
            None => self.remove(&key),
        };
        self.advance(revision);
        Ok(CacheEvent::indexed(revision, now, before, values))
    }

    /// The event of the past that `event` tells of: nothing is changed.
    pub(super) fn past(&self, event: Event) -> Option<CacheEvent> {
        let (revision, now, before) = match event {
            Event::Put { now, before } => (now.revision, Some(now), before),
            Event::Delete { before, revision } => (revision, None, Some(before)),
            Event::Progress { .. } => return None,
        };
        // What is the state still is not held twice.
        let now = now.map(|now| match self.keys.get(&*now.key) {
            Some(here) if here.revision == now.revision => here.clone(),
            _ => now,
        });
        let values = Values {
            now: now.as_ref().and_then(|state| self.value_of(state)),
            before: before.as_ref().and_then(|state| self.value_of(state)),
        };
        Some(CacheEvent::indexed(revision, now, before, values))
    }

    /// As it was at `revision`: what the events since did is undone, the newest first.
    pub(super) fn undone<'a>(
        &self,
        revision: u64,
        newest_first: impl Iterator<Item = &'a Arc<CacheEvent>>,
    ) -> Self {
        let mut past = self.clone();
        for event in newest_first {
            match (&event.before, event.key()) {
                (Some(before), _) => drop(past.set(before.clone())),
                (None, Some(key)) => drop(past.remove(&Arc::clone(key))),
                (None, None) => {}
            }
        }
        past.revision = revision;
        past
    }

    fn set(&mut self, state: KeyValue) -> Values {
        let value = self.value_of(&state);
        let key = Arc::clone(&state.key);
        let before = self.keys.insert(Arc::clone(&key), state);
        let before = before.and_then(|before| self.value_of(&before));
        if let Some(index) = &mut self.index
            && before != value
        {
            if let Some(before) = &before {
                index.keys.remove(&(Arc::clone(before), Arc::clone(&key)));
            }
            if let Some(value) = &value {
                index.keys.insert((Arc::clone(value), key));
            }
        }
        Values { now: value, before }
    }

    fn remove(&mut self, key: &Arc<str>) -> (Option<KeyValue>, Values) {
        let before = self.keys.remove(&**key);
        let value = before.as_ref().and_then(|before| self.value_of(before));
        if let (Some(index), Some(value)) = (&mut self.index, &value) {
            index.keys.remove(&(Arc::clone(value), Arc::clone(key)));
        }
        (before, Values { now: None, before: value })
    }

    /// The index's value of a state; the text is shared with other keys of that value.
    fn value_of(&self, state: &KeyValue) -> Option<Arc<str>> {
        let index = self.index.as_ref()?;
        let value = (index.function.0)(state);
        let probe: (Arc<str>, Arc<str>) = (value.as_ref().into(), Arc::clone(&index.first));
        match index.keys.get_next(&probe) {
            Some((known, _)) if *known == probe.0 => Some(Arc::clone(known)),
            _ => Some(probe.0),
        }
    }
}
