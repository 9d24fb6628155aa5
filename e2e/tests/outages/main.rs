//! What clients of a server see while its etcd can't be reached, and when it can be again.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod members;
mod start;
mod whole;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use keelson_e2e::proxy::Proxy;
use keelson_e2e::{Etcd, Server};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long a test may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The path of the config maps of the tests.
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// An answer, and how long it took.
#[derive(Debug)]
struct Answer {
    code: u16,
    text: String,
    took: Duration,
}

/// Where an etcd listens.
fn address(etcd: &Etcd) -> SocketAddr {
    let address = etcd.endpoint.strip_prefix("http://").expect("without TLS");
    address.parse().expect("an address")
}

/// So many proxies before one etcd, as if they were its members; and the URLs that a server is given.
fn proxies(etcd: &Etcd, count: usize) -> (Vec<Proxy>, String) {
    let proxies: Vec<Proxy> = (0..count).map(|_| Proxy::start(address(etcd))).collect();
    let urls: Vec<String> = proxies.iter().map(|proxy| format!("http://{}", proxy.address())).collect();
    (proxies, urls.join(","))
}

/// Runs a test against a server.
fn against<F: Future<Output = ()>>(server: &Server, test: impl FnOnce(Client) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads start");
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(server.kubeconfig()).expect("the server wrote it");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let client = Client::try_from(config.expect("it is complete")).expect("its certificates are whole");
        tokio::time::timeout(PATIENCE, test(client)).await.expect("the test ends in time");
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
}

/// Sends one request, without trying again.
async fn ask(client: &Client, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
    let body = kube::client::Body::from(body.into());
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .expect("a request");
    let begun = Instant::now();
    let answer = client.send(request).await.expect("the server answers");
    let code = answer.status().as_u16();
    let text = answer.into_body().collect().await.expect("a whole answer").to_bytes();
    Answer { code, text: String::from_utf8_lossy(&text).into_owned(), took: begun.elapsed() }
}

async fn get(client: &Client, path: &str) -> Answer {
    ask(client, Method::GET, path, "").await
}

/// Creates a config map.
async fn create(client: &Client, name: &str) -> Answer {
    ask(client, Method::POST, CONFIG_MAPS, format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).await
}

/// Asks again and again until the answer has this code.
async fn until(client: &Client, path: &str, code: u16, within: Duration) -> Answer {
    let deadline = Instant::now() + within;
    loop {
        let answer = get(client, path).await;
        if answer.code == code {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path}: still {answer:?} after {within:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
