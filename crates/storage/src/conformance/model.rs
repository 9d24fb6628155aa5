//! Random operations against a model that keeps every revision's state.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Handle;

use super::{Case, Events, Harness, bytes, seed};
use crate::{Error, Event, KeyValue, ListRange, Storage};

/// What a comparison is given.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Current,
    Older,
    Never,
}

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Update(usize, Expected, bool),
    Delete(usize, Expected),
    Get(usize),
    /// Start key, limit, how many revisions back.
    List(usize, usize, usize),
    Count,
    /// A watch from so many revisions back.
    Watch(usize),
    /// Forget all before so many revisions back.
    Compact(usize),
    Restart,
}

const KEYS: [&str; 6] = ["a", "a/b", "aa", "b", "b/c/d", "c"];

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![6 => Just(Expected::Current), 1 => Just(Expected::Older), 1 => Just(Expected::Never)]
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS.len();
    prop_oneof![
        4 => key.clone().prop_map(Step::Create),
        6 => (key.clone(), expected(), any::<bool>()).prop_map(|(key, at, ttl)| Step::Update(key, at, ttl)),
        3 => (key.clone(), expected()).prop_map(|(key, at)| Step::Delete(key, at)),
        1 => key.clone().prop_map(Step::Get),
        3 => (key, 0..4_usize, 0..12_usize).prop_map(|(start, limit, back)| Step::List(start, limit, back)),
        1 => Just(Step::Count),
        1 => (0..12_usize).prop_map(Step::Watch),
        1 => (0..12_usize).prop_map(Step::Compact),
        1 => Just(Step::Restart),
    ]
}

/// Every state since the start, and what led from each to the next.
struct Model {
    prefix: String,
    states: Vec<(u64, BTreeMap<String, KeyValue>)>,
    events: Vec<Event>,
    compacted: u64,
    writes: usize,
}

pub(super) async fn random_operations_match_the_model(case: Case<'_>) {
    let seed = seed("random operations");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 24, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let number = std::cell::Cell::new(0);
    let play_one = |steps: Vec<Step>| {
        number.set(number.get() + 1);
        let prefix = format!("{}{}/", case.prefix, number.get());
        Handle::current().block_on(play(case.harness, prefix, &steps))
    };
    let outcome =
        tokio::task::block_in_place(|| runner.run(&proptest::collection::vec(step(), 1..60), play_one));
    if let Err(failure) = outcome {
        panic!("{failure}\n(KEELSON_SEED={seed})");
    }
}

async fn play(harness: &dyn Harness, prefix: String, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut store = harness.store().await;
    let start = store.current_revision().await.expect("a revision");
    let states = vec![(start, BTreeMap::new())];
    let mut model = Model { prefix, states, events: Vec::new(), compacted: 0, writes: 0 };
    for step in steps {
        if !matches!(step, Step::Restart) {
            model.step(&*store, step).await?;
        } else if harness.restarts_quickly() {
            store = harness.restart().await;
        }
    }
    model.everything(&*store).await
}

impl Model {
    fn now(&self) -> &BTreeMap<String, KeyValue> {
        &self.states.last().expect("never empty").1
    }

    fn back(&self, back: usize) -> &(u64, BTreeMap<String, KeyValue>) {
        &self.states[self.states.len().saturating_sub(back + 1)]
    }

    fn key(&self, key: usize) -> String {
        format!("{}{}", self.prefix, KEYS[key])
    }

    fn expect(&self, key: &str, expected: Expected) -> u64 {
        let current = self.now().get(key).map_or(0, |state| state.revision);
        match expected {
            Expected::Current => current,
            Expected::Older => current.saturating_sub(1),
            Expected::Never => current + 1_000_000,
        }
    }

    fn value(&mut self) -> bytes::Bytes {
        self.writes += 1;
        bytes(&format!("value {}", self.writes))
    }

    fn record(&mut self, key: &str, value: Option<bytes::Bytes>, revision: u64) -> Result<(), TestCaseError> {
        let (last, mut state) = self.states.last().expect("never empty").clone();
        prop_assert!(revision > last, "revision {revision} after {last}");
        let event = match value {
            Some(value) => {
                let now = KeyValue { key: key.into(), value, revision };
                Event::Put { now: now.clone(), before: state.insert(key.to_owned(), now) }
            }
            None => Event::Delete { before: state.remove(key).expect("it was there"), revision },
        };
        self.events.push(event);
        self.states.push((revision, state));
        Ok(())
    }

    async fn step(&mut self, store: &dyn Storage, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Create(key) => {
                let (key, value) = (self.key(*key), self.value());
                match store.create(&key, value.clone(), None).await {
                    Ok(revision) => {
                        prop_assert!(!self.now().contains_key(&key));
                        self.record(&key, Some(value), revision)?;
                    }
                    Err(Error::Exists) => prop_assert!(self.now().contains_key(&key)),
                    Err(failure) => panic!("{failure:?}"),
                }
            }
            Step::Update(key, expected, ttl) => {
                let (key, value) = (self.key(*key), self.value());
                let expected = self.expect(&key, *expected);
                let ttl = ttl.then(|| std::time::Duration::from_secs(3600));
                let result = store.update(&key, expected, value.clone(), ttl).await;
                self.compared(&key, expected, Some(value), result)?;
            }
            Step::Delete(key, expected) => {
                let key = self.key(*key);
                let expected = self.expect(&key, *expected);
                let result = store.delete(&key, expected).await;
                self.compared(&key, expected, None, result)?;
            }
            Step::Get(key) => {
                let key = self.key(*key);
                prop_assert_eq!(&store.get(&key).await.expect("read"), &self.now().get(&key).cloned());
            }
            Step::List(start, limit, back) => self.list(store, *start, *limit, *back).await?,
            Step::Count => {
                prop_assert_eq!(store.count(&self.prefix).await.expect("a count"), self.now().len() as u64);
            }
            Step::Watch(back) => self.watch(store, self.states.len().saturating_sub(back + 1)).await?,
            Step::Compact(back) => {
                let revision = self.back(*back).0;
                store.compact(revision).await.expect("compacted");
                self.compacted = self.compacted.max(revision);
            }
            Step::Restart => {}
        }
        Ok(())
    }

    fn compared(
        &mut self,
        key: &str,
        expected: u64,
        value: Option<bytes::Bytes>,
        result: Result<u64, Error>,
    ) -> Result<(), TestCaseError> {
        let current = self.now().get(key).cloned();
        let matches = current.as_ref().is_some_and(|state| state.revision == expected);
        match result {
            Ok(revision) => {
                prop_assert!(matches, "wrote on {expected}, {current:?} was there");
                self.record(key, value, revision)
            }
            Err(Error::Conflict { current: shown }) => {
                prop_assert!(!matches, "refused {expected}");
                prop_assert_eq!(shown, current);
                Ok(())
            }
            Err(failure) => panic!("{failure:?}"),
        }
    }

    async fn list(
        &self,
        store: &dyn Storage,
        start: usize,
        limit: usize,
        back: usize,
    ) -> Result<(), TestCaseError> {
        let (revision, state) = self.back(back);
        let start = self.key(start);
        let range =
            ListRange { prefix: self.prefix.clone(), start: start.clone(), limit, revision: *revision };
        let page = match store.list(&range).await {
            Err(Error::Compacted { .. }) => {
                prop_assert!(*revision < self.compacted, "{revision} is not compacted");
                return Ok(());
            }
            page => page.expect("a page"),
        };
        prop_assert!(*revision >= self.compacted, "{revision} is compacted");
        let all: Vec<KeyValue> = state.range(start..).map(|(_, state)| state.clone()).collect();
        let shown = if limit == 0 { all.len() } else { limit.min(all.len()) };
        prop_assert_eq!(&page.items, &all[..shown]);
        prop_assert_eq!(page.remaining, (all.len() - shown) as u64);
        prop_assert_eq!(page.revision, *revision);
        Ok(())
    }

    /// A watch from a state on shows every event since.
    async fn watch(&self, store: &dyn Storage, state: usize) -> Result<(), TestCaseError> {
        let (after, _) = self.states[state];
        let events = store.watch(&self.prefix, after).await.map(|watch| Events { watch });
        if after >= self.compacted {
            let mut events = events.expect("a watch");
            for expected in &self.events[state..] {
                prop_assert_eq!(&events.event().await, expected);
            }
        } else if after + 1 < self.compacted {
            // etcd still has the event of the compacted revision itself.
            let refused = match events {
                Ok(mut events) => events.item().await,
                Err(failure) => Err(failure),
            };
            prop_assert!(matches!(refused, Err(Error::Compacted { .. })), "{:?}", refused);
        }
        Ok(())
    }

    /// Every revision that can be read, and all that happened.
    async fn everything(&self, store: &dyn Storage) -> Result<(), TestCaseError> {
        for back in 0..self.states.len() {
            self.list(store, 0, 0, back).await?;
        }
        for state in 0..self.states.len() {
            if state == 0 || self.states[state].0 >= self.compacted {
                self.watch(store, state).await?;
            }
        }
        Ok(())
    }
}
