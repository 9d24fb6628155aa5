//! Several servers over one etcd: what they must agree on.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod bootstrap;
mod compaction;
mod endpoints;
mod quota;
mod services;

use std::time::Duration;

use keelson_e2e::{Etcd, Server, Store};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long a test may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test against so many servers over one etcd, which start at the same time; skipped where there is no etcd.
fn with_servers<F: Future<Output = ()>>(count: usize, test: impl FnOnce(Vec<Client>) -> F) {
    with_flags(count, &[], test);
}

/// The same, with more flags.
fn with_flags<F: Future<Output = ()>>(count: usize, flags: &[&str], test: impl FnOnce(Vec<Client>) -> F) {
    let Some(etcd) = Etcd::start() else { return };
    let flag = format!("--etcd-servers={}", etcd.endpoint);
    let flags: Vec<&str> =
        flags.iter().copied().chain([flag.as_str(), "--authorization-mode=RBAC"]).collect();
    let start = || Server::start_with(Store::Embedded, &flags);
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..count).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|one| one.join().expect("the server starts")).collect()
    });
    run(async {
        let mut clients = Vec::new();
        for server in &servers {
            clients.push(client(server).await);
        }
        test(clients).await;
    });
    for server in servers {
        assert_eq!(server.stop(), 0, "the server ends cleanly when it is asked to");
    }
}

/// Runs a test to its end, for so long as it may take.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads start");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("the test ends in time") });
    runtime.shutdown_timeout(Duration::from_secs(5));
}

/// Waits until something is so.
async fn until(within: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let whole = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(within, whole).await.expect("it is so in time");
}

async fn client(server: &Server) -> Client {
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig()).expect("the server wrote it");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("it is complete")).expect("its certificates are whole")
}
