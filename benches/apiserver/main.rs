//! What a request costs: server CPU per unit, throughput, latency and memory, on the embedded store and on
//! etcd, beside the design's targets. `make bench` runs it against the release build; benches/README.md
//! says how to read it.
//!
//! Arguments choose what is measured: `embedded` or `etcd`, and `start`, `verbs`, `lists`, `fan-out`, `idle` or
//! `selectors`; all of it where there are none.
//!
//! Client and server share the machine and speak HTTP/2 over TLS on loopback. All loops are bounded.
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "a benchmark runs by the real clock")]

mod client;
mod collections;
mod pod;
mod sample;
mod start;
mod watch;

use std::time::{Duration, Instant};

use keelson_e2e::{Etcd, Server, Store};

use client::Client;
use sample::{Cpu, Memory, Row};

const PODS: usize = 10_000;
const IN_FLIGHT: usize = 32;
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

fn main() {
    // Cargo runs benches with `--test` in `cargo test`: there is nothing to test here.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let named = |words: &[String], name: &str| words.iter().any(|word| word == name);
    let stores = ["embedded", "etcd"];
    let sections = ["start", "verbs", "lists", "fan-out", "idle", "selectors"];
    if let Some(word) =
        words.iter().find(|word| !stores.contains(&word.as_str()) && !sections.contains(&word.as_str()))
    {
        println!("{word} is not measured; what is: {stores:?} {sections:?}");
        std::process::exit(2);
    }
    let wanted =
        |names: &[&str], name: &str| named(&words, name) || !names.iter().any(|name| named(&words, name));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    for store_name in stores.into_iter().filter(|name| wanted(&stores, name)) {
        for section in sections.into_iter().filter(|name| wanted(&sections, name)) {
            let store = match store_name {
                "embedded" => Store::Embedded,
                _ => match Etcd::start() {
                    Some(etcd) => Store::Etcd(etcd),
                    None => {
                        println!("etcd: not measured");
                        continue;
                    }
                },
            };
            println!("\n## {store_name}: {section}");
            runtime.block_on(async {
                match section {
                    "start" => start::start(store).await,
                    "verbs" => verbs(store).await,
                    "lists" => lists(store).await,
                    "fan-out" => watch::fan_out(store).await,
                    "idle" => watch::idle(store).await,
                    _ => collections::selectors(store).await,
                }
            });
        }
    }
}

/// A server that knows the benchmark's token.
fn start(store: Store) -> Server {
    let tokens = tokens();
    Server::start_with(store, &[&format!("--token-auth-file={}", tokens.path().display())])
}

/// The file of the benchmark's token.
fn tokens() -> tempfile::NamedTempFile {
    let tokens = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(tokens.path(), "admintoken,admin,admin-uid,\"system:masters\"\n")
        .expect("it can be written");
    tokens
}

/// Makes a namespace in which pods can be made; the path of its pods.
async fn namespace(client: &Client, name: &str) -> String {
    let namespace = format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
    client.send("POST", "/api/v1/namespaces", JSON, JSON, namespace).await;
    // Tokens would make the pods larger than they are to be.
    let account = r#"{"metadata":{"name":"default"},"automountServiceAccountToken":false}"#;
    let accounts = format!("/api/v1/namespaces/{name}/serviceaccounts");
    client.send("POST", &accounts, JSON, JSON, account.into()).await;
    format!("/api/v1/namespaces/{name}/pods")
}

/// Single requests.
async fn verbs(store: Store) {
    let server = start(store);
    let client = Client::connect(&server).await;
    let pods = namespace(&client, "bench").await;
    Row::head();
    load(&client, &server, "create a pod", 350.0, PODS, |i| {
        ("POST", pods.clone(), JSON, pod::json(&format!("pod-{i:05}")))
    })
    .await;
    load(&client, &server, "GET a pod, JSON", 60.0, 20_000, |i| {
        ("GET", format!("{pods}/pod-{:05}", i % PODS), JSON, String::new())
    })
    .await;
    load(&client, &server, "merge-patch a pod", 400.0, 5_000, |i| {
        let patch = format!(r#"{{"metadata":{{"labels":{{"round":"r{i}"}}}}}}"#);
        ("PATCH", format!("{pods}/pod-{:05}", i % PODS), "application/merge-patch+json", patch)
    })
    .await;
    load(&client, &server, "apply to a pod", f64::NAN, 5_000, |i| {
        let name = format!("pod-{:05}", i % PODS);
        let path = format!("{pods}/{name}?fieldManager=bench&force=true");
        ("PATCH", path, "application/apply-patch+yaml", pod::applied(&name, i))
    })
    .await;
    println!("  after that: {} (target 150)", Memory::settled(server.pid()).await);
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

/// Whole lists of 10,000 pods.
async fn lists(store: Store) {
    let server = start(store);
    let client = Client::connect(&server).await;
    let pods = namespace(&client, "bench").await;
    Row::head();
    load(&client, &server, "create a pod", 350.0, PODS, |i| {
        ("POST", pods.clone(), JSON, pod::json(&format!("pod-{i:05}")))
    })
    .await;
    list(&client, &server, "LIST 10,000 pods, JSON", 100_000.0, JSON).await;
    list(&client, &server, "LIST 10,000 pods, protobuf", 75_000.0, PROTOBUF).await;
    collections::under_writes(&client, &server, &pods, PODS).await;
    println!("  after the load with {PODS} pods: {} (target 150)", Memory::settled(server.pid()).await);
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

/// `count` requests with [`IN_FLIGHT`] of them at a time.
async fn load(
    client: &Client,
    server: &Server,
    name: &str,
    target_us: f64,
    count: usize,
    request: impl Fn(usize) -> (&'static str, String, &'static str, String),
) {
    let cpu = Cpu::of(server.pid());
    let started = Instant::now();
    let mut latencies = Vec::with_capacity(count);
    let mut running = tokio::task::JoinSet::new();
    for i in 0..count {
        if running.len() == IN_FLIGHT {
            latencies.push(running.join_next().await.expect("some run").expect("no request panics"));
        }
        let (method, path, content_type, body) = request(i);
        let client = client.clone();
        running.spawn(async move {
            let started = Instant::now();
            client.send(method, &path, JSON, content_type, body).await;
            started.elapsed()
        });
    }
    while let Some(latency) = running.join_next().await {
        latencies.push(latency.expect("no request panics"));
    }
    Row::of(name, target_us, count, cpu.since(server.pid()), started.elapsed(), latencies).print();
}

/// Whole listings, one after the other.
async fn list(client: &Client, server: &Server, name: &str, target_us: f64, accept: &'static str) {
    const ROUNDS: usize = 9;
    let mut bytes = 0;
    let mut latencies = Vec::new();
    let (cpu, started) = (Cpu::of(server.pid()), Instant::now());
    for _ in 0..ROUNDS {
        let one = Instant::now();
        bytes = client.send("GET", "/api/v1/namespaces/bench/pods", accept, JSON, String::new()).await;
        latencies.push(one.elapsed());
    }
    let elapsed: Duration = started.elapsed();
    Row::of(name, target_us, ROUNDS, cpu.since(server.pid()), elapsed, latencies).print();
    println!("  ({:.1} MB each)", bytes as f64 / 1e6);
}
