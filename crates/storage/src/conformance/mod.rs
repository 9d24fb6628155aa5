//! The suite that every [`Storage`] passes.
//!
//! [`run`] takes a [`Harness`] that brings an empty store, and runs every check on it, each under a prefix of
//! its own, printing its name. A check panics where the store does not do what the trait promises.
//!
//! `KEELSON_STORAGE_CHECK` picks the checks whose name contains it; `KEELSON_SEED` repeats the random ones.

mod lists;
mod model;
mod watches;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use keelson_base::{clock, random};

use crate::{Error, Event, KeyValue, ListRange, Page, Storage, Watch};

/// Brings the store under test and does to it what happens to stores.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store: empty at first, the same one each time until [`Harness::restart`].
    async fn store(&self) -> Arc<dyn Storage>;

    /// Breaks what connections the store has; where there are none, nothing.
    async fn cut_connections(&self);

    /// Ends the store's process, or what stands for it, and starts it again over the same data. The old store
    /// is of no more use.
    async fn restart(&self) -> Arc<dyn Storage>;

    /// Whether a restart takes milliseconds, so that many can be tried.
    fn restarts_quickly(&self) -> bool {
        false
    }
}

/// What a check gets.
struct Case<'a> {
    harness: &'a dyn Harness,
    store: Arc<dyn Storage>,
    /// The check's own directory, with a slash at its end.
    prefix: String,
}

type Check = for<'a> fn(Case<'a>) -> BoxFuture<'a, ()>;

/// Names the checks and boxes them.
macro_rules! checks {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), |case| Box::pin($module::$name(case)))),*]
    };
}

const CHECKS: &[(&str, Check)] = checks![
    writes::create_refuses_a_key_that_exists,
    writes::update_compares_revisions_and_brings_the_state_on_conflict,
    writes::delete_compares_revisions,
    writes::revisions_rise_with_every_write,
    writes::sixty_four_writers_of_one_key_lose_nothing,
    writes::guaranteed_update_checks_a_cached_state_before_it_trusts_it,
    writes::guaranteed_delete_asks_again_on_conflict,
    writes::values_up_to_the_limit_are_kept_and_larger_ones_refused,
    writes::dropped_writes_happen_whole_or_not_at_all,
    writes::keys_expire,
    writes::update_replaces_the_time_to_live,
    lists::pages_show_one_revision_under_writes,
    lists::a_page_starts_where_it_is_told,
    lists::prefixes_do_not_leak,
    lists::older_revisions_show_what_was,
    lists::a_future_revision_is_refused,
    lists::count_counts_a_prefix,
    watches::events_come_in_order_without_gap_or_repeat,
    watches::a_watch_from_the_past_replays_and_goes_on,
    watches::events_carry_the_state_before,
    watches::a_watch_sees_its_prefix_only,
    watches::watches_survive_cut_connections,
    watches::requested_progress_reaches_the_current_revision,
    watches::a_dropped_watch_leaves_the_others,
    model::random_operations_match_the_model,
    lists::compacted_revisions_are_refused,
    watches::a_watch_from_before_the_compaction_is_refused,
    writes::revisions_rise_over_a_restart,
];

/// Runs the suite, on a runtime of several threads.
///
/// # Panics
/// Where the store breaks a promise.
pub async fn run(harness: &dyn Harness) {
    let only = std::env::var("KEELSON_STORAGE_CHECK").unwrap_or_default();
    for (number, (name, check)) in CHECKS.iter().enumerate() {
        if !name.contains(&only) {
            continue;
        }
        let started = clock::monotonic();
        println!("storage conformance: {name}");
        let case = Case { harness, store: harness.store().await, prefix: format!("check{number:02}/") };
        in_time(name, check(case)).await;
        println!("storage conformance: {name}: {} ms", started.elapsed().as_millis());
    }
}

/// Waits for what must happen soon, however slow the machine.
async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within 60 seconds"),
    }
}

impl Case<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn create(&self, name: &str, value: &str) -> u64 {
        self.store.create(&self.key(name), bytes(value), None).await.expect("created")
    }

    async fn update(&self, name: &str, expected: u64, value: &str) -> u64 {
        self.store.update(&self.key(name), expected, bytes(value), None).await.expect("updated")
    }

    async fn delete(&self, name: &str, expected: u64) -> u64 {
        self.store.delete(&self.key(name), expected).await.expect("deleted")
    }

    async fn get(&self, name: &str) -> Option<KeyValue> {
        self.store.get(&self.key(name)).await.expect("read")
    }

    async fn list(&self, start: &str, limit: usize, revision: u64) -> Result<Page, Error> {
        let start = if start.is_empty() { String::new() } else { self.key(start) };
        self.store.list(&ListRange { prefix: self.prefix.clone(), start, limit, revision }).await
    }

    async fn revision(&self) -> u64 {
        self.store.current_revision().await.expect("a revision")
    }

    async fn watch(&self, after: u64) -> Events {
        Events { watch: self.store.watch(&self.prefix, after).await.expect("a watch") }
    }

    fn state(&self, name: &str, value: &str, revision: u64) -> KeyValue {
        KeyValue { key: self.key(name).into(), value: bytes(value), revision }
    }
}

/// A watch's events without the progress in between.
struct Events {
    watch: Watch,
}

impl Events {
    async fn item(&mut self) -> Result<Event, Error> {
        loop {
            let item = in_time("an event", self.watch.next()).await.expect("the watch is open");
            if !matches!(item, Ok(Event::Progress { .. })) {
                return item;
            }
        }
    }

    async fn event(&mut self) -> Event {
        self.item().await.expect("an event")
    }

    /// The next `count` events' revisions.
    async fn revisions(&mut self, count: usize) -> Vec<u64> {
        let mut revisions = Vec::with_capacity(count);
        while revisions.len() < count {
            revisions.push(self.event().await.revision());
        }
        revisions
    }

    async fn progress(&mut self) -> u64 {
        loop {
            let item = in_time("progress", self.watch.next()).await.expect("the watch is open");
            if let Event::Progress { revision } = item.expect("no error") {
                return revision;
            }
        }
    }
}

fn bytes(value: &str) -> Bytes {
    Bytes::copy_from_slice(value.as_bytes())
}

fn summary(page: &Page) -> Vec<(String, String)> {
    let text = |item: &KeyValue| {
        let name = item.key.rsplit('/').next().unwrap_or_default().to_owned();
        (name, String::from_utf8_lossy(&item.value).into_owned())
    };
    page.items.iter().map(text).collect()
}

/// The seed of the random checks: `KEELSON_SEED`, or a new one; printed.
fn seed(what: &str) -> u64 {
    let seed = std::env::var("KEELSON_SEED")
        .ok()
        .map(|text| text.parse().expect("KEELSON_SEED is a number"))
        .unwrap_or_else(|| random::below(u64::MAX));
    println!("{what}: KEELSON_SEED={seed}");
    seed
}

/// Waits until `holds` says so; bounded.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    in_time(what, async {
        while !holds().await {
            clock::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
