//! Traces of requests, as a collector gets them.

use super::client::{Client, Protocol};
use super::*;
use crate::telemetry::traces::testing::{Collected, Collector};

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const ALICE: (&str, &str) = ("authorization", "Bearer alicetoken");
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn traced(directory: &Path, rate: u32) -> (Collector, Server) {
    let collector = Collector::start().await;
    let file = directory.join("tracing.yaml");
    let text = format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: {}\nsamplingRatePerMillion: {rate}\n",
        collector.address
    );
    std::fs::write(&file, text).expect("a writable directory");
    let config = Config { tracing_file: Some(file), ..config(directory) };
    (collector, Server::start(config).await.expect("a server"))
}

fn named<'a>(spans: &'a [Collected], name: &str) -> &'a Collected {
    let names = || spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {:?}", names()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_trace_goes_on_in_the_server() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (collector, server) = traced(directory.path(), 0).await;
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let parent = ("traceparent", PARENT);
    let map = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#;
    let headers = [ADMIN, parent, ("content-type", "application/json"), ("user-agent", "tester")];
    let maps = "/api/v1/namespaces/default/configmaps";
    let answer = client.send(&format!("POST {maps}?pretty=false"), &headers, map).await.expect("an answer");
    assert_eq!(answer.code, 201, "{}", answer.text);
    let audit_id = answer.header("audit-id").to_owned();
    let patch = [ADMIN, parent, ("content-type", "application/merge-patch+json")];
    let answer = client.send(&format!("PATCH {maps}/a"), &patch, r#"{"data":{"k":"v"}}"#).await;
    assert_eq!(answer.expect("an answer").code, 200);
    let answer = client.send(&format!("GET {maps}?limit=500&labelSelector=x"), &[ADMIN, parent], "").await;
    assert_eq!(answer.expect("an answer").code, 200);
    // Nobody asked for these.
    client.send(&format!("GET {maps}/a"), &[ADMIN], "").await.expect("an answer");
    client.send("GET /version", &[ALICE, parent], "").await.expect("an answer");
    server.stop().await;

    let spans = collector.take();
    assert!(spans.iter().all(|span| span.trace == PARENT[3..35]), "{spans:?}");
    let child = |name: &str, parent: &Collected| {
        let child = named(&spans, name);
        assert_eq!(child.parent, parent.id, "{name} is no child of {}", parent.name);
        child
    };
    let create = named(&spans, "POST /api/v1/namespaces/{:namespace}/configmaps");
    assert_eq!(create.parent, PARENT[36..52]);
    for (key, value) in [
        ("http.request.method", "POST"),
        ("url.path", maps),
        ("http.target", "/api/v1/namespaces/default/configmaps?pretty=false"),
        ("http.response.status_code", "201"),
        ("user_agent.original", "tester"),
        ("network.protocol.version", "2"),
        ("audit-id", &audit_id),
    ] {
        assert_eq!(create.attribute(key), value, "{key}");
    }
    let verb = child("Create", create);
    assert_eq!(
        (verb.attribute("resource"), verb.attribute("namespace")),
        ("configmaps".into(), "default".into())
    );
    let written = child("Create etcd3", verb);
    assert!(written.attribute("key").ends_with("configmaps/default/a"), "{}", written.attribute("key"));
    assert!(child("Mutating admission", verb).events.iter().any(|event| event == "NamespaceLifecycle"));
    child("Validating admission", verb);
    let patch = named(&spans, "PATCH /api/v1/namespaces/{:namespace}/configmaps/{:name}");
    child("GuaranteedUpdate etcd3", child("Patch", patch));
    let list = named(&spans, "GET /api/v1/namespaces/{:namespace}/configmaps");
    assert!(list.attribute("http.target").ends_with("?limit=500&labelSelector=…"));
    child("cacher.GetList", child("List", list));
    for root in [create, patch, list] {
        let authorized = |span: &&Collected| span.name == "Authorization" && span.parent == root.id;
        assert_eq!(spans.iter().filter(authorized).count(), 1, "{}", root.name);
    }
    assert_eq!(spans.iter().filter(|span| span.parent == PARENT[36..52]).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_only_named_by_the_servers_own_traces() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (collector, server) = traced(directory.path(), 1_000_000).await;
    let mut client = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
    client.send("GET /version", &[ALICE, ("traceparent", PARENT)], "").await.expect("an answer");
    client.send("GET /healthz", &[ADMIN, ("traceparent", "nonsense")], "").await.expect("an answer");
    server.stop().await;
    let spans = collector.take();
    let roots: Vec<&Collected> = spans.iter().filter(|span| span.name == "GET").collect();
    assert_eq!(roots.len(), 2, "{spans:?}");
    assert!(roots.iter().all(|root| root.parent.is_empty() && root.trace != PARENT[3..35]), "{roots:?}");
    let links: Vec<&str> = roots.iter().flat_map(|root| &root.links).map(String::as_str).collect();
    assert_eq!(links, [&PARENT[36..52]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_makes_no_sense_keeps_the_server_from_starting() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tracing.yaml");
    std::fs::write(&file, "kind: Other\napiVersion: v1\n").expect("a writable directory");
    let config = Config { tracing_file: Some(file), ..config(directory.path()) };
    let error = Server::start(config).await.err().expect("no server").to_string();
    assert!(error.starts_with("--tracing-config-file: ") && error.contains("tracing.yaml"), "{error}");
}
