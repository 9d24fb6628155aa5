//! Collections: lists while others write, and selectors that leave little of much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keelson_e2e::{Server, Store};

use crate::client::Client;
use crate::sample::{Cpu, Row};
use crate::{JSON, list, load, namespace, pod, start};

/// Lists of 10,000 pods while four clients change them without a pause. The rows' CPU is that of everything;
/// how many writes went on beside is said, too.
pub(crate) async fn under_writes(client: &Client, server: &Server, pods: &str, count: usize) {
    let (end, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (client, pods) = (client.clone(), pods.to_owned());
        let (end, written) = (end.clone(), written.clone());
        writers.spawn(async move {
            // Bounded, should the lists never end.
            for i in 0..50_000 {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let patch = format!(r#"{{"metadata":{{"labels":{{"writer":"w{writer}-{i}"}}}}}}"#);
                let path = format!("{pods}/pod-{:05}", (writer * 2_500 + i) % count);
                client.send("PATCH", &path, JSON, "application/merge-patch+json", patch).await;
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let started = Instant::now();
    list(client, server, "LIST 10,000 pods, with writes", f64::NAN, JSON).await;
    end.store(true, Ordering::Relaxed);
    let rate = written.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    while writers.join_next().await.is_some() {}
    println!("  ({rate:.0} writes per second went on beside them)");
}

/// Selectors over many objects.
pub(crate) async fn selectors(store: Store) {
    const OBJECTS: usize = 50_000;
    let server = start(store);
    let client = Client::connect(&server).await;
    let pods = namespace(&client, "many").await;
    Row::head();
    load(&client, &server, "create a small pod", f64::NAN, OBJECTS, |i| {
        ("POST", pods.clone(), JSON, pod::small_json(i))
    })
    .await;
    for (name, query) in [
        ("labels: 500 of 50,000", "labelSelector=app%3Dapp-7"),
        ("label sets: 1,000 of 50,000", "labelSelector=app%20in%20(app-7,app-8)"),
        ("labels: none of 50,000", "labelSelector=app%3Dnone"),
        ("field: 100 of 50,000", "fieldSelector=spec.nodeName%3Dnode-7"),
        ("name: 1 of 50,000", "fieldSelector=metadata.name%3Dpod-00007"),
        ("page: 500 of 50,000", "limit=500"),
    ] {
        rounds(&client, &server, name, &format!("{pods}?{query}")).await;
    }
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

/// The same request again and again, for a second or so.
async fn rounds(client: &Client, server: &Server, name: &str, path: &str) {
    const MOST: usize = 50;
    let (cpu, started) = (Cpu::of(server.pid()), Instant::now());
    let mut latencies = Vec::new();
    while latencies.len() < MOST && (latencies.len() < 5 || started.elapsed() < Duration::from_secs(2)) {
        let one = Instant::now();
        client.send("GET", path, JSON, JSON, String::new()).await;
        latencies.push(one.elapsed());
    }
    let count = latencies.len();
    Row::of(name, f64::NAN, count, cpu.since(server.pid()), started.elapsed(), latencies).print();
}
