//! How servers start, fail to start, and end.

use keelson_base::task::TaskGroup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{self, BOTH, Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_port_is_refused() {
    let (one, two) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let server = Server::start(config(one.path())).await.expect("a server");
    let mut second = config(two.path());
    second.serving.port = server.address().port();
    let error = Server::start(second).await.err().expect("the port is taken").to_string();
    let start = format!("--bind-address, --secure-port: can't listen on {}: ", server.address());
    assert!(error.starts_with(&start) && !error.contains('\n'), "{error}");
    assert!(!two.path().join("store").exists(), "nothing was touched");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_data_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let error = Server::start(config(directory.path())).await.err().expect("the data is in use").to_string();
    assert!(error.starts_with("--data-dir: ") && error.contains("in use"), "{error}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_missing_are_named_with_their_flag() {
    let directory = tempfile::tempdir().expect("a directory");
    let check = async |change: &dyn Fn(&mut Config), start: &str| {
        let mut config = config(directory.path());
        change(&mut config);
        let error = Box::pin(Server::start(config)).await.err().expect("it can't start").to_string();
        assert!(error.starts_with(start) && !error.contains('\n'), "{error}");
    };
    check(&|c| c.authentication.client_ca_file = Some("/none.crt".into()), "--client-ca-file: /none.crt: ")
        .await;
    check(&|c| c.authentication.token_file = Some("/none.csv".into()), "--token-auth-file: /none.csv: ")
        .await;
    let keys = |c: &mut Config| c.authentication.service_accounts.key_files = vec!["/none.pub".into()];
    check(&keys, "--service-account-key-file: /none.pub: ").await;
    let key = |c: &mut Config| c.authentication.service_accounts.signing_key_file = Some("/none.key".into());
    check(&key, "--service-account-signing-key-file: /none.key: ").await;
    let files = config::CertificateFiles { certificate: "/none.crt".into(), key: "/none.key".into() };
    let start = "--tls-cert-file, --tls-private-key-file: /none.crt: ";
    check(&|c| c.serving.certificate = Some(files.clone()), start).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_may_share_a_port_where_both_say_so() {
    let (one, two) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let shared = |path: &Path, port| {
        let mut config = config(path);
        (config.serving.permit_port_sharing, config.serving.port) = (true, port);
        config
    };
    let first = Server::start(shared(one.path(), 0)).await.expect("a server");
    let second = Server::start(shared(two.path(), first.address().port())).await.expect("a second server");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_answered_is_finished() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    // A request whose body comes slowly, and connections without one.
    let mut slow = client::tls(&server, directory.path(), Protocol::Http1, None).await;
    let body = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"slow"}}"#;
    let (first, second) = body.split_at(20);
    let head = format!(
        "POST /api/v1/namespaces HTTP/1.1\r\nhost: server\r\nauthorization: Bearer admintoken\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    slow.write_all(head.as_bytes()).await.expect("sent");
    let mut idle = Vec::new();
    for protocol in BOTH {
        let mut client = Client::connect(&server, directory.path(), protocol, None).await;
        assert_eq!(client.send("GET /readyz", &[ADMIN], "").await.expect("an answer").code, 200);
        idle.push(client);
    }
    let lifecycle = server.running.lifecycle.clone();
    let address = server.address();
    let tasks = TaskGroup::new();
    tasks.spawn("stop", server.stop());
    lifecycle.drain.signal().begun().await;
    for client in idle {
        client.closed().await;
    }
    assert!(!lifecycle.end_watches.signal().has_begun(), "watches go on while a request is answered");

    slow.write_all(second.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("an answer, and the connection's end");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    tasks.wait(Duration::from_secs(20)).await.expect("the server ends");
    assert!(lifecycle.end_watches.signal().has_begun());
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_end_with_the_server() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().expect("a directory");
        let server = Server::start(config(directory.path())).await.expect("a server");
        let mut client = Client::connect(&server, directory.path(), protocol, None).await;
        let tasks = TaskGroup::new();
        let watch = tasks
            .spawn("watch", async move { client.send("GET /api/v1/namespaces?watch=1", &[ADMIN], "").await });
        // It has begun as soon as it is counted.
        let counted = r#"subresource="",verb="WATCH",version="v1"} 1"#;
        while !metrics(&server, directory.path()).await.contains(counted) {
            tokio::task::yield_now().await;
        }
        server.stop().await;
        let answer = watch.await.expect("a task").expect("an answer that ends cleanly");
        assert!(answer.code == 200 && answer.text.contains(r#""type":"ADDED""#), "{protocol:?}: {answer:?}");
    }
}

pub(super) async fn metrics(server: &Server, directory: &Path) -> String {
    let mut client = Client::connect(server, directory, Protocol::Http2, None).await;
    client.send("GET /metrics", &[ADMIN], "").await.expect("an answer").text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_is_not_ready_but_serves() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    server.running.lifecycle.ending.begin();
    let ready = client.send("GET /readyz", &[ADMIN], "").await.expect("an answer");
    assert!(ready.code == 500 && ready.text.contains("[-]shutdown failed: reason withheld\n"), "{ready:?}");
    assert_eq!(client.send("GET /livez", &[ADMIN], "").await.expect("an answer").code, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_start_finds_the_same_certificates() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = ["server-ca.crt", "apiserver.crt", "client-ca.crt", "admin.crt"];
    let read = || files.map(|name| std::fs::read(directory.path().join(name)).expect("a file"));
    let server = Server::start(config(directory.path())).await.expect("a server");
    let (before, kubeconfig) = (read(), server.kubeconfig().expect("a kubeconfig").to_owned());
    assert_eq!(kubeconfig, directory.path().join("admin.kubeconfig"));
    server.stop().await;
    let server = Server::start(config(directory.path())).await.expect("a server again");
    assert!(before == read());
    let text = std::fs::read_to_string(kubeconfig).expect("a kubeconfig");
    assert!(text.contains(&format!("server: {}\n", server.url())), "the port is another");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_requests_are_told_to_come_back_and_watches_end_while_others_finish() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.ending = config::Ending { send_retry_after: true, watch_grace: Duration::from_secs(30) };
    let server = Server::start(config).await.expect("a server");
    let mut slow = client::tls(&server, directory.path(), Protocol::Http1, None).await;
    let head = "POST /api/v1/namespaces HTTP/1.1\r\nhost: server\r\nauthorization: Bearer admintoken\r\n\
                content-type: application/json\r\ncontent-length: 25\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.expect("sent");
    slow.flush().await.expect("sent");
    let mut clients = Vec::new();
    for protocol in BOTH {
        let mut client = Client::connect(&server, directory.path(), protocol, None).await;
        assert_eq!(client.send("GET /readyz", &[ADMIN], "").await.expect("an answer").code, 200);
        clients.push(client);
    }
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let tasks = TaskGroup::new();
    let watch = tasks
        .spawn("watch", async move { client.send("GET /api/v1/namespaces?watch=1", &[ADMIN], "").await });
    let lifecycle = server.running.lifecycle.clone();
    while lifecycle.watches.is_empty() || lifecycle.in_flight.is_empty() {
        tokio::task::yield_now().await;
    }
    tasks.spawn("stop", server.stop());
    lifecycle.refuse.signal().begun().await;
    for mut client in clients {
        let answer = client.send("GET /api/v1/namespaces", &[ADMIN], "").await.expect("an answer");
        assert_eq!((answer.code, answer.header("retry-after")), (429, "5"), "{answer:?}");
        client.closed().await;
    }
    assert_eq!(watch.await.expect("a task").expect("an answer that ends cleanly").code, 200);
    assert!(!lifecycle.drain.signal().has_begun(), "a request is not finished yet");
    slow.write_all(br#""metadata":{"name":"a"}}"#).await.expect("sent");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("an answer, and the connection's end");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    tasks.wait(Duration::from_secs(20)).await.expect("the server ends");
}
