//! One of etcd's members is away.

use std::time::{Duration, Instant};

use futures::future::join_all;
use keelson_e2e::proxy::Fault;
use keelson_e2e::{Etcd, Server, Store};

use super::{CONFIG_MAPS, against, create, get, proxies, until};

/// How long a read may take while the server finds out.
const FOUND: Duration = Duration::from_secs(10);
/// How long any request may take after that.
const FAST: Duration = Duration::from_secs(3);

fn check(fault: Fault) {
    let Some(mut etcd) = Etcd::start() else { return };
    let (proxies, servers) = proxies(&etcd, 3);
    etcd.endpoint = servers;
    let server = Server::start(Store::Etcd(etcd));
    against(&server, async |client| {
        assert_eq!(create(&client, "here").await.code, 201);
        let begun = Instant::now();
        proxies[1].set(fault);
        // Reads go to another member, however they went before.
        let here = format!("{CONFIG_MAPS}/here");
        for read in join_all((0..30).map(|_| get(&client, &here))).await {
            assert!(read.code == 200 && read.took < FOUND, "{read:?}");
        }
        // A write that was on its way to that member may fail; one that comes later may not.
        while create(&client, "probe").await.code >= 500 {
            assert!(begun.elapsed() < FOUND * 2, "writes go on failing");
        }
        until(&client, "/readyz", 200, FOUND).await;
        let names: Vec<String> = (0..60).map(|turn| format!("written-{turn}")).collect();
        for written in join_all(names.iter().map(|name| create(&client, name))).await {
            assert!(written.code == 201 && written.took < FAST, "{written:?}");
        }
        proxies[1].heal();
        let names: Vec<String> = (0..30).map(|turn| format!("healed-{turn}")).collect();
        for written in join_all(names.iter().map(|name| create(&client, name))).await {
            assert_eq!(written.code, 201, "{written:?}");
        }
    });
    assert_eq!(server.stop(), 0, "the server ends cleanly when it is asked to");
}

#[test]
fn a_member_that_swallows_everything() {
    check(Fault::Hang);
}

#[test]
fn a_member_that_refuses_connections() {
    check(Fault::Cut);
}
