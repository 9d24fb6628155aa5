//! All of etcd is away.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use keelson_e2e::proxy::Fault;
use keelson_e2e::{Etcd, Server, Store};
use kube::api::{Api, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use parking_lot::Mutex;

use super::{CONFIG_MAPS, against, create, get, proxies, until};

/// How long it may take until the server knows.
const NOTICED: Duration = Duration::from_secs(20);
/// How long a request may take from then on.
const FAST: Duration = Duration::from_secs(3);
/// How long it may take until all is well again.
const RECOVERED: Duration = Duration::from_secs(15);

/// Follows config maps: the names that were added, and how the watch ended, if it did.
fn follow(client: &Client) -> Arc<Mutex<(Vec<String>, Option<String>)>> {
    let seen = Arc::new(Mutex::new((Vec::new(), None)));
    let (noted, maps) = (seen.clone(), Api::<ConfigMap>::namespaced(client.clone(), "default"));
    tokio::spawn(async move {
        let ended = async {
            let mut events = maps.watch(&WatchParams::default(), "0").await?.boxed();
            while let Some(event) = events.try_next().await? {
                if let WatchEvent::Added(map) = event {
                    noted.lock().0.push(map.name_any());
                }
            }
            Ok::<(), kube::Error>(())
        };
        let ended = ended.await;
        noted.lock().1 = Some(format!("{ended:?}"));
    });
    seen
}

async fn reaches(what: &str, within: Duration, reached: impl Fn() -> bool) {
    let waited = tokio::time::timeout(within, async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what} within {within:?}");
}

fn check(fault: Fault) {
    let Some(mut etcd) = Etcd::start() else { return };
    let (proxies, servers) = proxies(&etcd, 1);
    etcd.endpoint = servers;
    let server = Server::start(Store::Etcd(etcd));
    against(&server, async |client| {
        assert_eq!(create(&client, "before").await.code, 201);
        let seen = follow(&client);
        reaches("the first event", RECOVERED, || seen.lock().0.iter().any(|name| name == "before")).await;
        proxies[0].set(fault);

        if fault == Fault::Hang {
            // It is on its way: nobody can say what becomes of it, so clients must not send it again by themselves.
            let written = create(&client, "unanswered").await;
            assert!(written.code == 500 && written.took < NOTICED, "{written:?}");
            assert!(written.text.contains("storage did not answer the create operation"), "{written:?}");
            assert!(!written.text.contains("retryAfterSeconds"), "{written:?}");
        }
        until(&client, "/readyz", 500, NOTICED).await;
        let ready = get(&client, "/readyz").await.text;
        for line in ["[-]etcd failed: reason withheld\n", "[-]etcd-readiness failed: reason withheld\n"] {
            assert!(ready.contains(line), "{ready}");
        }
        assert_eq!(get(&client, "/livez").await.code, 200);
        // The first consistent read finds out what has become of the connection.
        let before = format!("{CONFIG_MAPS}/before");
        let read = get(&client, &before).await;
        assert!(read.code == 500 && read.took < NOTICED, "{read:?}");
        for turn in 0..3 {
            let read = get(&client, &before).await;
            assert!(read.code == 500 && read.took < FAST, "{turn}: {read:?}");
            let listed = get(&client, CONFIG_MAPS).await;
            assert!(listed.code == 500 && listed.took < FAST, "{turn}: {listed:?}");
            let written = create(&client, "lost").await;
            assert!(written.code == 500 && written.took < FAST, "{turn}: {written:?}");
            assert!(written.text.contains(r#""reason":"ServerTimeout""#), "{written:?}");
            for cached in [format!("{before}?resourceVersion=0"), format!("{CONFIG_MAPS}?resourceVersion=0")]
            {
                let read = get(&client, &cached).await;
                assert!(read.code == 200 && read.text.contains("before") && read.took < FAST, "{read:?}");
            }
        }
        assert!(seen.lock().1.is_none(), "watches stay: {:?}", seen.lock());

        proxies[0].heal();
        until(&client, "/readyz", 200, RECOVERED).await;
        let written = create(&client, "after").await;
        assert_eq!(written.code, 201, "{written:?}");
        assert_eq!(get(&client, &before).await.code, 200);
        reaches("the watch goes on", RECOVERED, || seen.lock().0.iter().any(|name| name == "after")).await;
        assert!(seen.lock().1.is_none(), "watches stay: {:?}", seen.lock());
    });
    assert_eq!(server.stop(), 0, "the server ends cleanly when it is asked to");
}

#[test]
fn a_network_that_swallows_everything() {
    check(Fault::Hang);
}

#[test]
fn an_etcd_that_refuses_connections() {
    check(Fault::Cut);
}
