//! The history as a selector sees it: objects come when they begin to match and go when they cease to.

use std::collections::BTreeMap;

use crate::history::{Entry, History, State};
use crate::record::{Change, Event, Item};
use crate::selection::{Key, Selection};

/// The events that watches of a selection get, and the states that its lists show.
pub(crate) struct View<'a> {
    history: &'a History,
    selection: &'a Selection,
    keys: Vec<&'a Key>,
    /// Each with its revision, which a deletion's item has, too.
    pub(crate) events: Vec<(Change, Item)>,
}

impl<'a> View<'a> {
    /// The version from which on everything is there that the history begins with.
    pub(crate) fn begins(&self) -> u64 {
        self.history.begins()
    }

    pub(crate) fn new(history: &'a History, selection: &'a Selection) -> Self {
        let keys = history.keys().into_iter().filter(|key| key.kind == selection.kind).collect();
        let events = history.entries.iter().filter_map(|entry| event(entry, selection)).collect();
        View { history, selection, keys, events }
    }

    /// The items of a list at the revision, in its order.
    pub(crate) fn state(&self, revision: u64) -> Vec<Item> {
        let shown = |key: &&Key| {
            let state = self.history.at(key, revision)?;
            self.selection.matches(key, &state.facts).then(|| item(key, state, state.revision))
        };
        self.keys.iter().filter_map(shown).collect()
    }

    /// The events behind a revision.
    pub(crate) fn after(&self, revision: u64) -> &[(Change, Item)] {
        let past = self.events.partition_point(|(_, item)| item.revision <= revision);
        &self.events[past..]
    }

    /// What a watch with initial events is told if its state is that of `revision`: the state, then what
    /// happened.
    pub(crate) fn beginning_at(&self, revision: u64) -> impl Iterator<Item = Event> {
        let state = self.state(revision).into_iter().map(|item| Event::Object(Change::Added, item));
        let then = self.after(revision).iter();
        state.chain(then.map(|(change, item)| Event::Object(*change, item.clone())))
    }
}

/// The state that events leave behind.
pub(crate) fn replay<'e>(events: impl Iterator<Item = &'e Event>) -> BTreeMap<Key, Item> {
    let mut state = BTreeMap::new();
    for event in events {
        match event {
            Event::Object(Change::Deleted, item) => {
                state.remove(&item.key);
            }
            Event::Object(_, item) => {
                state.insert(item.key.clone(), item.clone());
            }
            Event::Bookmark { .. } => {}
        }
    }
    state
}

fn event(entry: &Entry, selection: &Selection) -> Option<(Change, Item)> {
    let selected = |state: &&State| selection.matches(&entry.key, &state.facts);
    let before = entry.before.as_ref().filter(selected);
    let after = entry.after.as_ref().filter(selected);
    let (change, state) = match (before, after) {
        (None, Some(after)) => (Change::Added, after),
        (Some(_), Some(after)) => (Change::Modified, after),
        // As it was, with the version of what ended it.
        (Some(before), None) => (Change::Deleted, before),
        (None, None) => return None,
    };
    Some((change, item(&entry.key, state, entry.revision)))
}

fn item(key: &Key, state: &State, revision: u64) -> Item {
    Item { key: key.clone(), revision, digest: state.digest }
}
