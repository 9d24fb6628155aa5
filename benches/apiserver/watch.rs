//! Watches: what delivering an event costs, and what a watcher costs that waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keelson_e2e::{Server, Store};

use crate::client::{Client, Delivered};
use crate::sample::{Cpu, Memory, Row, settle};
use crate::{JSON, namespace, pod, start};

/// How many watches go over one connection at most: what the server lets a client have.
const STREAMS: usize = 100;

/// Events to many watchers, one event at a time: the next is written when all have the one before, so that
/// no watcher gets two in one piece. What the writes cost themselves is measured without watchers, and
/// subtracted.
pub(crate) async fn fan_out(store: Store) {
    let server = start(store);
    let client = Client::connect(&server).await;
    let pods = namespace(&client, "fan").await;
    client.send("POST", &pods, JSON, JSON, pod::json("changing")).await;
    Row::head();
    for (watchers, streams, events) in [(200, 1, 300), (200, STREAMS, 300), (5_000, STREAMS, 20)] {
        let name = format!("event, {watchers} watchers, {streams} a connection");
        let alone = writes(&client, &server, &pods, events, None).await.0;
        let delivered = Arc::new(Delivered::default());
        let mut connections = Vec::new();
        let path = format!("{pods}?watch=1&resourceVersion={}", revision(&client, &pods).await);
        for i in 0..watchers {
            if i % streams == 0 {
                connections.push(Client::connect(&server).await);
            }
            let connection = connections.last().expect("it was just made");
            connection.watch(&path, &delivered, watchers).await;
        }
        let (cpu, elapsed, latencies) =
            writes(&client, &server, &pods, events, Some((&delivered, watchers))).await;
        let cpu = cpu.saturating_sub(alone);
        Row::of(&name, 8.0, events * watchers, cpu, elapsed, latencies).print();
        drop(connections);
        settle(server.pid()).await;
    }
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

/// `count` changes of one pod, one after the other, each until all `watchers` have it.
async fn writes(
    client: &Client,
    server: &Server,
    pods: &str,
    count: usize,
    watchers: Option<(&Delivered, usize)>,
) -> (Duration, Duration, Vec<Duration>) {
    let (cpu, started) = (Cpu::of(server.pid()), Instant::now());
    let mut latencies = Vec::with_capacity(count);
    for i in 1..=count {
        let patch = format!(r#"{{"metadata":{{"labels":{{"round":"r{i}"}}}}}}"#);
        let kind = "application/merge-patch+json";
        client.send("PATCH", &format!("{pods}/changing"), JSON, kind, patch).await;
        let written = Instant::now();
        if let Some((delivered, watchers)) = watchers {
            delivered.reach(i * watchers).await;
        }
        latencies.push(written.elapsed());
    }
    (cpu.since(server.pid()), started.elapsed(), latencies)
}

/// Resident memory that watchers take above their connections.
pub(crate) async fn idle(store: Store) {
    const WATCHERS: usize = 10_000;
    let server = start(store);
    let client = Client::connect(&server).await;
    let pods = namespace(&client, "idle").await;
    let path = format!("{pods}?watch=1&resourceVersion={}", revision(&client, &pods).await);
    let before = Memory::of(server.pid()).resident;
    let mut connections = Vec::new();
    for _ in 0..WATCHERS / STREAMS {
        let connection = Client::connect(&server).await;
        connection.send("GET", &pods, JSON, JSON, String::new()).await;
        connections.push(connection);
    }
    let connected = Memory::of(server.pid()).resident;
    let delivered = Arc::new(Delivered::default());
    for i in 0..WATCHERS {
        connections[i % connections.len()].watch(&path, &delivered, 1).await;
    }
    let watching = Memory::of(server.pid()).resident;
    let each = |mb: f64, count: usize| mb * 1e6 / 1024.0 / count as f64;
    println!(
        "{WATCHERS} idle watchers: {:.1} KiB each (target 12) above {} connections of {:.0} KiB each",
        each(watching - connected, WATCHERS),
        connections.len(),
        each(connected - before, connections.len()),
    );
    drop(connections);
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

/// The revision of a list that is made now.
async fn revision(client: &Client, pods: &str) -> String {
    let text = client.text(&format!("{pods}?limit=1")).await;
    let behind = text.split_once("\"resourceVersion\":\"").expect("a list has a version").1;
    behind.split('"').next().unwrap_or_default().to_owned()
}
