//! HTTP/2 as frames: a client that keeps the server busy is sent away, and others are served meanwhile.

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::client::{self, BOTH, Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u32 = 11;
const REFUSED_STREAM: u32 = 7;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a length").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header whose name stands in HPACK's static table; not remembered.
fn literal(name: u8, value: &str) -> Vec<u8> {
    let mut bytes = if name < 15 { vec![name] } else { vec![15, name - 15] };
    assert!(value.len() < 127);
    bytes.push(value.len() as u8);
    bytes.extend(value.as_bytes());
    bytes
}

/// The fields of a request of the administrator's: `METHOD PATH`.
fn fields(request: &str) -> Vec<u8> {
    let (method, path) = request.split_once(' ').expect("METHOD PATH");
    let mut bytes = vec![0x87];
    bytes.extend(literal(2, method));
    bytes.extend(literal(4, path));
    bytes.extend(literal(1, "server"));
    bytes.extend(literal(23, ADMIN.1));
    bytes
}

fn request(stream: u32, request: &str, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, stream, &fields(request))
}

/// The streams of a client, one after the other.
fn streams() -> impl Iterator<Item = u32> {
    (1..).step_by(2)
}

struct Sender(WriteHalf<TlsStream<TcpStream>>);
struct Receiver(ReadHalf<TlsStream<TcpStream>>);

/// A frame that came.
struct Came {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

async fn connect(server: &Server, directory: &Path) -> (Sender, Receiver) {
    let stream = client::tls(server, directory, Protocol::Http2, None).await;
    let (receiver, mut sender) = tokio::io::split(stream);
    sender.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("sent");
    sender.write_all(&frame(SETTINGS, 0, 0, &[])).await.expect("sent");
    (Sender(sender), Receiver(receiver))
}

impl Receiver {
    /// The next frame; none where the connection has ended.
    async fn next(&mut self) -> Option<Came> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Came { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// Waits for a frame of this kind on this stream.
    async fn until(&mut self, kind: u8, stream: u32) -> Came {
        let find = async {
            loop {
                let came = self.next().await.expect("the connection goes on");
                if (came.kind, came.stream) == (kind, stream) {
                    return came;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), find).await.expect("in time")
    }

    /// Waits for the connection's end, and says the error and the reason of its last GOAWAY.
    async fn end(&mut self) -> Option<(u32, String)> {
        let mut last = None;
        while let Some(came) = self.next().await {
            if came.kind == GOAWAY {
                let code = came.payload[4..8].try_into().expect("four bytes");
                let reason = String::from_utf8_lossy(&came.payload[8..]).into_owned();
                last = Some((u32::from_be_bytes(code), reason));
            }
        }
        last
    }
}

/// Sends these bytes, again and again, for as long as the server takes them, no more than `most` times; and says how
/// the connection ended.
async fn flood(
    server: &Server,
    directory: &Path,
    before: &[u8],
    most: usize,
    mut attack: impl FnMut(usize) -> Vec<u8>,
) -> Option<(u32, String)> {
    let (mut sender, mut receiver) = connect(server, directory).await;
    sender.0.write_all(before).await.expect("sent");
    let send = async {
        for start in (0..most).step_by(100) {
            let bytes: Vec<u8> = (start..start + 100).flat_map(&mut attack).collect();
            if sender.0.write_all(&bytes).await.is_err() || sender.0.flush().await.is_err() {
                break;
            }
        }
        // Kept open: the server has to end it.
        sender
    };
    let both = async { tokio::join!(send, receiver.end()) };
    tokio::time::timeout(Duration::from_secs(60), both).await.expect("the server ends the connection").1
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_end_their_connection_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let (server_ref, path) = (&server, directory.path());
    let mut other = Client::connect(&server, path, Protocol::Http2, None).await;
    let mut check = async |what: &str, before: &[u8], attack: &dyn Fn(usize) -> Vec<u8>, reasons: &[&str]| {
        let end = flood(server_ref, path, before, 200_000, attack).await;
        let calm = end
            .as_ref()
            .is_some_and(|(code, reason)| *code == ENHANCE_YOUR_CALM && reasons.contains(&reason.as_str()));
        assert!(calm, "{what}: {end:?}");
        let answer = other.send(&format!("GET {MAPS}"), &[ADMIN], "").await.expect("others are served");
        assert_eq!(answer.code, 200, "{what}");
    };
    let stream = |n: usize| streams().nth(n).expect("endless");
    let open = request(1, &format!("POST {MAPS}"), END_HEADERS);
    let ours = &["too_many_frames"];
    check("pings", &[], &|_| frame(PING, 0, 0, &[0; 8]), ours).await;
    check("settings", &[], &|_| frame(SETTINGS, 0, 0, &[]), ours).await;
    let table = [0, 1, 0, 0, 16, 0].repeat(10);
    check("long settings", &[], &|_| frame(SETTINGS, 0, 0, &table), ours).await;
    check("priorities", &[], &|n| frame(PRIORITY, 0, stream(n), &[0, 0, 0, 0, 1]), ours).await;
    check("window updates", &[], &|_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), ours).await;
    check("unknown frames", &[], &|_| frame(99, 0, 0, &[0; 100]), ours).await;
    let small = &["too_many_frames", "too_many_data_frames"];
    check("empty data", &open, &|_| frame(DATA, 0, 1, &[]), small).await;
    check("padded data", &open, &|_| frame(DATA, 8, 1, &[1, 0]), small).await;
    // Of the small frames of one body no more than a few thousand are kept.
    let headers = frame(HEADERS, 0, 1, &fields("GET /version"));
    check("continuations", &headers, &|_| frame(CONTINUATION, 0, 1, &[]), &["too_many_continuations"]).await;
    let full = &literal(23, &"x".repeat(100));
    check("full continuations", &headers, &|_| frame(CONTINUATION, 0, 1, full), &["too_many_continuations"])
        .await;
    // CVE-2023-44487: whether their requests were looked at or not.
    let resets = &["too_many_frames", "too_many_resets"];
    for (what, line) in [("resets", format!("GET {MAPS}")), ("reset watches", format!("GET {MAPS}?watch=1"))]
    {
        let open_and_reset = |n| {
            let reset = frame(RST_STREAM, 0, stream(n), &[0, 0, 0, 8]);
            [request(stream(n), &line, END_HEADERS | END_STREAM), reset].concat()
        };
        check(what, &[], &open_and_reset, resets).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_stop_the_work() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let (mut sender, mut receiver) = connect(&server, directory.path()).await;
    let line = format!("GET {MAPS}?watch=1");
    let reset = |stream| frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    let mut ours = streams();
    // One after another, so that every one of them is looked at.
    for stream in ours.by_ref().take(50) {
        sender.0.write_all(&request(stream, &line, END_HEADERS | END_STREAM)).await.expect("sent");
        receiver.until(HEADERS, stream).await;
    }
    let counted = |count: usize| format!(r#"subresource="",verb="WATCH",version="v1"}} {count}"#);
    let metrics = super::ends::metrics(&server, directory.path()).await;
    assert!(metrics.contains(&counted(50)), "{metrics}");
    for stream in streams().take(50) {
        sender.0.write_all(&reset(stream)).await.expect("sent");
    }
    let gone = async {
        while !super::ends::metrics(&server, directory.path()).await.contains(&counted(0)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("watches end with their streams");
    // The connection goes on.
    let stream = ours.next().expect("endless");
    sender.0.write_all(&request(stream, "GET /version", END_HEADERS | END_STREAM)).await.expect("sent");
    let answer = receiver.until(HEADERS, stream).await;
    assert_eq!(answer.payload.first(), Some(&0x88), "200");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_past_the_limit_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.serving.http2_max_streams = 10;
    let server = Server::start(config).await.expect("a server");
    let (mut sender, mut receiver) = connect(&server, directory.path()).await;
    let settings = receiver.until(SETTINGS, 0).await;
    let told = settings.payload.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 10]);
    assert!(told && settings.flags == 0, "{:?}", settings.payload);
    let watch = |stream| request(stream, &format!("GET {MAPS}?watch=1"), END_HEADERS | END_STREAM);
    let mut ours = streams();
    for stream in ours.by_ref().take(10) {
        sender.0.write_all(&watch(stream)).await.expect("sent");
        receiver.until(HEADERS, stream).await;
    }
    let stream = ours.next().expect("endless");
    sender.0.write_all(&watch(stream)).await.expect("sent");
    let refused = receiver.until(RST_STREAM, stream).await;
    assert_eq!(refused.payload, REFUSED_STREAM.to_be_bytes());
    // Those that are open go on, and an end makes room.
    sender.0.write_all(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await.expect("sent");
    let stream = ours.next().expect("endless");
    sender.0.write_all(&watch(stream)).await.expect("sent");
    receiver.until(HEADERS, stream).await;
    // Who does not stop is sent away.
    let open: Vec<u8> = streams().take(10).flat_map(watch).collect();
    let end =
        flood(&server, directory.path(), &open, 10_000, |n| watch(streams().nth(n + 10).expect("endless")));
    let end = end.await;
    assert!(matches!(&end, Some((ENHANCE_YOUR_CALM, _))), "{end:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_headers_are_bounded() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    // A field of 4,000 bytes that is remembered, and then named by one byte each.
    let bomb = |times: usize| {
        let mut bytes = fields("GET /version");
        bytes.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
        bytes.extend([b'y'; 4000]);
        bytes.extend(vec![0xbe; times]);
        bytes
    };
    for (times, served) in [(100, true), (300, false), (16_000, false)] {
        let (mut sender, mut receiver) = connect(&server, directory.path()).await;
        let head = frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb(times));
        sender.0.write_all(&head).await.expect("sent");
        let ended = async {
            loop {
                match receiver.next().await {
                    Some(came) if came.kind == HEADERS => break came.payload,
                    Some(came) if matches!(came.kind, RST_STREAM | GOAWAY) => break vec![came.kind],
                    Some(_) => {}
                    None => break Vec::new(),
                }
            }
        };
        let answer = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("in time");
        assert_eq!(answer.first() == Some(&0x88), served, "{times}: {answer:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_end_with_the_requests_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    let (mut sender, mut receiver) = connect(&server, directory.path()).await;
    sender.0.write_all(&request(1, &format!("POST {MAPS}?timeout=100ms"), END_HEADERS)).await.expect("sent");
    sender.0.write_all(&frame(DATA, 0, 1, b"{")).await.expect("sent");
    receiver.until(HEADERS, 1).await;
    // The write that waited for the body is at its end, too, though the stream is open still.
    let gone = async {
        while server.running.lifecycle.tasks.names().contains(&"write") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("nobody waits for the body");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_not_spoken_where_it_is_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.serving.http2 = false;
    let server = Server::start(config).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
    assert_eq!(client.send("GET /version", &[ADMIN], "").await.expect("an answer").code, 200);
    let refused = client::try_tls(&server, directory.path(), Protocol::Http2, None).await;
    assert!(refused.is_err(), "there is no protocol in common");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn some_clients_are_sent_away() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.http.goaway_chance = 1.0;
    let server = Server::start(config).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    assert_eq!(client.send("GET /version", &[ADMIN], "").await.expect("an answer").code, 200);
    client.closed().await;
    let mut client = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
    for _ in 0..3 {
        assert_eq!(client.send("GET /version", &[ADMIN], "").await.expect("an answer").code, 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_what_they_may() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.http.strict_transport_security = Some("max-age=31536000; preload".parse().expect("a value"));
    config.http.allowed_origins =
        vec![regex::Regex::new("^https://([a-z]+\\.)?example\\.com$").expect("a pattern")];
    let server = Server::start(config).await.expect("a server");
    for protocol in BOTH {
        let check = async |line: &str, headers: &[(&str, &str)], code: u16, origin: &str| {
            // Those without credentials get one answer.
            let mut client = Client::connect(&server, directory.path(), protocol, None).await;
            let answer = client.send(line, headers, "").await.expect("an answer");
            assert_eq!(answer.code, code, "{line} {headers:?}");
            assert_eq!(answer.header("strict-transport-security"), "max-age=31536000; preload");
            assert_eq!(answer.header("access-control-allow-origin"), origin, "{line} {headers:?}");
            let methods = if origin.is_empty() { "" } else { "POST, GET, OPTIONS, PUT, DELETE, PATCH" };
            assert_eq!(answer.header("access-control-allow-methods"), methods);
            assert_eq!(answer.header("access-control-allow-credentials").is_empty(), origin.is_empty());
        };
        let page = "https://console.example.com";
        check("GET /version", &[ADMIN], 200, "").await;
        check("GET /version", &[ADMIN, ("origin", page)], 200, page).await;
        check("GET /version", &[ADMIN, ("origin", "https://example.com.evil.test")], 200, "").await;
        check("GET /version", &[ADMIN, ("origin", "")], 200, "").await;
        check("OPTIONS /api/v1/pods", &[("origin", page)], 204, page).await;
        check("OPTIONS /api/v1/pods", &[("origin", "https://evil.test")], 403, "").await;
        check("GET /api/v1/pods", &[("origin", page)], 403, page).await;
        check("GET /api/v1/pods", &[("origin", page), ("authorization", "Bearer wrong")], 401, page).await;
    }
    server.stop().await;
}
