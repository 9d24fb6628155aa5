//! Starts: from the process' execution to the first `/readyz` that says so, and what is resident then.

use std::time::Duration;

use keelson_e2e::{Server, Store};

use crate::client::Client;
use crate::sample::Memory;
use crate::{IN_FLIGHT, JSON, PODS, namespace, pod, tokens};

/// How often each start is measured.
const ROUNDS: usize = 7;
const CONFIG_MAPS: usize = 1_000;
/// A server that takes longer is not measured but broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// First starts and restarts, on nothing and on what a cluster holds.
pub(crate) async fn start(store: Store) {
    let tokens = tokens();
    // As kubeadm has it: the node authorizer reads all pods before the server is ready.
    let flags =
        [format!("--token-auth-file={}", tokens.path().display()), "--authorization-mode=Node,RBAC".into()];
    println!("{:<44}{:>10}{:>18}{:>12}", "from exec to /readyz", "median ms", "range ms", "target ms");
    match store {
        Store::Embedded => embedded(&flags).await,
        Store::Etcd(etcd) => {
            let flags = [&flags[..], &[format!("--etcd-servers={}", etcd.endpoint)]].concat();
            on_etcd(&flags).await;
        }
    }
}

async fn embedded(flags: &[String]) {
    let mut first = Vec::new();
    for _ in 0..ROUNDS {
        let (server, took) = launch(flags).await;
        first.push(took);
        assert_eq!(server.stop(), 0, "the server ends cleanly");
    }
    print("first start", first, 200.0);
    let (server, _) = launch(flags).await;
    println!("  idle: {} (target 30)", Memory::settled(server.pid()).await);
    let server = restarts("restart", server, 200.0).await;
    fill(&server).await;
    let server = restarts("restart with 10,000 pods, 1,000 config maps", server, f64::NAN).await;
    println!("  idle: {}", Memory::settled(server.pid()).await);
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

async fn on_etcd(flags: &[String]) {
    let (server, took) = launch(flags).await;
    print("first start on an empty etcd", vec![took], f64::NAN);
    println!("  idle: {} (target 30)", Memory::settled(server.pid()).await);
    fill(&server).await;
    let server = restarts("restart with 10,000 pods, 1,000 config maps", server, 500.0).await;
    println!("  idle: {}", Memory::settled(server.pid()).await);
    assert_eq!(server.stop(), 0, "the server ends cleanly");
    let mut fresh = Vec::new();
    for _ in 0..ROUNDS {
        let (server, took) = launch(flags).await;
        fresh.push(took);
        assert_eq!(server.stop(), 0, "the server ends cleanly");
    }
    print("the same, a server that makes certificates", fresh, 500.0);
}

/// A server with a directory of its own, and how long it took.
async fn launch(flags: &[String]) -> (Server, Duration) {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    // The flags name the store.
    let server = Server::launch(Store::Embedded, &flags);
    let took = ready(&server).await;
    (server, took)
}

async fn restarts(name: &str, mut server: Server, target_ms: f64) -> Server {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        server = server.relaunch();
        took.push(ready(&server).await);
    }
    print(name, took, target_ms);
    server
}

/// Asks until the server says that it is ready; how long after its start that was.
async fn ready(server: &Server) -> Duration {
    let mut connection: Option<Client> = None;
    while server.started.elapsed() < PATIENCE {
        match &connection {
            None => connection = Client::try_connect(server).await,
            Some(client) => match client.status("/readyz").await {
                Some(status) if status.is_success() => return server.started.elapsed(),
                Some(_) => {}
                None => connection = None,
            },
        }
        if connection.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    panic!("the server is not ready after {PATIENCE:?}");
}

/// What a cluster holds.
async fn fill(server: &Server) {
    let client = Client::connect(server).await;
    let pods = namespace(&client, "bench").await;
    let maps = pods.replace("/pods", "/configmaps");
    let value = "a setting of some program ".repeat(40);
    let mut running = tokio::task::JoinSet::new();
    for i in 0..PODS + CONFIG_MAPS {
        if running.len() == IN_FLIGHT {
            running.join_next().await.expect("some run").expect("no request panics");
        }
        let (path, body) = if i < PODS {
            (pods.clone(), pod::json(&format!("pod-{i:05}")))
        } else {
            let body = format!(r#"{{"metadata":{{"name":"map-{i:05}"}},"data":{{"settings":"{value}"}}}}"#);
            (maps.clone(), body)
        };
        let client = client.clone();
        running.spawn(async move {
            client.send("POST", &path, JSON, JSON, body).await;
        });
    }
    while let Some(done) = running.join_next().await {
        done.expect("no request panics");
    }
}

fn print(name: &str, mut took: Vec<Duration>, target_ms: f64) {
    took.sort();
    let ms = |i: usize| took[i].as_secs_f64() * 1e3;
    let target = if target_ms.is_nan() { "-".to_owned() } else { format!("{target_ms:.0}") };
    let range = format!("{:.0}-{:.0}", ms(0), ms(took.len() - 1));
    println!("{name:<44}{:>10.0}{range:>18}{target:>12}", ms(took.len() / 2));
}
