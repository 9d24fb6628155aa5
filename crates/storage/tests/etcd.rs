//! The conformance suite and what else is promised over a real etcd.
//!
//! `KEELSON_ETCD` names the etcd binary; without it these tests say so and pass.

mod cached;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use keelson_base::clock;
use keelson_base::task::TaskGroup;
use keelson_storage::conformance::{self, Harness};
use keelson_storage::etcd::{ConnectError, Etcd, Options, TlsFiles};
use keelson_storage::{Error, Event, ListRange, Storage};
use tokio::sync::Mutex;

use crate::server::{Proxy, Server, Settings};

struct EtcdHarness {
    server: Mutex<Server>,
    proxy: Proxy,
    store: Mutex<Arc<Etcd>>,
}

#[async_trait]
impl Harness for EtcdHarness {
    async fn store(&self) -> Arc<dyn Storage> {
        self.store.lock().await.clone()
    }

    async fn cut_connections(&self) {
        self.proxy.cut();
    }

    async fn restart(&self) -> Arc<dyn Storage> {
        self.server.lock().await.restart().await;
        let mut store = self.store.lock().await;
        store.close().await.expect("closed");
        *store = Etcd::connect(Options::new([self.proxy.url()])).await.expect("connected");
        store.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_etcd_store_conforms() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let proxy = Proxy::start(server.address()).await;
    let store = Etcd::connect(Options::new([proxy.url()])).await.expect("connected");
    let harness = EtcdHarness { server: Mutex::new(server), proxy, store: Mutex::new(store) };
    conformance::run(&harness).await;
}

fn bytes(size: usize) -> Bytes {
    Bytes::from(vec![b'v'; size])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_lie_where_kube_apiserver_puts_them() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let store = Etcd::connect(Options::new([server.url()])).await.expect("connected");
    let revision = store.create("pods/default/web", bytes(3), None).await.expect("created");
    let mut raw = etcd_client::Client::connect([server.url()], None).await.expect("connected");
    let read = raw.get("/registry/pods/default/web", None).await.expect("read");
    assert_eq!(read.kvs()[0].value(), b"vvv");
    assert_eq!(read.kvs()[0].mod_revision().unsigned_abs(), revision);
    assert!(store.size_bytes().await.expect("a size") > 0);
    store.probe().await.expect("healthy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transactions_events_come_together_and_fragments_whole() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let proxy = Proxy::start(server.address()).await;
    let store = Etcd::connect(Options::new([proxy.url()])).await.expect("connected");
    let start = store.current_revision().await.expect("a revision");
    let mut raw = etcd_client::Client::connect([server.url()], None).await.expect("connected");
    // Each transaction has four events of 100 KB; their replay is many fragments.
    let mut expected = Vec::new();
    for round in 0..40 {
        let puts: Vec<etcd_client::TxnOp> = (0..4)
            .map(|part| etcd_client::TxnOp::put(format!("/registry/t/{round}/{part}"), bytes(100_000), None))
            .collect();
        let done = raw.txn(etcd_client::Txn::new().and_then(puts)).await.expect("written");
        let revision = done.header().expect("a header").revision().unsigned_abs();
        expected.extend((0..4).map(|part| (format!("t/{round}/{part}"), revision)));
    }
    let mut watch = store.watch("t/", start).await.expect("a watch");
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        let next = tokio::time::timeout(Duration::from_secs(30), watch.next()).await.expect("in time");
        match next.expect("open").expect("no error") {
            Event::Put { now, before: None } => seen.push((now.key.to_string(), now.revision)),
            Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
        if seen.len() % 50 == 25 {
            proxy.cut();
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_pass_over_an_endpoint_that_is_gone() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let gone = format!("http://127.0.0.1:{}", server::free_port());
    let store = Etcd::connect(Options::new([gone, server.url()])).await.expect("one is enough");
    let mut watch = store.watch("", 1).await.expect("a watch");
    for round in 0..20 {
        let key = format!("k{round}");
        let revision = store.create(&key, bytes(1), None).await.expect("created");
        assert_eq!(store.get(&key).await.expect("read").expect("there").revision, revision);
    }
    let mut seen = 0;
    while seen < 20 {
        let next = tokio::time::timeout(Duration::from_secs(30), watch.next()).await.expect("in time");
        seen += usize::from(matches!(next.expect("open").expect("no error"), Event::Put { .. }));
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_named_with_the_reason() {
    let gone = format!("http://127.0.0.1:{}", server::free_port());
    let options = Options { connect_timeout: Duration::from_millis(300), ..Options::new([gone.clone()]) };
    let Err(failure) = Etcd::connect(options).await else { panic!("connected to nothing") };
    let text = failure.to_string();
    assert!(text.contains(&gone) && text.contains("refused"), "{text}");
    for (endpoints, expected) in [
        (vec![], "no etcd endpoint is given"),
        (vec!["unix:///run/etcd.sock"], "the scheme unix is not supported"),
        (vec!["http://"], "can't be used"),
    ] {
        let Err(failure) = Etcd::connect(Options::new(endpoints)).await else { panic!("connected") };
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    let tls = TlsFiles { ca: Some("/nowhere/ca.pem".into()), ..TlsFiles::default() };
    let Err(failure) = Etcd::connect(Options { tls, ..Options::new(["https://127.0.0.1:1"]) }).await else {
        panic!("connected")
    };
    assert!(matches!(failure, ConnectError::File { .. }) && failure.to_string().contains("/nowhere/ca.pem"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_checks_both_sides_and_rotated_files_are_read_again() {
    let Some(binary) = server::binary() else { return };
    let pki = server::Pki::new();
    let settings = Settings { tls: Some(pki.server_files()), ..Settings::default() };
    let server = Server::start_with(&binary, settings).await;
    let options =
        |tls| Options { tls, connect_timeout: Duration::from_millis(1500), ..Options::new([server.url()]) };
    let store = Etcd::connect(options(pki.client_files())).await.expect("connected");
    let revision = store.create("a", bytes(1), None).await.expect("created");
    assert_eq!(store.get("a").await.expect("read").expect("there").revision, revision);

    // No client certificate, and an authority that did not sign etcd's.
    let without = TlsFiles { certificate: None, key: None, ..pki.client_files() };
    let stranger = TlsFiles { ca: server::Pki::new().keep().client_files().ca, ..pki.client_files() };
    for tls in [without, stranger] {
        let Err(failure) = Etcd::connect(options(tls)).await else { panic!("connected") };
        assert!(failure.to_string().contains(&server.url()), "{failure}");
    }
    let half = TlsFiles { key: None, ..pki.client_files() };
    assert!(matches!(Etcd::connect(options(half)).await, Err(ConnectError::HalfAPair)));

    // A client that starts with a stranger's certificate gets in once its files are replaced.
    let rotating = pki.rotating_client_files();
    let late = TaskGroup::new().spawn(
        "late",
        Etcd::connect(Options { connect_timeout: Duration::from_secs(30), ..options(rotating.clone()) }),
    );
    clock::sleep(Duration::from_millis(200)).await;
    pki.rotate(&rotating);
    late.await.expect("no panic").expect("connected with the new files").probe().await.expect("healthy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_refuses_writes_and_serves_reads() {
    let Some(binary) = server::binary() else { return };
    let settings = Settings { quota_bytes: Some(4 << 20), ..Settings::default() };
    let server = Server::start_with(&binary, settings).await;
    let store = Etcd::connect(Options::new([server.url()])).await.expect("connected");
    let mut failure = None;
    for round in 0..200 {
        if let Err(refused) = store.create(&format!("k{round}"), bytes(200_000), None).await {
            failure = Some(refused);
            break;
        }
    }
    assert!(matches!(failure, Some(Error::NoSpace(_))), "{failure:?}");
    assert!(store.get("k0").await.expect("read").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_like_times_to_live_share_a_lease() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let store = Etcd::connect(Options::new([server.url()])).await.expect("connected");
    let hour = Some(Duration::from_secs(3600));
    for round in 0..10 {
        store.create(&format!("k{round}"), bytes(1), hour).await.expect("created");
    }
    let mut raw = etcd_client::Client::connect([server.url()], None).await.expect("connected");
    let leases = raw.leases().await.expect("leases");
    assert_eq!(leases.leases().len(), 1);
    // A lease that went behind the store's back is granted anew; its keys went with it.
    raw.lease_revoke(leases.leases()[0].id()).await.expect("revoked");
    assert!(store.get("k0").await.expect("read").is_none());
    store.create("k0", bytes(1), hour).await.expect("created with a new lease");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_compactors_one_compacts() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let first = Etcd::connect(Options::new([server.url()])).await.expect("connected");
    let second = Etcd::connect(Options::new([server.url()])).await.expect("connected");
    let start = first.create("a", bytes(1), None).await.expect("created");
    let mut revision = start;
    let interval = Duration::from_millis(300);
    let compactors = async { tokio::join!(first.run_compactor(interval), second.run_compactor(interval)) };
    let writer = async {
        let listing = |revision| ListRange { revision, ..ListRange::default() };
        loop {
            revision = second.update("a", revision, bytes(1), None).await.expect("updated");
            match second.list(&listing(start)).await {
                Ok(_) => clock::sleep(Duration::from_millis(20)).await,
                Err(Error::Compacted { .. }) => break,
                Err(failure) => panic!("{failure:?}"),
            }
        }
        assert!(second.list(&listing(revision)).await.is_ok(), "the newest revision stays");
    };
    tokio::select! {
        _ = compactors => {}
        done = tokio::time::timeout(Duration::from_secs(30), writer) => done.expect("compacted in time"),
    }
    let mut raw = etcd_client::Client::connect([server.url()], None).await.expect("connected");
    let clock = raw.get("compact_rev_key", None).await.expect("read");
    // Each interval moved the clock once, not once for each server.
    let (turns, shown) = (clock.kvs()[0].version(), clock.kvs()[0].value_str().expect("text").to_owned());
    assert!(turns >= 2, "{turns}");
    assert!(shown.parse::<u64>().expect("a revision") >= start, "{shown}");
}

/// `cargo test -p keelson-storage --test etcd -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn throughput() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let store = Etcd::connect(Options::new([server.url()])).await.expect("connected");
    let cpu = || {
        let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        fields[11..13].iter().map(|field| field.parse::<u64>().expect("ticks")).sum::<u64>() * 10_000
    };
    let (started, spent) = (clock::monotonic(), cpu());
    let writers = (0..32).map(|writer| {
        let store = &store;
        async move {
            let mut count = 0_u64;
            while started.elapsed() < Duration::from_secs(5) {
                store.create(&format!("w{writer}/{count}"), bytes(4096), None).await.expect("created");
                count += 1;
            }
            count
        }
    });
    let total: u64 = futures::future::join_all(writers).await.into_iter().sum();
    println!("32 writers of 4 KB: {} writes/s, {} us CPU a write", total / 5, (cpu() - spent) / total);
}

struct CachedHarness {
    etcd: EtcdHarness,
    cached: Mutex<Arc<cached::Cached>>,
}

#[async_trait]
impl Harness for CachedHarness {
    async fn store(&self) -> Arc<dyn Storage> {
        self.cached.lock().await.clone()
    }

    async fn cut_connections(&self) {
        self.etcd.cut_connections().await;
    }

    async fn restart(&self) -> Arc<dyn Storage> {
        let store = self.etcd.restart().await;
        let mut cached = self.cached.lock().await;
        *cached = cached::Cached::new(store);
        cached.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cacher_over_etcd_conforms() {
    let Some(server) = Server::start(Settings::default()).await else { return };
    let proxy = Proxy::start(server.address()).await;
    let store = Etcd::connect(Options::new([proxy.url()])).await.expect("connected");
    assert!(store.supports_progress(), "of this version");
    let cached = Mutex::new(cached::Cached::new(store.clone()));
    let etcd = EtcdHarness { server: Mutex::new(server), proxy, store: Mutex::new(store) };
    conformance::run(&CachedHarness { etcd, cached }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batched_reads_see_what_was_acknowledged_before_them() {
    const KEYS: usize = 5;
    let Some(server) = Server::start(Settings::default()).await else { return };
    let store = Etcd::connect(Options::new([server.url()])).await.expect("connected");
    let acknowledged: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let writers = (0..KEYS).map(|key| {
        let (store, acknowledged) = (&store, &acknowledged[key]);
        async move {
            let name = format!("k{key}");
            let mut revision = store.create(&name, bytes(10), None).await.expect("created");
            for _ in 0..100 {
                acknowledged.store(revision, Ordering::SeqCst);
                revision = store.update(&name, revision, bytes(10), None).await.expect("updated");
            }
        }
    });
    let readers = (0..200).map(|reader: usize| {
        let (store, acknowledged) = (&store, &acknowledged);
        async move {
            for round in 0..10 {
                let key = (reader + round) % (KEYS + 1);
                let before = acknowledged.get(key).map_or(0, |known| known.load(Ordering::SeqCst));
                let found = store.get(&format!("k{key}")).await.expect("read");
                assert!(found.as_ref().is_some_and(|state| *state.key == format!("k{key}")) || before == 0);
                assert!(found.map_or(0, |state| state.revision) >= before, "a read of k{key}");
                let before = acknowledged.iter().map(|known| known.load(Ordering::SeqCst)).max();
                assert!(store.current_revision().await.expect("a revision") >= before.unwrap_or(0));
            }
        }
    });
    let all = async { tokio::join!(join_all(writers), join_all(readers)) };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("in time");
}
