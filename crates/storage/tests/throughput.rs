//! Measurements, not checks: `cargo test -p keelson-storage --test throughput -- --ignored --nocapture`.
//!
//! Group commit with many writers, memory for many values, start-up, reads.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use keelson_base::task::TaskGroup;
use keelson_base::{clock, random};
use keelson_storage::embedded::{Embedded, Options};
use keelson_storage::{ListRange, Storage};

fn value(size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    random::fill(&mut bytes);
    bytes.into()
}

async fn open(directory: &Path) -> Arc<Embedded> {
    Embedded::open(Options::new(directory)).await.expect("opened")
}

/// User and system time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("ticks")).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse::<u64>().expect("a number") / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn group_commit() {
    for writers in [1, 8, 32, 128] {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(&directory.path().join("data")).await;
        let tasks = TaskGroup::new();
        let (started, spent) = (clock::monotonic(), cpu());
        let limit = Duration::from_secs(5);
        let handles = (0..writers).map(|writer| {
            let store = Arc::clone(&store);
            tasks.spawn("writer", async move {
                let value = value(4096);
                let mut count = 0_u64;
                while started.elapsed() < limit {
                    let key = format!("pods/default/w{writer}-{count}");
                    store.create(&key, value.clone(), None).await.expect("created");
                    count += 1;
                }
                count
            })
        });
        let total: u64 = join_all(handles).await.into_iter().map(|count| count.expect("no panic")).sum();
        let (elapsed, spent) = (started.elapsed(), cpu() - spent);
        println!(
            "{writers:4} writers of 4 KB: {:7.0} writes/s, {:6.2} ms a write, {:5.1} us CPU a write",
            total as f64 / elapsed.as_secs_f64(),
            elapsed.as_secs_f64() * 1000.0 * f64::from(writers) / total as f64,
            spent.as_secs_f64() * 1e6 / total as f64,
        );
        store.close().await.expect("closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn memory_and_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let empty = resident();
    let store = open(&data).await;
    println!("memory: {} MiB for an empty store", resident() - empty);
    let create = |number: usize| {
        let store = Arc::clone(&store);
        async move {
            store.create(&format!("pods/default/pod-{number:05}"), value(4096), None).await.expect("created");
        }
    };
    for chunk in 0..100 {
        join_all((0..100).map(|number| create(chunk * 100 + number))).await;
    }
    println!("memory: {} MiB more for 10,000 values of 4 KB just written", resident() - empty);
    let list = ListRange { prefix: "pods/".to_owned(), ..ListRange::default() };
    let started = clock::monotonic();
    for _ in 0..20 {
        assert_eq!(store.list(&list).await.expect("listed").items.len(), 10_000);
    }
    println!("list of 10,000: {:?}", started.elapsed() / 20);
    let page = ListRange { limit: 500, ..list.clone() };
    let started = clock::monotonic();
    for _ in 0..20 {
        assert_eq!(store.list(&page).await.expect("listed").remaining, 9_500);
    }
    println!("page of 500, counting 9,500 more: {:?}", started.elapsed() / 20);
    let started = clock::monotonic();
    for number in 0..100_000 {
        let key = format!("pods/default/pod-{:05}", number % 10_000);
        assert!(store.get(&key).await.expect("read").is_some());
    }
    println!("get: {:?}", started.elapsed() / 100_000);
    println!("disk: {} MiB", store.size_bytes().await.expect("a size") >> 20);
    store.close().await.expect("closed");
    drop(store);
    let before = resident();
    let started = clock::monotonic();
    let store = open(&data).await;
    println!("open of 10,000: {:?}; memory {} MiB to {} MiB", started.elapsed(), before, resident());
    store.close().await.expect("closed");
    drop(store);
    let started = clock::monotonic();
    let fresh = open(&directory.path().join("fresh")).await;
    println!("open of a new directory: {:?}", started.elapsed());
    fresh.close().await.expect("closed");
    drop(fresh);
    let started = clock::monotonic();
    let fresh = open(&directory.path().join("fresh")).await;
    println!("open of an empty store: {:?}", started.elapsed());
    fresh.close().await.expect("closed");
}
