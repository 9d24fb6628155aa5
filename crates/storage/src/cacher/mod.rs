//! The watch cache of one resource: all its objects, each once, encoded as storage has them, what happened to them
//! lately, and who watches them.
//!
//! A cacher stands between the registry and any [`Storage`]. Its task lists the resource once, when the first read
//! wants it, and then follows one watch; reads and watches of clients cost storage nothing but, for those that
//! must see what was written before them, the question for its current revision.
//!
//! - `snapshot`: all objects as of one revision, and the index
//! - `ring`: the recent events, and `budget`: how many bytes of them several cachers have together
//! - `watchers`, `watch`: who watches, and one watch
//! - `event`: what watchers share, with the bytes made of it
//! - `pins`: snapshots of paged lists
//! - `run`: the task
//!
//! # Invariants
//! - A published snapshot holds every event of its resource up to and including its revision, and none after.
//!   Revisions only rise, and none is published in part.
//! - Ring, snapshot and hub change under one lock, so that a watch that joins at a revision gets every event after
//!   it once. Readers of snapshots take no lock.
//! - Nobody waits for a watcher: one that does not read is ended and counted.
//! - Everything is bounded: the ring by age, count and bytes, all rings together by bytes, queues by count and bytes, encodings to the newest
//!   events, pinned snapshots in number and time.
//! - No event is made up. Where the history is lost, watchers are told to list again.
//!
//! It must not know what the values are.

mod budget;
mod event;
mod pins;
mod ring;
mod run;
mod snapshot;
mod watch;
mod watchers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keelson_base::clock;
use keelson_base::metrics::Histogram;
use keelson_base::shutdown::Shutdown;
use keelson_base::task::{TaskGroup, Unfinished};
use parking_lot::Mutex;
use tokio::sync::watch as state;

pub use self::budget::{Budget, Budgets};
pub use self::event::{CacheEvent, EncodingKey, Encodings};
use self::pins::Pins;
use self::ring::Ring;
pub use self::ring::{RingBounds, TooOld};
pub use self::snapshot::{Index, Snapshot};
pub use self::watch::CacheWatch;
use self::watchers::Hub;
pub use self::watchers::{QueueBounds, Scope};
use crate::{Error, Storage};

/// How long a read waits for the first listing before it goes to storage itself.
const INITIALISATION_WAIT: Duration = Duration::from_secs(10);
/// How long a read waits for a revision.
const REVISION_WAIT: Duration = Duration::from_secs(3);
/// How often storage is asked again how far the watch is while a read waits.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// More events than this are not undone for one read: storage is asked instead.
const MOST_UNDONE: usize = 20_000;

/// What a cacher holds.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the keys of the resource start with, with a slash at its end: `pods/`.
    pub prefix: String,
    /// By what objects are found besides their keys; `None` for nothing.
    pub index: Option<Index>,
    /// How much of the past is kept.
    pub ring: RingBounds,
    /// How much of the past is kept together with other cachers, which have clones of this.
    pub budgets: Budgets,
    /// How much may wait for one watcher.
    pub queue: QueueBounds,
    /// Takes how long reads waited until the cache was as new as they need, in seconds.
    pub read_waits: Option<Histogram>,
}

impl Options {
    /// The defaults for a prefix, without an index, and budgets that are shared with nobody.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            index: None,
            ring: RingBounds::default(),
            budgets: Budgets::default(),
            queue: QueueBounds::default(),
            read_waits: None,
        }
    }
}

/// The cache of one resource. Nothing is read before the first read or watch wants it.
pub struct Cacher {
    shared: Arc<Shared>,
    started: AtomicBool,
    tasks: TaskGroup,
    shutdown: Shutdown,
}

/// Why a read can't be answered from the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The cache is not there (yet): storage is to be asked.
    NotReady,
    /// The revision did not come in time.
    Behind {
        /// How far the cache is.
        revision: u64,
    },
}

/// What a cacher counted since it was made, and how it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that came from storage, those of the past included.
    pub received: u64,
    /// Events that were handed to the watchers they concern.
    pub dispatched: u64,
    /// How often the resource was listed.
    pub initialisations: u64,
    /// Watchers that were ended as they did not read.
    pub terminated: u64,
    /// Reads of the current state that were answered here.
    pub consistent: u64,
    /// Reads of the current state that went to storage as the cache could not answer in time.
    pub fallbacks: u64,
    /// The revision of the snapshot; 0 before the first.
    pub revision: u64,
    /// Events that the ring has room for now.
    pub capacity: u64,
    /// How often the ring grew.
    pub grown: u64,
    /// How often the ring shrank.
    pub shrunk: u64,
    /// Watchers that are live.
    pub watchers: u64,
}

#[derive(Default)]
struct Counters {
    received: AtomicU64,
    dispatched: AtomicU64,
    initialisations: AtomicU64,
    terminated: AtomicU64,
    consistent: AtomicU64,
    fallbacks: AtomicU64,
    grown: AtomicU64,
    shrunk: AtomicU64,
}

/// What the cacher, its task and its watches share.
struct Shared {
    storage: Arc<dyn Storage>,
    prefix: Arc<str>,
    index: Option<Index>,
    bounds: RingBounds,
    budgets: Budgets,
    /// `None` before the first listing.
    snapshot: ArcSwapOption<Snapshot>,
    live: Mutex<Live>,
    /// The revision up to which every event was put into the queues that it concerns.
    dispatched: AtomicU64,
    standing: state::Sender<Standing>,
    pins: Pins,
    counters: Counters,
    read_waits: Option<Histogram>,
}

/// What changes together.
struct Live {
    ring: Ring,
    hub: Hub,
    closed: bool,
}

/// What readers wait for.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    /// The snapshot's revision; 0 before the first.
    revision: u64,
    /// The last try to list or watch failed.
    failing: bool,
}

impl Cacher {
    /// A cacher over `storage` that does nothing yet.
    pub fn new(storage: Arc<dyn Storage>, options: Options) -> Self {
        let Options { prefix, index, ring, budgets, queue, read_waits } = options;
        let live = Live { ring: Ring::new(ring, &budgets, 0), hub: Hub::new(queue), closed: false };
        let shared = Arc::new(Shared {
            storage,
            prefix: prefix.into(),
            index,
            bounds: ring,
            budgets,
            snapshot: ArcSwapOption::empty(),
            live: Mutex::new(live),
            dispatched: AtomicU64::new(0),
            standing: state::Sender::new(Standing::default()),
            pins: Pins::default(),
            counters: Counters::default(),
            read_waits,
        });
        Self { shared, started: AtomicBool::new(false), tasks: TaskGroup::new(), shutdown: Shutdown::new() }
    }

    /// Begins to list and watch, where that has not begun. Outside a tokio runtime it panics.
    fn start(&self) {
        if !self.shutdown.signal().has_begun() && !self.started.swap(true, Ordering::Relaxed) {
            self.tasks.spawn("cacher", run::run(Arc::clone(&self.shared), self.shutdown.signal()));
        }
    }

    /// Whether it was begun and has nothing yet.
    pub fn begins(&self) -> bool {
        self.started.load(Ordering::Relaxed) && self.shared.revision() == 0
    }

    /// What the cache has, however old; of an idle cache, nothing is begun for it.
    pub fn peek(&self) -> Option<Arc<Snapshot>> {
        self.shared.snapshot.load_full()
    }

    /// What the cache has, once it has anything: any state that was true, no older than one that was seen here
    /// before. Cancel safe.
    ///
    /// # Errors
    /// `NotReady` where the first listing fails or takes more than ten seconds.
    pub async fn any(&self) -> Result<Arc<Snapshot>, Unanswered> {
        if let Some(snapshot) = self.shared.snapshot.load_full() {
            return Ok(snapshot);
        }
        self.start();
        if self.shutdown.signal().has_begun() {
            return Err(Unanswered::NotReady);
        }
        let mut standing = self.shared.standing.subscribe();
        let wait = standing.wait_for(|standing| standing.revision > 0 || standing.failing);
        // In time or not, what is there counts.
        let _ = tokio::time::timeout(INITIALISATION_WAIT, wait).await;
        self.shared.snapshot.load_full().ok_or(Unanswered::NotReady)
    }

    /// A state that has everything that was acknowledged before the call. Cancel safe.
    ///
    /// # Errors
    /// Where storage can't tell progress, does not say its revision, or the cache does not reach it within three
    /// seconds: the read belongs to storage then.
    pub async fn consistent(&self) -> Result<Arc<Snapshot>, Unanswered> {
        let read = self.read_consistently().await;
        let counters = &self.shared.counters;
        let counter = if read.is_ok() { &counters.consistent } else { &counters.fallbacks };
        counter.fetch_add(1, Ordering::Relaxed);
        read
    }

    async fn read_consistently(&self) -> Result<Arc<Snapshot>, Unanswered> {
        if !self.shared.storage.supports_progress() {
            return Err(Unanswered::NotReady);
        }
        // Before the first listing: that one has it then, and the watch, which etcd lags by up to 100 ms when it is
        // opened in the past, need not be waited for.
        let revision = self.shared.storage.current_revision().await.map_err(|_| Unanswered::NotReady)?;
        self.any().await?;
        self.reach(revision, true).await
    }

    /// A state no older than `revision`, which may not have happened yet. Cancel safe.
    ///
    /// # Errors
    /// `Behind` where it does not come within three seconds, `NotReady` as of [`Cacher::any`].
    pub async fn not_older_than(&self, revision: u64) -> Result<Arc<Snapshot>, Unanswered> {
        self.any().await?;
        self.reach(revision, false).await
    }

    /// Waits for a revision; `happened` says that storage has it.
    async fn reach(&self, revision: u64, happened: bool) -> Result<Arc<Snapshot>, Unanswered> {
        let begun = clock::monotonic();
        let reached = self.reach_in_time(revision, happened).await;
        if let Some(waits) = &self.shared.read_waits {
            waits.observe((clock::monotonic() - begun).as_secs_f64());
        }
        reached
    }

    async fn reach_in_time(&self, revision: u64, mut happened: bool) -> Result<Arc<Snapshot>, Unanswered> {
        let shared = &self.shared;
        let deadline = clock::monotonic() + REVISION_WAIT;
        let mut standing = shared.standing.subscribe();
        loop {
            let snapshot = shared.snapshot.load_full().ok_or(Unanswered::NotReady)?;
            if snapshot.revision() >= revision {
                return Ok(snapshot);
            }
            if standing.borrow().failing && happened {
                return Err(Unanswered::NotReady);
            }
            if clock::monotonic() >= deadline {
                return Err(Unanswered::Behind { revision: snapshot.revision() });
            }
            if shared.storage.supports_progress() {
                happened = happened
                    || shared.storage.current_revision().await.is_ok_and(|current| current >= revision);
                if happened {
                    // That it can't be asked shows in that it does not come.
                    let _ = shared.storage.request_progress(&shared.prefix, revision).await;
                }
            }
            let again = deadline.min(clock::monotonic() + ASK_AGAIN);
            let wait = standing.wait_for(|standing| standing.revision >= revision);
            let _ = tokio::time::timeout_at(again, wait).await;
        }
    }

    /// The state at exactly this revision. Cancel safe.
    ///
    /// `None` where the cache can't tell: storage is to be asked, which also knows whether the revision is gone or
    /// has not happened.
    pub async fn at(&self, revision: u64) -> Option<Arc<Snapshot>> {
        let snapshot = self.any().await.ok()?;
        if revision > snapshot.revision() {
            if revision > self.shared.storage.current_revision().await.ok()? {
                return None;
            }
            self.reach(revision, true).await.ok()?;
        }
        self.shared.at(revision)
    }

    /// Keeps a snapshot for [`Cacher::at`]: for about 75 seconds after it was last asked for, where not too many
    /// others are.
    pub fn pin(&self, snapshot: &Arc<Snapshot>) {
        self.shared.pins.pin(snapshot);
    }

    /// What happens in `scope` after `revision`, which is a state that the caller knows. Cancel safe.
    ///
    /// # Errors
    /// The revision from which on the cache knows what happened; `None` where it is not there.
    pub async fn watch(&self, scope: Scope, revision: u64) -> Result<CacheWatch, Option<TooOld>> {
        self.any().await.map_err(|_| None)?;
        self.watch_now(scope, revision)
    }

    /// As [`Cacher::watch`], of a cache that is there already.
    ///
    /// # Errors
    /// As of [`Cacher::watch`].
    pub fn watch_now(&self, scope: Scope, revision: u64) -> Result<CacheWatch, Option<TooOld>> {
        if self.shared.revision() == 0 {
            return Err(None);
        }
        CacheWatch::open(Arc::clone(&self.shared), scope, revision).map_err(Some)
    }

    /// How it stands.
    pub fn counts(&self) -> Counts {
        let Counters {
            received,
            dispatched,
            initialisations,
            terminated,
            consistent,
            fallbacks,
            grown,
            shrunk,
        } = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let live = self.shared.live.lock();
        Counts {
            received: read(received),
            dispatched: read(dispatched),
            initialisations: read(initialisations),
            terminated: read(terminated),
            consistent: read(consistent),
            fallbacks: read(fallbacks),
            revision: self.shared.revision(),
            capacity: live.ring.capacity() as u64,
            grown: read(grown),
            shrunk: read(shrunk),
            watchers: live.hub.count() as u64,
        }
    }

    /// Ends its task and the watches. What was read stays readable.
    ///
    /// # Errors
    /// Where that takes more than ten seconds.
    pub async fn close(&self) -> Result<(), Unfinished> {
        self.shutdown.begin();
        self.shared.close();
        self.tasks.wait(Duration::from_secs(10)).await
    }
}

impl Drop for Cacher {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

impl std::fmt::Debug for Cacher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Cacher").field("prefix", &self.shared.prefix).finish_non_exhaustive()
    }
}

impl Shared {
    /// The snapshot's revision; 0 before the first.
    fn revision(&self) -> u64 {
        self.snapshot.load().as_ref().map_or(0, |snapshot| snapshot.revision())
    }

    fn past(&self, after: u64) -> run::Past {
        run::Past { after, ring: Ring::new(self.bounds, &self.budgets, after) }
    }

    fn set_failing(&self, failing: bool) {
        self.standing
            .send_if_modified(|standing| std::mem::replace(&mut standing.failing, failing) != failing);
    }

    /// Puts a listed state in the place of what is there, of which it need not follow.
    fn replace(&self, snapshot: Snapshot) {
        let revision = snapshot.revision();
        self.counters.initialisations.fetch_add(1, Ordering::Relaxed);
        {
            let mut live = self.live.lock();
            live.ring = Ring::new(self.bounds, &self.budgets, revision);
            self.snapshot.store(Some(Arc::new(snapshot)));
            live.hub.end_all(Some(&Error::Compacted { oldest: revision }));
            self.dispatched.store(revision, Ordering::Release);
        }
        self.standing.send_replace(Standing { revision, failing: false });
    }

    /// Makes `next` the state, of which `events` tell; `past` goes into the ring in front.
    fn publish(&self, next: Snapshot, events: Vec<Arc<CacheEvent>>, past: Option<Ring>) {
        let (revision, now) = (next.revision(), clock::monotonic());
        let mut terminated = 0;
        {
            let mut live = self.live.lock();
            let Live { ring, hub, .. } = &mut *live;
            let room = ring.capacity();
            if let Some(past) = past {
                ring.prepend(past);
            }
            events.iter().for_each(|event| ring.push(Arc::clone(event), now));
            ring.trim(now);
            match ring.capacity().cmp(&room) {
                std::cmp::Ordering::Greater => self.counters.grown.fetch_add(1, Ordering::Relaxed),
                std::cmp::Ordering::Less => self.counters.shrunk.fetch_add(1, Ordering::Relaxed),
                std::cmp::Ordering::Equal => 0,
            };
            self.snapshot.store(Some(Arc::new(next)));
            events.iter().for_each(|event| terminated += hub.dispatch(event));
            self.dispatched.store(revision, Ordering::Release);
        }
        self.counters.dispatched.fetch_add(events.len() as u64, Ordering::Relaxed);
        self.counters.terminated.fetch_add(terminated, Ordering::Relaxed);
        self.pins.sweep(now);
        self.standing.send_modify(|standing| standing.revision = revision);
    }

    /// The state at a revision that the snapshot has reached.
    fn at(&self, revision: u64) -> Option<Arc<Snapshot>> {
        let (snapshot, since) = {
            // The ring and the snapshot of one moment.
            let live = self.live.lock();
            let snapshot = self.snapshot.load_full()?;
            if snapshot.revision() == revision {
                return Some(snapshot);
            }
            if let Some(pinned) = self.pins.at(revision) {
                return Some(pinned);
            }
            let since = live.ring.after(revision).ok()?;
            if since.len() > MOST_UNDONE {
                return None;
            }
            (snapshot, since.cloned().collect::<Vec<_>>())
        };
        Some(Arc::new(snapshot.undone(revision, since.iter().rev())))
    }

    fn close(&self) {
        let mut live = self.live.lock();
        live.closed = true;
        live.hub.end_all(None);
        drop(live);
        self.set_failing(true);
    }
}
