//! Restarts on one port that nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keelson_base::shutdown::{Shutdown, Signal};
use keelson_base::task::TaskGroup;
use parking_lot::Mutex;

use super::client::{BOTH, Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");

/// What a load has come to.
#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// A client as Go's: keeps its connection where it may, and opens another one where the server said that it ends.
async fn load(
    address: SocketAddr,
    directory: Arc<Path>,
    protocol: Protocol,
    keeps: bool,
    counts: Arc<Counts>,
    end: Signal,
) {
    let mut kept: Option<Client> = None;
    while !end.has_begun() {
        let mut client = match kept.take() {
            Some(client) => client,
            None => match Client::try_connect(address, &directory, protocol).await {
                Ok(client) => client,
                Err(error) => {
                    counts.failures.lock().push(format!("{protocol:?}: connecting: {error}"));
                    continue;
                }
            },
        };
        // Over HTTP/2 the server may have said meanwhile that it takes no more: nothing was sent then.
        if protocol == Protocol::Http2 && client.ready().await.is_err() {
            continue;
        }
        match client.send("GET /api/v1/namespaces/default", &[ADMIN], "").await {
            Ok(answer) if answer.code == 200 || answer.code == 404 => {
                counts.answered.fetch_add(1, Ordering::Relaxed);
                if keeps && answer.header("connection") != "close" {
                    kept = Some(client);
                }
            }
            Ok(answer) => counts.failures.lock().push(format!("{protocol:?}: {answer:?}")),
            // The server said that it takes no more while the request was on its way, and did not look at it.
            Err(error) if protocol == Protocol::Http2 && says_goaway(&error) => {}
            Err(error) => counts.failures.lock().push(format!("{protocol:?}, keeps {keeps}: {error:?}")),
        }
        clock::sleep(Duration::from_millis(2)).await;
    }
}

fn says_goaway(error: &hyper::Error) -> bool {
    let text = format!("{error:?}");
    error.is_canceled() || text.contains("GoAway") && text.contains("NO_ERROR")
}

async fn goes_on(counts: &Counts, by: u64) {
    let wanted = counts.answered.load(Ordering::Relaxed) + by;
    let went_on = async {
        while counts.answered.load(Ordering::Relaxed) < wanted {
            clock::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), went_on).await.expect("the load goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_restart_on_a_shared_port() {
    let directories = [(); 3].map(|()| tempfile::tempdir().expect("a directory"));
    let shared = |turn: usize, port| {
        let mut config = config(directories[turn].path());
        (config.serving.permit_port_sharing, config.serving.port) = (true, port);
        // One certificate for all of them.
        config.serving.cert_dir = directories[0].path().to_owned();
        config
    };
    let mut server = Server::start(shared(0, 0)).await.expect("a server");
    let address = server.address();
    let (counts, end, tasks) = (Arc::new(Counts::default()), Shutdown::new(), TaskGroup::new());
    for protocol in BOTH {
        for keeps in [false, true, true] {
            let directory = Arc::from(directories[0].path());
            tasks.spawn("load", load(address, directory, protocol, keeps, counts.clone(), end.signal()));
        }
    }
    goes_on(&counts, 60).await;
    for turn in 1..3 {
        let next = Server::start(shared(turn, address.port())).await.expect("the next server");
        goes_on(&counts, 60).await;
        server.stop().await;
        server = next;
        goes_on(&counts, 60).await;
    }
    end.begin();
    tasks.wait(Duration::from_secs(20)).await.expect("the load ends");
    assert_eq!(*counts.failures.lock(), Vec::<String>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shares_its_port_does_not_listen_before_it_is_ready() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.serving.permit_port_sharing = true;
    let server = Server::serve(config).await.expect("a server");
    assert!(tokio::net::TcpStream::connect(server.address()).await.is_err(), "others serve meanwhile");
    server.ready().await.expect("it gets ready");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    assert_eq!(client.send("GET /readyz", &[ADMIN], "").await.expect("an answer").code, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_serves_its_health_while_it_gets_ready() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.health.refuse_until_ready = true;
    config.health.livez_grace = Duration::from_secs(600);
    let server = Server::serve(config).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    // The lease is renewed only when the rest is there: nobody has begun to wait for that.
    let answer = client.send("GET /readyz", &[ADMIN], "").await.expect("an answer");
    let hook = "poststarthook/start-kube-apiserver-identity-lease-controller";
    let line = format!("[-]{hook} failed: reason withheld\n");
    assert!(answer.code == 500 && answer.text.contains(&line), "{answer:?}");
    assert_eq!(client.send("GET /livez", &[ADMIN], "").await.expect("an answer").code, 200);
    let refused = client.send("GET /api/v1/namespaces", &[ADMIN], "").await.expect("an answer");
    assert_eq!((refused.code, refused.header("retry-after")), (503, "5"), "{refused:?}");
    server.ready().await.expect("it gets ready");
    let ready = client.send("GET /readyz?verbose", &[ADMIN], "").await.expect("an answer");
    let start = "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]informer-sync ok\n\
                 [+]poststarthook/generic-apiserver-start-informers ok\n";
    assert!(ready.code == 200 && ready.text.starts_with(start), "{ready:?}");
    assert!(ready.text.ends_with("\n[+]shutdown ok\nreadyz check passed\n"), "{ready:?}");
    assert_eq!(client.send("GET /api/v1/namespaces", &[ADMIN], "").await.expect("an answer").code, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_yet_is_answered_while_the_server_ends() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().expect("a directory");
        let server = Server::start(config(directory.path())).await.expect("a server");
        let mut fresh = Client::connect(&server, directory.path(), protocol, None).await;
        let mut used = Client::connect(&server, directory.path(), protocol, None).await;
        assert_eq!(used.send("GET /readyz", &[ADMIN], "").await.expect("an answer").code, 200);
        let lifecycle = server.running.lifecycle.clone();
        let tasks = TaskGroup::new();
        tasks.spawn("stop", server.stop());
        lifecycle.drain.signal().begun().await;
        let answer = fresh.send("GET /livez", &[ADMIN], "").await.expect("an answer");
        assert_eq!(answer.code, 200);
        if protocol == Protocol::Http1 {
            assert_eq!(answer.header("connection"), "close");
            let last = used.send("GET /livez", &[ADMIN], "").await.expect("an answer");
            assert_eq!((last.code, last.header("connection")), (200, "close"));
        }
        fresh.closed().await;
        used.closed().await;
        tasks.wait(Duration::from_secs(20)).await.expect("the server ends");
    }
}
