//! The live watches: the committer feeds them what it published, and tells them how far they are.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::Event;
use crate::delivery::Feed;

/// A live watch.
pub(super) struct Watcher {
    pub(super) prefix: Arc<str>,
    /// Only later events are its own.
    pub(super) after: u64,
    pub(super) feed: Feed,
}

/// See the module.
pub(super) struct Watchers {
    live: Mutex<Live>,
}

struct Live {
    watchers: Vec<Watcher>,
    /// Every event up to this revision was fed.
    fed: u64,
}

impl Watchers {
    /// Nobody yet, of a store at this revision.
    pub(super) fn new(fed: u64) -> Self {
        Self { live: Mutex::new(Live { watchers: Vec::new(), fed }) }
    }

    pub(super) fn add(&self, watcher: Watcher) {
        self.live.lock().watchers.push(watcher);
    }

    /// Hands on all events up to `revision`.
    pub(super) fn feed(&self, events: &[Event], revision: u64) {
        let mut live = self.live.lock();
        live.watchers.retain(|watcher| {
            let own = events.iter().filter(|event| {
                event.revision() > watcher.after
                    && event.key().is_some_and(|key| key.starts_with(&*watcher.prefix))
            });
            watcher.feed.push(own.cloned())
        });
        live.fed = revision;
    }

    /// Tells the watches of this prefix (all for `None`) how far they are, and returns that revision.
    pub(super) fn tell_progress(&self, prefix: Option<&str>) -> u64 {
        let mut live = self.live.lock();
        let fed = live.fed;
        live.watchers.retain(|watcher| !watcher.feed.is_abandoned());
        for watcher in live.watchers.iter().filter(|watcher| watcher.after <= fed) {
            if prefix.is_none_or(|prefix| *watcher.prefix == *prefix) {
                watcher.feed.repeat_progress(fed);
            }
        }
        fed
    }

    /// Ends all watches.
    pub(super) fn clear(&self) {
        self.live.lock().watchers.clear();
    }
}
