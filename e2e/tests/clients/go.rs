//! The client-go suite.

use std::process::Command;

use keelson_e2e::{Etcd, Server, Store};

#[test]
fn client_go_works_on_the_embedded_store() {
    suite(Store::Embedded);
}

#[test]
fn client_go_works_on_etcd() {
    if let Some(etcd) = Etcd::start() {
        suite(Store::Etcd(etcd));
    }
}

fn suite(store: Store) {
    let Some(program) = std::env::var_os("KEELSON_CLIENT_GO") else {
        println!("skipped: KEELSON_CLIENT_GO is not set (`make test` sets it)");
        return;
    };
    let endpoint = match &store {
        Store::Etcd(etcd) => etcd.endpoint.clone(),
        Store::Embedded => String::new(),
    };
    let server = Server::start(store);
    let mut command = Command::new(program);
    command.args(["-test.timeout=4m", "-test.v"]);
    command.env("KUBECONFIG", server.kubeconfig()).env("KEELSON_ETCD_ENDPOINT", endpoint);
    // client-go holds its own caches to a list, and fails where they differ.
    command.env("KUBE_WATCHLIST_INCONSISTENCY_DETECTOR", "true");
    let output = command.output().expect("the suite starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let skipped = said.lines().filter(|line| line.contains("--- SKIP")).count();
    let passed = said.lines().filter(|line| line.starts_with("--- PASS")).count();
    println!("client-go: {passed} tests passed, {skipped} skipped");
    assert!(
        output.status.success(),
        "the client-go suite fails:\n{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(passed > 0, "the suite has tests");
}
