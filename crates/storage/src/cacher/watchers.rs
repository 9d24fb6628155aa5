//! Who watches what: an event finds the watchers that it concerns by its key's directories, its key and its index
//! values, and never looks at the others.
//!
//! A watcher has a queue that takes no memory while it is empty. One that is past its bounds is ended; nobody
//! waits for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::Error;
use crate::cacher::event::CacheEvent;

/// What a watch is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Keys that start with this; a directory, with a slash at its end, is found fastest.
    Prefix(Arc<str>),
    /// One key.
    Key(Arc<str>),
    /// Keys that start with the prefix and whose index value is or was this: an event that changes the value
    /// reaches the watchers of both.
    Index {
        /// The index value.
        value: Arc<str>,
        /// What keys start with; empty for all.
        prefix: Arc<str>,
    },
}

impl Scope {
    /// Whether an event is of its business.
    pub(super) fn holds(&self, event: &CacheEvent) -> bool {
        let Some(key) = event.key() else { return false };
        match self {
            Self::Prefix(prefix) => key.starts_with(&**prefix),
            Self::Key(only) => key == only,
            Self::Index { value, prefix } => {
                key.starts_with(&**prefix) && event.values.each().any(|other| other == value)
            }
        }
    }
}

/// What may wait for one watcher.
#[derive(Clone, Copy, Debug)]
pub struct QueueBounds {
    /// Events: 16,384 by default.
    pub events: usize,
    /// Bytes of their values: 64 MiB by default. Watchers share the events, so all queues together hold little
    /// more than one.
    pub bytes: usize,
}

impl Default for QueueBounds {
    fn default() -> Self {
        Self { events: 16_384, bytes: 64 << 20 }
    }
}

/// The queue of one watcher.
pub(super) struct Queue {
    scope: Scope,
    /// Only later events are for it.
    after: u64,
    /// Where it stands in the list of its scope; only the hub, under its lock, uses it.
    place: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: VecDeque<Arc<CacheEvent>>,
    bytes: usize,
    end: End,
    waker: Option<Waker>,
}

#[derive(Default)]
enum End {
    #[default]
    Open,
    /// The error is shown behind what waits; without one the stream just ends there.
    Ending(Option<Error>),
    Over,
}

impl Queue {
    pub(super) fn new(scope: Scope, after: u64) -> Self {
        Self { scope, after, place: AtomicUsize::new(0), state: Mutex::default() }
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Appends an event that is of its scope. False where that was too much: it is ended, and holds nothing.
    fn push(&self, event: &Arc<CacheEvent>, bounds: &QueueBounds) -> bool {
        if event.revision <= self.after {
            return true;
        }
        let mut state = self.state.lock();
        if !matches!(state.end, End::Open) {
            return true;
        }
        state.bytes += event.encoding_weight();
        let fits =
            state.events.is_empty() || (state.events.len() < bounds.events && state.bytes <= bounds.bytes);
        if fits {
            state.events.push_back(Arc::clone(event));
        } else {
            (state.events, state.bytes) = (VecDeque::new(), 0);
            state.end = End::Ending(None);
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        fits
    }

    /// Ends the stream behind what waits.
    fn end(&self, failure: Option<Error>) {
        let mut state = self.state.lock();
        if matches!(state.end, End::Open) {
            state.end = End::Ending(failure);
            let waker = state.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Arc<CacheEvent>, Error>>> {
        let mut state = self.state.lock();
        if let Some(event) = state.events.pop_front() {
            state.bytes -= event.encoding_weight();
            if state.events.is_empty() {
                state.events = VecDeque::new();
            }
            return Poll::Ready(Some(Ok(event)));
        }
        match std::mem::replace(&mut state.end, End::Over) {
            End::Over | End::Ending(None) => return Poll::Ready(None),
            End::Ending(Some(failure)) => return Poll::Ready(Some(Err(failure))),
            End::Open => state.end = End::Open,
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// Whether nothing waits and more may come.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.events.is_empty() && matches!(state.end, End::Open)
    }
}

/// The watchers of one resource.
#[derive(Default)]
pub(super) struct Hub {
    /// By directory: what a key starts with, up to and with a slash; or the empty prefix.
    directories: HashMap<Arc<str>, Vec<Arc<Queue>>>,
    /// Prefixes that are none: looked through for each event.
    other_prefixes: Vec<Arc<Queue>>,
    keys: HashMap<Arc<str>, Vec<Arc<Queue>>>,
    values: HashMap<Arc<str>, Vec<Arc<Queue>>>,
    bounds: QueueBounds,
    count: usize,
}

impl Hub {
    pub(super) fn new(bounds: QueueBounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// How many watchers there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn add(&mut self, queue: Arc<Queue>) {
        let list = match queue.scope() {
            Scope::Prefix(prefix) if is_directory(prefix) => {
                self.directories.entry(Arc::clone(prefix)).or_default()
            }
            Scope::Prefix(_) => &mut self.other_prefixes,
            Scope::Key(key) => self.keys.entry(Arc::clone(key)).or_default(),
            Scope::Index { value, .. } => self.values.entry(Arc::clone(value)).or_default(),
        };
        queue.place.store(list.len(), Ordering::Relaxed);
        list.push(queue);
        self.count += 1;
    }

    /// Takes a watcher out; one that is not in it is no error.
    pub(super) fn remove(&mut self, queue: &Arc<Queue>) {
        let removed = match queue.scope() {
            Scope::Prefix(prefix) if is_directory(prefix) => {
                remove_from(&mut self.directories, prefix, queue)
            }
            Scope::Prefix(_) => swap_out(&mut self.other_prefixes, queue),
            Scope::Key(key) => remove_from(&mut self.keys, key, queue),
            Scope::Index { value, .. } => remove_from(&mut self.values, value, queue),
        };
        self.count -= usize::from(removed);
    }

    /// Hands an event to those that it concerns, and returns how many were ended as they did not read.
    pub(super) fn dispatch(&mut self, event: &Arc<CacheEvent>) -> u64 {
        if self.count == 0 {
            return 0;
        }
        let Some(key) = event.key() else { return 0 };
        let bounds = &self.bounds;
        let mut slow = Vec::new();
        let mut offer = |queue: &Arc<Queue>| {
            if !queue.push(event, bounds) {
                slow.push(Arc::clone(queue));
            }
        };
        if !self.directories.is_empty() {
            let slashes = key.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at + 1);
            for end in std::iter::once(0).chain(slashes) {
                self.directories.get(&key[..end]).into_iter().flatten().for_each(&mut offer);
            }
        }
        let concerned = |queue: &&Arc<Queue>| queue.scope().holds(event);
        self.other_prefixes.iter().filter(concerned).for_each(&mut offer);
        if !self.keys.is_empty() {
            self.keys.get(key).into_iter().flatten().for_each(&mut offer);
        }
        if !self.values.is_empty() {
            for value in event.values.each() {
                self.values.get(value).into_iter().flatten().filter(concerned).for_each(&mut offer);
            }
        }
        slow.iter().for_each(|queue| self.remove(queue));
        slow.len() as u64
    }

    /// Ends all watchers behind what waits for them.
    pub(super) fn end_all(&mut self, failure: Option<&Error>) {
        let ended = std::mem::replace(self, Self::new(self.bounds));
        let lists = ended.directories.values().chain(ended.keys.values()).chain(ended.values.values());
        for queue in lists.flatten().chain(&ended.other_prefixes) {
            queue.end(failure.cloned());
        }
    }
}

fn is_directory(prefix: &str) -> bool {
    prefix.is_empty() || prefix.ends_with('/')
}

fn remove_from(lists: &mut HashMap<Arc<str>, Vec<Arc<Queue>>>, name: &str, queue: &Arc<Queue>) -> bool {
    let Some(list) = lists.get_mut(name) else { return false };
    let removed = swap_out(list, queue);
    if list.is_empty() {
        lists.remove(name);
    }
    removed
}

fn swap_out(list: &mut Vec<Arc<Queue>>, queue: &Arc<Queue>) -> bool {
    let place = queue.place.load(Ordering::Relaxed);
    if !list.get(place).is_some_and(|other| Arc::ptr_eq(other, queue)) {
        return false;
    }
    list.swap_remove(place);
    if let Some(moved) = list.get(place) {
        moved.place.store(place, Ordering::Relaxed);
    }
    true
}
