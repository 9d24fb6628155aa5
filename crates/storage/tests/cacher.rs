//! What the cacher promises, over the embedded store and over one whose watches fail as the tests say.

mod cached;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use keelson_base::task::TaskGroup;
use keelson_base::{clock, random};
use keelson_storage::cacher::{
    CacheEvent, CacheWatch, Cacher, Index, Options, QueueBounds, RingBounds, Scope, Snapshot, TooOld,
    Unanswered,
};
use keelson_storage::conformance::{self, Harness};
use keelson_storage::embedded::{self, Embedded};
use keelson_storage::{Error, KeyValue, ListRange, Page, Storage, Watch};

use crate::cached::Cached;

struct CachedHarness {
    directory: tempfile::TempDir,
    stores: tokio::sync::Mutex<(Arc<Embedded>, Arc<Cached>)>,
}

impl CachedHarness {
    async fn open(directory: &tempfile::TempDir) -> (Arc<Embedded>, Arc<Cached>) {
        let options = embedded::Options::new(directory.path().join("data"));
        let store = Embedded::open(options).await.expect("opened");
        (store.clone(), Cached::new(store))
    }
}

#[async_trait]
impl Harness for CachedHarness {
    async fn store(&self) -> Arc<dyn Storage> {
        self.stores.lock().await.1.clone()
    }

    async fn cut_connections(&self) {}

    async fn restart(&self) -> Arc<dyn Storage> {
        let mut stores = self.stores.lock().await;
        stores.0.close().await.expect("closed");
        *stores = Self::open(&self.directory).await;
        stores.1.clone()
    }

    fn restarts_quickly(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_store_conforms() {
    let directory = tempfile::tempdir().expect("a directory");
    let stores = tokio::sync::Mutex::new(CachedHarness::open(&directory).await);
    conformance::run(&CachedHarness { directory, stores }).await;
}

/// The embedded store, whose lists are counted and whose watches break when they are told to.
struct Fragile {
    inner: Arc<Embedded>,
    lists: AtomicU64,
    /// What every watch ends with from now on, new ones at once.
    breaking: Arc<tokio::sync::watch::Sender<Option<Error>>>,
    progress: AtomicBool,
    /// Something else is written behind each list.
    busy: AtomicBool,
    _directory: tempfile::TempDir,
}

impl Fragile {
    async fn open() -> Arc<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let options = embedded::Options::new(directory.path().join("data"));
        Arc::new(Self {
            inner: Embedded::open(options).await.expect("opened"),
            lists: AtomicU64::new(0),
            breaking: Arc::new(tokio::sync::watch::Sender::new(None)),
            progress: AtomicBool::new(true),
            busy: AtomicBool::new(false),
            _directory: directory,
        })
    }

    fn break_watches(&self, failure: Error) {
        self.breaking.send_replace(Some(failure));
    }

    fn mend(&self) {
        self.breaking.send_replace(None);
    }

    async fn put(&self, key: &str, value: &str) -> u64 {
        let value = Bytes::copy_from_slice(value.as_bytes());
        match self.get(key).await.expect("read") {
            None => self.create(key, value, None).await.expect("created"),
            Some(state) => self.update(key, state.revision, value, None).await.expect("updated"),
        }
    }

    async fn remove(&self, key: &str) -> u64 {
        let state = self.get(key).await.expect("read").expect("it is there");
        self.delete(key, state.revision).await.expect("deleted")
    }
}

#[async_trait]
impl Storage for Fragile {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error> {
        self.inner.get(key).await
    }

    async fn list(&self, range: &ListRange) -> Result<Page, Error> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        let page = self.inner.list(range).await?;
        if self.busy.load(Ordering::SeqCst) {
            self.put("nodes/n", "busy").await;
        }
        Ok(page)
    }

    async fn create(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<u64, Error> {
        self.inner.create(key, value, ttl).await
    }

    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error> {
        self.inner.update(key, expected, value, ttl).await
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error> {
        self.inner.delete(key, expected).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, Error> {
        self.inner.count(prefix).await
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        self.inner.current_revision().await
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error> {
        let mut broken = self.breaking.subscribe();
        if let Some(failure) = broken.borrow().clone() {
            return Err(failure);
        }
        let watch = self.inner.watch(prefix, after).await?;
        let failure = async move {
            let broken = broken.wait_for(Option::is_some).await.expect("the store is there");
            Err(broken.clone().expect("it is"))
        };
        let broken = futures::stream::once(failure).boxed();
        let over = std::cell::Cell::new(false);
        let items = futures::stream::select_with_strategy(broken, watch, |(): &mut ()| {
            futures::stream::PollNext::Left
        });
        Ok(items
            .take_while(move |item| {
                let done = over.replace(over.get() || item.is_err());
                futures::future::ready(!done)
            })
            .boxed())
    }

    async fn request_progress(&self, prefix: &str, revision: u64) -> Result<(), Error> {
        self.inner.request_progress(prefix, revision).await
    }

    fn supports_progress(&self) -> bool {
        self.progress.load(Ordering::SeqCst)
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn compact(&self, revision: u64) -> Result<(), Error> {
        self.inner.compact(revision).await
    }

    async fn run_compactor(&self, interval: Duration) {
        self.inner.run_compactor(interval).await;
    }

    async fn probe(&self) -> Result<(), Error> {
        self.inner.probe().await
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        self.inner.size_bytes().await
    }
}

/// Pods whose values begin with their node and a bar.
fn pods() -> Options {
    Options { index: Some(Index::new(node)), ..Options::new("pods/") }
}

fn node(state: &KeyValue) -> Cow<'_, str> {
    let end = state.value.iter().position(|byte| *byte == b'|').unwrap_or(0);
    String::from_utf8_lossy(&state.value[..end])
}

fn cacher(store: &Arc<Fragile>, options: Options) -> Cacher {
    Cacher::new(store.clone() as Arc<dyn Storage>, options)
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(30), future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within 30 seconds"),
    }
}

async fn next(watch: &mut CacheWatch) -> Option<Result<Arc<CacheEvent>, Error>> {
    in_time("an event", watch.next()).await
}

async fn event(watch: &mut CacheWatch) -> Arc<CacheEvent> {
    next(watch).await.expect("the watch is open").expect("an event")
}

fn all(prefix: &str) -> Scope {
    Scope::Prefix(prefix.into())
}

fn states(snapshot: &Snapshot) -> Vec<KeyValue> {
    snapshot.range("", "").cloned().collect()
}

async fn stored(store: &Fragile, revision: u64) -> Vec<KeyValue> {
    let range = ListRange { prefix: "pods/".to_owned(), revision, ..ListRange::default() };
    store.inner.list(&range).await.expect("a page").items
}

/// What a client knows that applies events to what it listed.
struct Replica(BTreeMap<Arc<str>, KeyValue>, u64);

impl Replica {
    fn of(snapshot: &Snapshot) -> Self {
        let states = snapshot.range("", "").map(|state| (state.key.clone(), state.clone()));
        Self(states.collect(), snapshot.revision())
    }

    fn apply(&mut self, event: &CacheEvent) {
        assert!(event.revision > self.1, "{event:?} after {}", self.1);
        self.1 = event.revision;
        let key = event.key().expect("a key").clone();
        let before = match &event.now {
            Some(now) => self.0.insert(key, now.clone()),
            None => self.0.remove(&key),
        };
        assert_eq!(before, event.before, "the state before revision {}", event.revision);
    }

    fn states(&self) -> Vec<KeyValue> {
        self.0.values().cloned().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_watchers_agree_with_the_store_under_writes() {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 150;
    let store = Fragile::open().await;
    for round in 0..20 {
        store.put(&format!("pods/ns{}/first{round}", round % 3), "n0|before").await;
    }
    let cacher = Arc::new(cacher(&store, pods()));
    // The listing comes before the writers, so that the past is what was written until here and nothing else.
    cacher.any().await.expect("the first listing");
    let acknowledged = Arc::new(AtomicU64::new(0));
    let tasks = TaskGroup::new();
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (store, acknowledged) = (store.clone(), acknowledged.clone());
        writers.push(tasks.spawn("writer", async move {
            for round in 0..ROUNDS {
                let below = |n| random::below(n);
                let key = format!("pods/ns{}/w{writer}-{}", below(3), below(6));
                let there = store.get(&key).await.expect("read").is_some();
                let revision = if there && below(3) == 0 {
                    store.remove(&key).await
                } else {
                    store.put(&key, &format!("n{}|{round}", below(4))).await
                };
                acknowledged.fetch_max(revision, Ordering::SeqCst);
                if round % 10 == 0 {
                    // Other resources move the revision, too.
                    store.put(&format!("nodes/w{writer}"), "x").await;
                }
            }
        }));
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for _ in 0..3 {
        let (store, cacher, acknowledged, done) =
            (store.clone(), cacher.clone(), acknowledged.clone(), done.clone());
        readers.push(tasks.spawn("reader", async move {
            let mut last = 0;
            while !done.load(Ordering::SeqCst) {
                let before = acknowledged.load(Ordering::SeqCst);
                let snapshot = cacher.consistent().await.expect("a consistent read");
                let revision = snapshot.revision();
                assert!(revision >= before.max(last), "{revision} after {before} and {last}");
                last = revision;
                assert_eq!(states(&snapshot), stored(&store, revision).await, "at {revision}");
                for node in ["n0", "n1", "n2", "n3", "n9"] {
                    let belongs = |state: &&KeyValue| state.value.starts_with(format!("{node}|").as_bytes());
                    let expected: Vec<_> = snapshot.range("pods/ns1/", "").filter(belongs).collect();
                    let found: Vec<_> = snapshot.by_index(node, "pods/ns1/", "").collect();
                    assert_eq!(found, expected, "{node}");
                }
                let past = revision - random::below(40).min(revision - 1);
                if past > 20 {
                    let shown = cacher.at(past).await.expect("the ring has it");
                    assert_eq!(shown.revision(), past);
                    assert_eq!(states(&shown), stored(&store, past).await, "at {past} from {revision}");
                }
            }
        }));
    }
    let mut watchers = Vec::new();
    for watcher in 0..4 {
        let (cacher, done) = (cacher.clone(), done.clone());
        watchers.push(tasks.spawn("watcher", async move {
            let snapshot = cacher.any().await.expect("a state");
            let mut replica = Replica::of(&snapshot);
            clock::sleep(Duration::from_millis(watcher * 5)).await;
            let mut watch = cacher.watch(all("pods/"), snapshot.revision()).await.expect("a watch");
            loop {
                match tokio::time::timeout(Duration::from_millis(20), watch.next()).await {
                    Ok(item) => {
                        let event = item.expect("open").expect("an event");
                        replica.apply(&event);
                    }
                    Err(_) if done.load(Ordering::SeqCst) => return replica,
                    Err(_) => {}
                }
                // No event that comes later may be of a revision that was said to be delivered.
                replica.1 = replica.1.max(watch.delivered().unwrap_or(0));
            }
        }));
    }
    for writer in writers {
        in_time("a writer", writer).await.expect("wrote");
    }
    let last = cacher.consistent().await.expect("the end");
    assert!(last.revision() >= acknowledged.load(Ordering::SeqCst));
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        in_time("a reader", reader).await.expect("read");
    }
    for watcher in watchers {
        assert_eq!(in_time("a watcher", watcher).await.expect("watched").states(), states(&last));
    }
    assert_eq!(states(&last), stored(&store, last.revision()).await);
    let counts = cacher.counts();
    assert_eq!((counts.initialisations, counts.terminated, counts.watchers), (1, 0, 0), "{counts:?}");
    assert_eq!(counts.received, counts.dispatched + 20, "the past goes to the ring alone: {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_of_an_index_value_see_exactly_its_transitions() {
    let store = Fragile::open().await;
    let start = store.put("pods/a/first", "n1|").await;
    let cacher = cacher(&store, pods());
    let scope = |value: &str, prefix: &str| Scope::Index { value: value.into(), prefix: prefix.into() };
    let mut first = cacher.watch(scope("n1", ""), start).await.expect("a watch");
    let mut second = cacher.watch(scope("n2", "pods/a/"), start).await.expect("a watch");
    let moved = store.put("pods/a/first", "n2|").await;
    let elsewhere = store.put("pods/b/other", "n2|").await;
    let back = store.put("pods/a/first", "n1|").await;
    let stayed = store.put("pods/a/first", "n1|changed").await;
    let gone = store.remove("pods/a/first").await;
    let marker = store.put("pods/a/marker", "n2|").await;
    let mut replayed = cacher.watch(scope("n1", ""), start).await.expect("a watch");
    for (name, watch, expected) in [
        ("live", &mut first, vec![moved, back, stayed, gone]),
        ("of the other value", &mut second, vec![moved, back, marker]),
        ("replayed", &mut replayed, vec![moved, back, stayed, gone]),
    ] {
        for revision in expected {
            assert_eq!(event(watch).await.revision, revision, "{name}");
        }
        cacher.consistent().await.expect("up to date");
        assert!(watch.next().now_or_never().is_none(), "{name}: nothing else, such as {elsewhere}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_see_their_own() {
    let store = Fragile::open().await;
    let start = store.put("pods/ns/a", "n|1").await;
    let cacher = cacher(&store, Options::new("pods/"));
    let scopes = [
        (all("pods/"), vec!["pods/ns/a", "pods/ns/ab", "pods/nsx/a", "pods/ns/a"]),
        (all("pods/ns/"), vec!["pods/ns/a", "pods/ns/ab", "pods/ns/a"]),
        (all("pods/ns"), vec!["pods/ns/a", "pods/ns/ab", "pods/nsx/a", "pods/ns/a"]),
        (all(""), vec!["pods/ns/a", "pods/ns/ab", "pods/nsx/a", "pods/ns/a"]),
        (Scope::Key("pods/ns/a".into()), vec!["pods/ns/a", "pods/ns/a"]),
        (Scope::Key("pods/ns/none".into()), vec![]),
    ];
    let mut watches = Vec::new();
    for (scope, _) in &scopes {
        watches.push(cacher.watch(scope.clone(), start).await.expect("a watch"));
    }
    assert_eq!(cacher.counts().watchers, scopes.len() as u64);
    for key in ["pods/ns/a", "pods/ns/ab", "pods/nsx/a"] {
        store.put(key, "n|2").await;
    }
    store.put("podsx/ns/a", "n|2").await;
    let last = store.remove("pods/ns/a").await;
    cacher.not_older_than(last).await.expect("it happened");
    for ((scope, expected), watch) in scopes.iter().zip(&mut watches) {
        let mut seen = Vec::new();
        while let Some(item) = watch.next().now_or_never() {
            seen.push(item.expect("open").expect("an event").key().expect("a key").to_string());
        }
        assert_eq!(seen, *expected, "{scope:?}");
        assert!(watch.delivered().expect("nothing waits") >= last);
    }
    watches.truncate(2);
    assert_eq!(cacher.counts().watchers, 2, "dropped watches leave");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_from_the_future_sees_only_what_is_behind_it() {
    let store = Fragile::open().await;
    let first = store.put("pods/ns/a", "n|1").await;
    let cacher = cacher(&store, Options::new("pods/"));
    let mut watch = cacher.watch(all("pods/"), first + 2).await.expect("a watch");
    store.put("pods/ns/a", "n|2").await;
    store.put("pods/ns/a", "n|3").await;
    let seen = store.put("pods/ns/a", "n|4").await;
    assert_eq!(event(&mut watch).await.revision, seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_does_not_read_is_ended_and_counted() {
    let store = Fragile::open().await;
    let start = store.put("pods/ns/a", "n|1").await;
    let options = Options {
        queue: QueueBounds { events: 3, ..QueueBounds::default() },
        ring: RingBounds { fewest: 1, age: Duration::ZERO, ..RingBounds::default() },
        ..Options::new("pods/")
    };
    let cacher = cacher(&store, options);
    let mut slow = cacher.watch(all("pods/"), start).await.expect("a watch");
    let mut quick = cacher.watch(all("pods/"), start).await.expect("a watch");
    for round in 0..6 {
        let written = store.put("pods/ns/a", &format!("n|{round}")).await;
        assert_eq!(event(&mut quick).await.revision, written);
    }
    assert!(next(&mut slow).await.is_none(), "ended without what it did not read");
    let counts = cacher.counts();
    assert_eq!((counts.terminated, counts.watchers), (1, 1), "{counts:?}");
    // One that catches up from the ring, and does not in time, has to list again.
    let store_now = store.put("pods/ns/b", "n|").await;
    cacher.not_older_than(store_now).await.expect("it happened");
    let refused = cacher.watch(all("pods/"), start).await.expect_err("too old");
    assert!(matches!(refused, Some(TooOld { oldest }) if oldest > start), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_first_reads_lists_once() {
    let store = Fragile::open().await;
    let last = store.put("pods/ns/a", "n|1").await;
    let cacher = Arc::new(cacher(&store, Options::new("pods/")));
    assert!(cacher.peek().is_none());
    let reads = (0..100).map(|round| {
        let cacher = &cacher;
        async move {
            match round % 4 {
                0 => cacher.any().await.expect("a state").revision(),
                1 => cacher.consistent().await.expect("a state").revision(),
                2 => cacher.not_older_than(last).await.expect("a state").revision(),
                _ => {
                    drop(cacher.watch(all("pods/"), last).await.expect("a watch"));
                    last
                }
            }
        }
    });
    assert!(futures::future::join_all(reads).await.into_iter().all(|revision| revision >= last));
    assert_eq!(store.lists.load(Ordering::SeqCst), 1);
    assert_eq!(cacher.counts().initialisations, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_begins_the_cache_needs_its_listing_alone() {
    let store = Fragile::open().await;
    let written = store.put("pods/ns/a", "n|1").await;
    store.busy.store(true, Ordering::SeqCst);
    store.break_watches(Error::Unavailable("on purpose".to_owned()));
    let cacher = cacher(&store, pods());
    let state = in_time("a state", cacher.consistent()).await.expect("what was there when it was asked");
    assert_eq!(state.revision(), written);
    assert!(store.current_revision().await.expect("read") > written, "the watch alone would tell of that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_come_from_before_the_start_find_where_they_were() {
    let store = Fragile::open().await;
    let mut written = Vec::new();
    for round in 0..700 {
        written.push(store.put(&format!("pods/ns/{}", round % 7), &format!("n|{round}")).await);
    }
    store.compact(written[99]).await.expect("compacted");
    let cacher = cacher(&store, pods());
    let snapshot = cacher.consistent().await.expect("a state");
    let opened = in_time("the past", async {
        loop {
            match cacher.watch(all("pods/"), written[99]).await {
                Ok(watch) => return watch,
                Err(_) => clock::sleep(Duration::from_millis(5)).await,
            }
        }
    });
    let mut watch = opened.await;
    for revision in &written[100..] {
        assert_eq!(event(&mut watch).await.revision, *revision);
    }
    assert!(watch.delivered() >= Some(snapshot.revision()));
    for at in [99, 100, 350, 698] {
        let shown = cacher.at(written[at]).await.expect("the ring has it");
        assert_eq!(states(&shown), stored(&store, written[at]).await, "at {}", written[at]);
    }
    assert!(cacher.at(written[98]).await.is_none(), "storage says that it is gone");
    assert!(cacher.watch(all("pods/"), written[98]).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_breaks_goes_on_without_a_gap() {
    let store = Fragile::open().await;
    let start = store.put("pods/ns/a", "n|1").await;
    let cacher = cacher(&store, pods());
    let mut watch = cacher.watch(all("pods/"), start).await.expect("a watch");
    let mut replica = Replica::of(&cacher.any().await.expect("a state"));
    for round in 0..5 {
        store.break_watches(Error::Unavailable("on purpose".to_owned()));
        let missed = store.put(&format!("pods/ns/{round}"), "n|1").await;
        let removed = store.remove(&format!("pods/ns/{round}")).await;
        store.mend();
        for expected in [missed, removed] {
            let event = event(&mut watch).await;
            assert_eq!(event.revision, expected);
            replica.apply(&event);
        }
    }
    let last = cacher.consistent().await.expect("up to date");
    assert_eq!(replica.states(), states(&last));
    assert_eq!(cacher.counts().initialisations, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_history_makes_watchers_list_again_and_loses_nothing() {
    let store = Fragile::open().await;
    let start = store.put("pods/ns/a", "n|1").await;
    store.put("pods/ns/gone", "n|1").await;
    let cacher = cacher(&store, pods());
    let before = cacher.consistent().await.expect("a state");
    let mut watch = cacher.watch(all("pods/"), before.revision()).await.expect("a watch");
    store.break_watches(Error::Unavailable("on purpose".to_owned()));
    let mut waiting = Box::pin(cacher.any());
    assert_eq!(in_time("a state", &mut waiting).await.expect("as it was").revision(), before.revision());
    store.remove("pods/ns/gone").await;
    store.put("pods/ns/new", "n|1").await;
    let last = store.put("pods/ns/a", "n|2").await;
    store.put("nodes/n", "x").await;
    let current = store.current_revision().await.expect("a revision");
    store.compact(current).await.expect("compacted");
    store.mend();
    match next(&mut watch).await {
        Some(Err(Error::Compacted { oldest })) => assert!(oldest >= last),
        other => panic!("{other:?}"),
    }
    assert!(next(&mut watch).await.is_none());
    let snapshot = cacher.consistent().await.expect("a state");
    assert_eq!(states(&snapshot), stored(&store, 0).await);
    assert!(cacher.at(start).await.is_none(), "what lies between is not known");
    let mut watch = cacher.watch(all("pods/"), snapshot.revision()).await.expect("a watch");
    let next = store.put("pods/ns/a", "n|3").await;
    assert_eq!(event(&mut watch).await.revision, next);
    assert_eq!(cacher.counts().initialisations, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_to_storage_while_the_cache_can_not_answer() {
    let store = Fragile::open().await;
    let first = store.put("pods/ns/a", "n|1").await;
    let cacher = cacher(&store, pods());
    store.break_watches(Error::Unavailable("on purpose".to_owned()));
    let state = in_time("a state", cacher.any()).await.expect("listing works");
    assert_eq!(state.revision(), first);
    let written = store.put("nodes/n", "x").await;
    let started = clock::monotonic();
    assert_eq!(in_time("an answer", cacher.consistent()).await.expect_err("failing"), Unanswered::NotReady);
    assert!(started.elapsed() < Duration::from_secs(2), "nobody waits for what fails");
    store.mend();
    in_time("an answer", async { while cacher.consistent().await.is_err() {} }).await;
    assert!(cacher.not_older_than(written).await.is_ok());
    let future = cacher.not_older_than(written + 1_000_000);
    let behind = in_time("an answer", future).await.expect_err("it has not happened");
    assert!(matches!(behind, Unanswered::Behind { revision } if revision >= written), "{behind:?}");
    store.progress.store(false, Ordering::SeqCst);
    assert_eq!(cacher.consistent().await.expect_err("can't be told"), Unanswered::NotReady);
    cacher.close().await.expect("closed");
    assert!(cacher.any().await.is_ok(), "what was read stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pinned_snapshots_outlive_the_ring() {
    let store = Fragile::open().await;
    store.put("pods/ns/a", "n|1").await;
    let options = Options {
        ring: RingBounds { fewest: 1, age: Duration::ZERO, ..RingBounds::default() },
        ..Options::new("pods/")
    };
    let cacher = cacher(&store, options);
    let pinned = cacher.consistent().await.expect("a state");
    cacher.pin(&pinned);
    let mut last = 0;
    for round in 0..10 {
        last = store.put("pods/ns/a", &format!("n|{round}")).await;
        cacher.not_older_than(last).await.expect("it happened");
    }
    let shown = cacher.at(pinned.revision()).await.expect("it is pinned");
    assert_eq!(states(&shown), states(&pinned));
    assert!(cacher.at(last - 5).await.is_none(), "this one is not");
    // Where nothing of the resource happened since, an older revision is the current state.
    let other = store.put("nodes/n", "x").await;
    let shown = cacher.at(other).await.expect("the current one");
    assert_eq!((shown.revision(), states(&shown)), (other, stored(&store, 0).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_ends_watches_and_refuses_new_waits() {
    let store = Fragile::open().await;
    let start = store.put("pods/ns/a", "n|1").await;
    let cacher = cacher(&store, pods());
    let mut watch = cacher.watch(all("pods/"), start).await.expect("a watch");
    cacher.close().await.expect("closed");
    assert!(next(&mut watch).await.is_none());
    let mut late = cacher.watch(all("pods/"), start).await.expect("a state is there");
    assert!(next(&mut late).await.is_none());
    let idle = self::cacher(&store, pods());
    idle.close().await.expect("closed");
    let refused = in_time("an answer", idle.any()).await.expect_err("closed");
    assert_eq!(refused, Unanswered::NotReady);
}

/// `cargo test -p keelson-storage --test cacher -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn idle_watchers_and_dispatch() {
    const WATCHERS: usize = 10_000;
    let store = Fragile::open().await;
    let start = store.put("pods/ns/a", "n|1").await;
    let cacher = cacher(&store, pods());
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a line");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number")
    };
    cacher.any().await.expect("a state");
    let before = resident();
    let mut watches = Vec::new();
    for _ in 0..WATCHERS {
        watches.push(cacher.watch(all("pods/"), start).await.expect("a watch"));
    }
    println!("{WATCHERS} idle watchers: {} bytes each", (resident() - before) * 1024 / WATCHERS as u64);
    let started = clock::monotonic();
    let written = store.put("pods/ns/a", "n|2").await;
    cacher.not_older_than(written).await.expect("it happened");
    println!("one event to all of them: {} us", started.elapsed().as_micros());
    for watch in &mut watches {
        assert_eq!(
            watch.next().now_or_never().expect("there").expect("open").expect("one").revision,
            written
        );
    }
    let started = clock::monotonic();
    drop(watches);
    println!("dropping all of them: {} us", started.elapsed().as_micros());
}

/// `cargo test -p keelson-storage --test cacher -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn consistent_reads() {
    const ROUNDS: u32 = 300;
    let store = Fragile::open().await;
    store.put("pods/ns/a", "n|1").await;
    let cacher = cacher(&store, pods());
    cacher.any().await.expect("a state");
    let mut took = Duration::ZERO;
    for round in 0..ROUNDS {
        store.put("nodes/n", &format!("{round}")).await;
        let started = clock::monotonic();
        cacher.consistent().await.expect("a state");
        took += started.elapsed();
    }
    println!("behind a write of another resource: {} us", (took / ROUNDS).as_micros());
    let tasks = TaskGroup::new();
    let done = Arc::new(AtomicBool::new(false));
    for writer in 0..16 {
        let (store, done) = (store.clone(), done.clone());
        tasks.spawn("writer", async move {
            while !done.load(Ordering::SeqCst) {
                store.put(&format!("nodes/w{writer}"), "x").await;
            }
        });
    }
    let mut took = Duration::ZERO;
    for _ in 0..ROUNDS {
        clock::sleep(Duration::from_millis(2)).await;
        let started = clock::monotonic();
        cacher.consistent().await.expect("a state");
        took += started.elapsed();
    }
    println!("under writes: {} us", (took / ROUNDS).as_micros());
    done.store(true, Ordering::SeqCst);
    tasks.wait(Duration::from_secs(10)).await.expect("ended");
}
