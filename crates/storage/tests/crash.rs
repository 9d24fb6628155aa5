//! Kills a process that writes, at random moments, and looks at what its store holds after.
//!
//! Every acknowledged write is there, revisions never go back, no value is torn. `KEELSON_CRASH_ROUNDS` sets
//! the number of kills (20), `KEELSON_SEED` repeats a run's choices.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use keelson_base::task::TaskGroup;
use keelson_base::{clock, random};
use keelson_storage::embedded::{Embedded, Options};
use keelson_storage::{Event, ListRange, Storage};

const DIRECTORY: &str = "KEELSON_CRASH_DIRECTORY";
const SEED: &str = "KEELSON_CRASH_SEED";
const WRITERS: u64 = 8;
/// Each writer has this many keys of its own.
const KEYS: u64 = 6;

/// SplitMix64: the same choices for the same seed.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A value that shows whether it is whole: its stamp, then bytes that follow from it.
fn value(stamp: u64) -> Bytes {
    let mut choices = Choices(stamp);
    let length = 64 + choices.below(8000);
    let mut value = stamp.to_le_bytes().to_vec();
    value.extend((0..length).map(|_| choices.next().to_le_bytes()[0]));
    value.into()
}

fn stamp(bytes: &Bytes) -> u64 {
    let stamp = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    assert_eq!(*bytes, value(stamp), "a torn value");
    stamp
}

/// What the killed process runs: it is a test only so that this binary can run it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let seed: u64 = std::env::var(SEED).expect("a seed").parse().expect("a number");
    let store = Embedded::open(Options::new(PathBuf::from(directory))).await.expect("opened");
    let tasks = TaskGroup::new();
    for writer in 0..WRITERS {
        tasks.spawn("writer", write(Arc::clone(&store), writer, Choices(seed ^ (writer << 32))));
    }
    tasks.spawn("compactor", async move {
        loop {
            clock::sleep(Duration::from_millis(40)).await;
            let revision = store.current_revision().await.expect("a revision");
            store.compact(revision.saturating_sub(200).max(1)).await.expect("compacted");
        }
    });
    // The parent ends it.
    let _ = tasks.wait(Duration::from_secs(60)).await;
}

async fn write(store: Arc<Embedded>, writer: u64, mut choices: Choices) {
    loop {
        let key = format!("w{writer}/k{}", choices.below(KEYS));
        let stamp = choices.next();
        let (what, done) = match store.get(&key).await.expect("read") {
            None => ("put", store.create(&key, value(stamp), None).await),
            Some(state) if choices.below(4) == 0 => ("del", store.delete(&key, state.revision).await),
            Some(state) => ("put", store.update(&key, state.revision, value(stamp), None).await),
        };
        let revision = done.expect("written");
        let line = format!("ack {key} {revision} {what} {stamp}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent reads");
    }
}

/// The last acknowledged write of a key: its revision, and the stamp of what it put.
type Acknowledged = BTreeMap<String, (u64, Option<u64>)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kills() {
    let rounds: u64 = setting("KEELSON_CRASH_ROUNDS").unwrap_or(20);
    let seed = setting("KEELSON_SEED").unwrap_or_else(|| random::below(u64::MAX));
    println!("kills: KEELSON_CRASH_ROUNDS={rounds} KEELSON_SEED={seed}");
    let mut choices = Choices(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let mut known = Acknowledged::new();
    let mut last = 0;
    let mut total = 0;
    for round in 0..rounds {
        let before = total;
        total += run_and_kill(&data, &mut choices, &mut known);
        assert!(total > before, "round {round}: nothing was written");
        last = verify(&data, &mut known, last).await;
    }
    println!("kills: {total} acknowledged writes, revision {last}");
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Runs the writing process, kills it a random time after its first write, and takes what it acknowledged.
fn run_and_kill(data: &Path, choices: &mut Choices, known: &mut Acknowledged) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, data)
        .env(SEED, choices.next().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut count = take(lines.next(), known);
    while count == 0 {
        let line = lines.next();
        assert!(line.is_some(), "the process ended before it wrote");
        count = take(line, known);
    }
    let lifetime = Duration::from_micros(choices.below(250_000));
    let killer = std::thread::spawn(move || {
        std::thread::sleep(lifetime);
        child.kill().expect("killed");
        child.wait().expect("ended");
    });
    for line in lines {
        count += take(Some(line), known);
    }
    killer.join().expect("no panic");
    count
}

fn take(line: Option<std::io::Result<String>>, known: &mut Acknowledged) -> u64 {
    let line = line.transpose().expect("text").unwrap_or_default();
    let parts: Vec<&str> = line.split(' ').collect();
    let ["ack", key, revision, what, stamp] = parts[..] else { return 0 };
    let revision: u64 = revision.parse().expect("a revision");
    let put = (what == "put").then(|| stamp.parse().expect("a stamp"));
    if let Some((before, _)) = known.insert(key.to_owned(), (revision, put)) {
        assert!(revision > before, "{key}: revision {revision} after {before}");
    }
    1
}

/// Opens the store, compares it with what was acknowledged, and returns its revision.
async fn verify(data: &Path, known: &mut Acknowledged, last: u64) -> u64 {
    let store = Embedded::open(Options::new(data)).await.expect("opens after a kill");
    let revision = store.current_revision().await.expect("a revision");
    let newest = known.values().map(|(revision, _)| *revision).max().unwrap_or(0);
    assert!(revision >= newest && revision >= last, "{revision} after {newest} and {last}");
    for (key, (acknowledged, put)) in known.iter_mut() {
        match store.get(key).await.expect("read") {
            Some(state) if state.revision == *acknowledged => {
                assert_eq!(Some(stamp(&state.value)), *put, "{key} at {acknowledged}");
            }
            // A write that was on its way when the process died.
            Some(state) => {
                assert!(state.revision > *acknowledged, "{key}: {} of {acknowledged}", state.revision);
                (*acknowledged, *put) = (state.revision, Some(stamp(&state.value)));
            }
            None if put.is_none() => {}
            None => {
                let deleted = deletion(&store, key).await;
                assert!(deleted > *acknowledged, "{key}: the write of revision {acknowledged} is lost");
                (*acknowledged, *put) = (deleted, None);
            }
        }
    }
    let page = store.list(&ListRange::default()).await.expect("listed");
    page.items.iter().for_each(|item| {
        stamp(&item.value);
    });
    assert!(
        page.items.iter().all(|item| known.contains_key(&*item.key) || item.revision > newest),
        "a key that nobody wrote"
    );
    for item in page.items {
        known.entry(item.key.to_string()).or_insert_with(|| (item.revision, Some(stamp(&item.value))));
    }
    store.close().await.expect("closed");
    revision
}

/// The revision at which a key was deleted without acknowledgement: it is in the history, as compaction stays
/// far behind.
async fn deletion(store: &Embedded, key: &str) -> u64 {
    let current = store.current_revision().await.expect("a revision");
    let mut watch = store.watch(key, current.saturating_sub(100)).await.expect("a watch");
    let mut deleted = 0;
    loop {
        match watch.next().await.expect("open").expect("an event") {
            Event::Delete { before, revision } if *before.key == *key => deleted = revision,
            Event::Progress { revision } if revision >= current => return deleted,
            _ => {}
        }
    }
}
