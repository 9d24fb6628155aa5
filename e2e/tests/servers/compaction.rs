//! Of several servers one compacts, once an interval.

use std::time::{Duration, Instant};

use etcd_client::{Client, GetOptions};
use keelson_e2e::{Etcd, Server, Store};

use crate::{run, until};

const KEY: &str = "compact_rev_key";

async fn version(etcd: &mut Client) -> i64 {
    etcd.get(KEY, None).await.expect("etcd answers").kvs().first().map_or(0, |kv| kv.version())
}

/// Servers over an etcd, that compact so often.
fn servers(etcd: &Etcd, count: usize, interval: &str) -> Vec<Server> {
    let flags =
        [format!("--etcd-servers={}", etcd.endpoint), format!("--etcd-compaction-interval={interval}")];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    (0..count).map(|_| Server::start_with(Store::Embedded, &flags)).collect()
}

#[test]
fn two_servers_compact_once_an_interval() {
    let Some(etcd) = Etcd::start() else { return };
    let servers = servers(&etcd, 2, "1s");
    run(async {
        let mut etcd = Client::connect([&etcd.endpoint], None).await.expect("a connection");
        let within = Duration::from_secs(45);
        until(within, async || version(&mut etcd.clone()).await >= 2).await;
        let (before, begun) = (version(&mut etcd).await, Instant::now());
        until(within, async || version(&mut etcd.clone()).await >= before + 4).await;
        // The protocol lets nobody compact in less than an interval from another's turn.
        let most = i64::try_from(begun.elapsed().as_secs()).expect("few") + 2;
        let turns = version(&mut etcd).await - before;
        assert!(turns <= most, "{turns} turns in {:?}", begun.elapsed());
        let old = GetOptions::new().with_revision(1);
        let refused = etcd.get("/registry/", Some(old)).await.expect_err("the first revision is gone");
        assert!(refused.to_string().contains("compacted"), "{refused}");
    });
    for server in servers {
        assert_eq!(server.stop(), 0);
    }
}

#[test]
fn a_server_that_is_told_so_never_compacts() {
    let Some(etcd) = Etcd::start() else { return };
    let servers = servers(&etcd, 1, "0");
    let often = Server::start_with(Store::Embedded, &["--etcd-compaction-interval=100ms"]);
    run(async {
        let mut etcd = Client::connect([&etcd.endpoint], None).await.expect("a connection");
        assert_eq!(version(&mut etcd).await, 0);
    });
    for server in servers.into_iter().chain([often]) {
        assert_eq!(server.stop(), 0);
    }
}
