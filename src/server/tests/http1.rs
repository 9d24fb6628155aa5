//! HTTP/1.1 as bytes: what could be understood in two ways is refused, and its connection ends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{self, Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const HEAD: &str = "Host: server\r\nAuthorization: Bearer admintoken\r\n";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// What the server says to these bytes until it closes the connection.
async fn until_closed(server: &Server, directory: &Path, bytes: &[u8]) -> String {
    let mut stream = client::tls(server, directory, Protocol::Http1, None).await;
    let (mut answer, limit) = (Vec::new(), Duration::from_secs(3));
    let exchange = async {
        // The server may close before it has read all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    let closed = tokio::time::timeout(limit, exchange).await.is_ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    if closed { answer } else { format!("{answer}HTTP/1. stays open") }
}

/// The codes of all answers.
fn codes(answer: &str) -> Vec<&str> {
    let lines = answer.match_indices("HTTP/1.").map(|(at, _)| &answer[at..]);
    lines.filter_map(|line| line.get(9..12)).collect()
}

/// A request that would do harm if it were taken from the body of another.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_can_be_read_in_two_ways_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let (server_ref, path) = (&server, directory.path());
    let mut wrong = Vec::new();
    let mut check = async |bytes: &str, wanted: &[&str]| {
        let answer = until_closed(server_ref, path, bytes.as_bytes()).await;
        if codes(&answer) != wanted || answer.contains("smuggled") {
            wrong.push(format!("{bytes:?}: {answer:?}"));
        }
    };
    let get = |headers: &str| format!("GET /version HTTP/1.1\r\n{HEAD}{headers}\r\n{SMUGGLED}");
    let post = |headers: &str, body: &str| {
        format!(
            "POST {MAPS} HTTP/1.1\r\n{HEAD}Content-Type: application/json\r\n{headers}\r\n{body}{SMUGGLED}"
        )
    };
    for headers in [
        // Lengths that are none, or two.
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551616\r\n",
        // Encodings that are none.
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        // Lines that go on, and names that are none.
        "X-Folded: a\r\n b\r\n",
        "X-Folded: a\r\n\tb\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding : chunked\r\n",
        " X-Leading: a\r\n",
        "X Space: a\r\n",
        "X\tTab: a\r\n",
        "X(a): b\r\n",
        "X\u{fc}: b\r\n",
        "X\0: b\r\n",
        ": b\r\n",
        "nothing\r\n",
        "X-Nul: a\0b\r\n",
        "X-Cr: a\rb\r\n",
        "X-Control: a\u{1}b\r\n",
        // Hosts.
        "Host: other\r\n",
        "Host: server\r\n",
    ] {
        check(&get(headers), &["400"]).await;
    }
    for (line, code) in [
        ("GET /version HTTP/1.1\r\nAuthorization: Bearer admintoken\r\n", "400"),
        ("GET /version HTTP/1.1\r\nHost: a/b\r\n", "400"),
        ("GET /version HTTP/1.1\r\nHost: a b\r\n", "400"),
        ("GET  /version HTTP/1.1\r\nHost: a\r\n", "400"),
        ("GET /ver sion HTTP/1.1\r\nHost: a\r\n", "400"),
        ("GET /version\r\nHost: a\r\n", "400"),
        ("GET version HTTP/1.1\r\nHost: a\r\n", "400"),
        ("GET /version HTTP/1.2\r\nHost: a\r\n", "400"),
        ("GET /version HTTP/2.0\r\nHost: a\r\n", "400"),
        ("G(T /version HTTP/1.1\r\nHost: a\r\n", "400"),
        ("GET /ver\0sion HTTP/1.1\r\nHost: a\r\n", "400"),
        ("GET /version HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("GET /version HTTP/1.1\r\nHost: a\r\nExpect: something\r\n", "417"),
    ] {
        check(&format!("{line}\r\n{SMUGGLED}"), &[code]).await;
    }
    check(&get("Content-Length: 18446744073709551615\r\n"), &["431"]).await;
    let chunked = "Transfer-Encoding: chunked\r\n";
    let long = "x".repeat(20_000);
    let map = r#"{"metadata":{"name":"chunked"}}"#;
    for body in [
        "x\r\n",
        "-1\r\n",
        "+5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "10000000000000000\r\n",
        "ffffffffffffffff1\r\n",
        "5\nhello\r\n",
        "5\r\nhello0\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5 5\r\nhello\r\n",
        "\r\n",
        &format!("1;{long}\r\nx\r\n"),
        "0\r\nx trailer\r\n\r\n",
    ] {
        check(&post(chunked, body), &["400"]).await;
    }
    // Both: the body is what the chunks say, and nothing is taken for a request behind it.
    let chunk = format!("{:x}\r\n{map}\r\n0\r\n\r\n", map.len());
    check(&post(&format!("Content-Length: 3\r\n{chunked}"), &chunk), &["201"]).await;
    check(&post(&format!("{chunked}Content-Length: 3\r\n"), &chunk), &["409"]).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unusual_but_clear_is_served() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let (server_ref, path) = (&server, directory.path());
    let check = async |bytes: &str, wanted: &[&str]| {
        let answer = until_closed(server_ref, path, bytes.as_bytes()).await;
        assert_eq!(codes(&answer), wanted, "{bytes:?}: {answer}");
    };
    let close = "Connection: close\r\n";
    check(&format!("GET /version HTTP/1.1\r\n{HEAD}{close}\r\n"), &["200"]).await;
    check("GET /version HTTP/1.0\r\nAuthorization: Bearer admintoken\r\n\r\n", &["200"]).await;
    // An empty line first, and one after another on one connection.
    let one = format!("\r\nGET /version HTTP/1.1\r\n{HEAD}\r\n");
    check(&format!("{one}{one}GET /version HTTP/1.1\r\n{HEAD}{close}\r\n"), &["200"; 3]).await;
    // The whole URL: its authority is that of no proxy, and nothing is decided by it.
    for url in ["https://server/version", "http://other:80/version", "https://server/version?a=b"] {
        check(&format!("GET {url} HTTP/1.1\r\n{HEAD}{close}\r\n"), &["200"]).await;
    }
    // No tunnels.
    for line in ["CONNECT other:443 HTTP/1.1", "CONNECT /version HTTP/1.1", "TRACE /version HTTP/1.1"] {
        let answer = until_closed(server_ref, path, format!("{line}\r\n{HEAD}{close}\r\n").as_bytes()).await;
        assert!(matches!(codes(&answer)[..], ["400" | "404" | "405"]), "{line}: {answer}");
    }
    // The same length twice, lines that end with a line feed alone, chunks with extensions and trailers.
    let map = |name: &str| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
    let (one, two) = (map("one"), map("two"));
    let post = format!("POST {MAPS} HTTP/1.1\r\n{HEAD}{close}Content-Type: application/json\r\n");
    let length = format!("Content-Length: {}\r\n", one.len());
    check(&format!("{post}{length}{length}\r\n{one}"), &["201"]).await;
    check(&format!("GET /version HTTP/1.1\r\n{HEAD}{close}\r\n").replace("\r\n", "\n"), &["200"]).await;
    let chunks =
        format!("5;a=b\r\n{}\r\n{:X}\r\n{}\r\n0\r\nx-a: b\r\n\r\n", &two[..5], two.len() - 5, &two[5..]);
    check(&format!("{post}Transfer-Encoding: Chunked\r\n\r\n{chunks}"), &["201"]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let (server_ref, path) = (&server, directory.path());
    let check = async |bytes: &str, wanted: &str| {
        let answer = until_closed(server_ref, path, bytes.as_bytes()).await;
        assert_eq!(
            codes(&answer),
            [wanted],
            "{:?} {}: {answer}",
            &bytes[..bytes.len().min(150)],
            bytes.len()
        );
    };
    let close = "Connection: close\r\n";
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\n{HEAD}{close}{headers}\r\n");
    let header = |length: usize| format!("X-Large: {}\r\n", "x".repeat(length));
    check(&get("/version", &header(1 << 20)), "200").await;
    check(&get("/version", &header((1 << 20) + 4096)), "431").await;
    check(&get("/version", &"x-a: b\r\n".repeat(1000)), "200").await;
    check(&get("/version", &"x-a: b\r\n".repeat(1100)), "431").await;
    // A head that never ends.
    check(&format!("GET /version HTTP/1.1\r\n{HEAD}{}", header(2 << 20).trim_end()), "431").await;
    check(&get(&format!("/version?{}", "a=b&".repeat(15_000)), ""), "200").await;
    check(&get(&format!("/version?a={}", "x".repeat(66_000)), ""), "414").await;
    check(&get(&format!("/{}", "x".repeat(60_000)), ""), "404").await;
    let body = format!(r#"{{"data":{{"a":"{}"}}}}"#, "x".repeat(3 << 20));
    let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let post = format!("POST {MAPS} HTTP/1.1\r\n{HEAD}{close}{length}\r\n{body}");
    let answer = until_closed(server_ref, path, post.as_bytes()).await;
    assert!(answer.contains("Request entity too large: limit is 3145728"), "{answer}");
    assert_eq!(codes(&answer), ["413"]);
    // The length is believed: nobody waits for the body.
    let length = "Content-Type: application/json\r\nContent-Length: 99999999999\r\n";
    check(&format!("POST {MAPS} HTTP/1.1\r\n{HEAD}{length}\r\n{{"), "413").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_end_with_the_requests_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    for rest in ["Content-Length: 50\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let json = "Content-Type: application/json";
        let bytes = format!("POST {MAPS}?timeout=100ms HTTP/1.1\r\n{HEAD}{json}\r\n{rest}");
        let answer = until_closed(&server, directory.path(), bytes.as_bytes()).await;
        assert_eq!(codes(&answer), ["504"], "{answer}");
    }
    // Nothing waits for them any more.
    assert!(server.running.lifecycle.in_flight.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_are_taken_as_they_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
    let mut wrong = Vec::new();
    let mut check = async |path: &str, code: u16| {
        let answer = client.send(&format!("GET {path}"), &[ADMIN], "").await.expect("an answer");
        if answer.code != code || !answer.header("location").is_empty() {
            wrong.push(format!("{path}: {} {:.200}", answer.code, answer.text));
        }
    };
    check("/api/v1/namespaces/default", 200).await;
    for path in [
        "/api/v1/../v1/namespaces/default",
        "/api/v1/%2e%2e/v1/namespaces/default",
        "/api/v1/./namespaces/default",
        "//api/v1/namespaces/default",
        "/api//v1/namespaces/default",
        "/api/v1//namespaces/default",
        "/./healthz",
        "//healthz",
        "/healthz/../metrics",
        "/healthz/%2e%2e/metrics",
        "/api%2fv1/namespaces/default%00",
    ] {
        check(path, 404).await;
    }
    for path in ["/api/v1/%", "/api/v1/%zz", "/api/v1/namespaces/%2"] {
        check(path, 400).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_without_tls_is_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.expect("the server listens");
    stream.write_all(b"GET /version HTTP/1.1\r\nHost: server\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert_eq!(answer, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    // Anything else gets an alert.
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.expect("the server listens");
    stream.write_all(b"\0\0\0\0\0\0\0\0\0\0").await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an alert");
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    drop(stream);
    let counted = async {
        let two = "apiserver_tls_handshake_errors_total 2\n";
        while !super::ends::metrics(&server, directory.path()).await.contains(two) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("both are counted");
    server.stop().await;
}
