//! What is answered.

use super::client::{BOTH, Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const ALICE: (&str, &str) = ("authorization", "Bearer alicetoken");
const WRONG: (&str, &str) = ("authorization", "Bearer wrong");

async fn started() -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    (directory, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_what() {
    let (directory, server) = started().await;
    let (server_ref, path) = (&server, directory.path());
    let check = async |request: &str, headers: &[(&str, &str)], code: u16, text: &str| {
        for protocol in BOTH {
            // A connection each: those without credentials are closed after a request.
            let mut client = Client::connect(server_ref, path, protocol, None).await;
            let answer = client.send(request, headers, "").await.expect("an answer");
            assert_eq!(answer.code, code, "{protocol:?} {request} {headers:?}: {}", answer.text);
            assert!(answer.text.contains(text), "{protocol:?} {request} {headers:?}: {}", answer.text);
            assert_eq!(answer.header("cache-control"), "no-cache, private");
            assert_eq!(answer.header("audit-id").len(), 36, "{answer:?}");
        }
    };
    check("GET /healthz", &[], 200, "ok").await;
    check("GET /readyz?verbose", &[ADMIN], 200, "[+]etcd ok\n").await;
    check("GET /livez", &[WRONG], 401, r#""reason":"Unauthorized""#).await;
    check("GET /nothing", &[WRONG], 401, "Unauthorized").await;
    check("GET /nothing", &[], 403, r#"forbidden: User \"system:anonymous\" cannot get path \"/nothing\""#)
        .await;
    check("GET /", &[ADMIN], 200, "\"/metrics/slis\",\n").await;
    check("GET /", &[ADMIN], 200, "\"/readyz/shutdown\",\n").await;
    check("GET /nothing", &[ADMIN], 404, "404 page not found\n").await;
    check("GET /metrics", &[ALICE], 403, r#"User \"alice\" cannot get path \"/metrics\""#).await;
    check("GET /metrics", &[ADMIN], 200, "apiserver_request_total{").await;
    check("GET /metrics/slis", &[ADMIN], 200, "kubernetes_healthcheck").await;
    let denied = r#"nodes is forbidden: User \"alice\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"#;
    check("GET /api/v1/nodes", &[ALICE], 403, denied).await;
    check("HEAD /readyz", &[ADMIN], 200, "").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_are_credentials() {
    let (directory, server) = started().await;
    // A certificate that the server's own client authority did not sign.
    for file in ["crt", "key"] {
        let (from, to) = (format!("apiserver.{file}"), format!("other.{file}"));
        std::fs::copy(directory.path().join(from), directory.path().join(to)).expect("copied");
    }
    for (certificate, code) in [(Some("admin"), 404), (Some("other"), 401), (None, 403)] {
        for protocol in BOTH {
            let mut client = Client::connect(&server, directory.path(), protocol, certificate).await;
            let answer = client.send("GET /nothing", &[], "").await.expect("an answer");
            assert_eq!(answer.code, code, "{protocol:?} {certificate:?}: {}", answer.text);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_audit_id_is_kept() {
    let (directory, server) = started().await;
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let answer = client.send("GET /healthz", &[ADMIN, ("audit-id", "mine")], "").await.expect("an answer");
    assert_eq!(answer.header("audit-id"), "mine");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acts_as_another_has_that_ones_rights() {
    let (directory, server) = started().await;
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let mut check = async |headers: &[(&'static str, &'static str)], code: u16| {
        let answer = client.send("GET /api/v1/secrets", headers, "").await.expect("an answer");
        assert_eq!(answer.code, code, "{headers:?}: {}", answer.text);
    };
    check(&[ADMIN], 200).await;
    check(&[ADMIN, ("impersonate-user", "alice")], 403).await;
    check(&[ADMIN, ("impersonate-user", "alice"), ("impersonate-group", "system:masters")], 200).await;
    check(&[ADMIN, ("impersonate-extra-scopes", "view")], 400).await;
    check(&[ALICE, ("impersonate-user", "admin"), ("impersonate-group", "system:masters")], 403).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_connections_without_credentials_serve_one_request() {
    let (directory, server) = started().await;
    for headers in [[].as_slice(), &[WRONG]] {
        let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
        client.send("GET /healthz", headers, "").await.expect("an answer");
        client.closed().await;
    }
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    for _ in 0..20 {
        assert_eq!(client.send("GET /healthz", &[ALICE], "").await.expect("an answer").code, 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_too_large_are_refused() {
    let (directory, server) = started().await;
    let large = "x".repeat(1_500_000);
    for protocol in BOTH {
        let mut client = Client::connect(&server, directory.path(), protocol, None).await;
        let small = client.send("GET /healthz", &[ADMIN, ("x-small", &large[..100_000])], "").await;
        assert_eq!(small.expect("an answer").code, 200, "{protocol:?}");
        match client.send("GET /healthz", &[ADMIN, ("x-large", &large)], "").await {
            Ok(answer) => assert_eq!(answer.code, 431, "{protocol:?}"),
            // The server may close before the client has sent all of it.
            Err(error) => assert!(!error.is_timeout(), "{protocol:?}: {error}"),
        }
        let mut again = Client::connect(&server, directory.path(), protocol, None).await;
        assert_eq!(again.send("GET /healthz", &[ADMIN], "").await.expect("an answer").code, 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_timeouts_are_refused() {
    let (directory, server) = started().await;
    let mut client = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
    let answer = client.send("GET /healthz?timeout=soon", &[ADMIN], "").await.expect("an answer");
    let text = r#"invalid timeout specified in the request URL - time: invalid duration \"soon\""#;
    assert!(answer.code == 400 && answer.text.contains(text), "{answer:?}");
    server.stop().await;
}
