//! Watches over WebSocket, by a client of its own make.

use futures::{SinkExt, StreamExt};
use keelson_base::task::TaskGroup;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::client::{self, Client, Protocol};
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const FROM: (&str, &str) = ("origin", "https://console.example");
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Opens a socket; the HTTP answer's code where there is none.
async fn open(
    server: &Server,
    directory: &Path,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Socket, http::HeaderMap), u16> {
    let stream = client::tls(server, directory, Protocol::Http1, None).await;
    let mut request = format!("wss://server{MAPS}?watch=1{query}").into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a header"));
    }
    match client_async_with_config(request, stream, Some(WebSocketConfig::default())).await {
        Ok((socket, response)) => Ok((socket, response.headers().clone())),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn create(server: &Server, directory: &Path, name: &str) {
    let mut client = Client::connect(server, directory, Protocol::Http2, None).await;
    let body = format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
    let answer = client.send(&format!("POST {MAPS}"), &[ADMIN], body).await.expect("an answer");
    assert_eq!(answer.code, 201, "{}", answer.text);
}

async fn next(socket: &mut Socket) -> Message {
    let next = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
    next.expect("in time").expect("not the end").expect("a message")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_messages() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let server = Server::start(config(path)).await.expect("a server");
    create(&server, path, "one").await;
    let (mut socket, headers) =
        open(&server, path, "", &[ADMIN, FROM, ("sec-websocket-protocol", "any")]).await.expect("a socket");
    assert_eq!(
        (&headers["sec-websocket-protocol"], headers["audit-id"].len()),
        (&"any".parse().unwrap(), 36)
    );
    let one = next(&mut socket).await.into_text().expect("text");
    assert!(
        one.starts_with(r#"{"type":"ADDED","object":{"kind":"ConfigMap","#) && one.ends_with("}\n"),
        "{one}"
    );

    // What the client says is thrown away, but that pings are answered.
    socket.send(Message::text("hello")).await.expect("sent");
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).await.expect("sent");
    assert_eq!(next(&mut socket).await, Message::Pong(Bytes::from_static(b"there?")));
    create(&server, path, "two").await;
    assert!(next(&mut socket).await.into_text().expect("text").contains(r#""name":"two""#));

    // The client closes; the server agrees, and then there is no watch any more.
    let counted = r#"subresource="",verb="WATCH",version="v1"} "#;
    assert!(super::ends::metrics(&server, path).await.contains(&format!("{counted}1")));
    socket.close(None).await.expect("sent");
    assert!(matches!(next(&mut socket).await, Message::Close(_)));
    while !super::ends::metrics(&server, path).await.contains(&format!("{counted}0")) {
        tokio::task::yield_now().await;
    }
    let metrics = super::ends::metrics(&server, path).await;
    let sent = r#"apiserver_watch_events_total{group="",resource="configmaps",version="v1"} 2"#;
    assert!(metrics.contains(sent), "{metrics}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn protobuf_is_binary_and_the_timeout_closes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let server = Server::start(config(path)).await.expect("a server");
    create(&server, path, "one").await;
    let accept = ("accept", "application/vnd.kubernetes.protobuf;stream=watch");
    let (mut socket, _) =
        open(&server, path, "&timeoutSeconds=1", &[ADMIN, FROM, accept]).await.expect("a socket");
    let Message::Binary(one) = next(&mut socket).await else { panic!("not binary") };
    assert!(one.starts_with(b"\x0a\x05ADDED\x12"), "{one:?}");
    let Message::Close(Some(close)) = next(&mut socket).await else { panic!("no close") };
    assert_eq!(close.code, CloseCode::Normal);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_handshakes_and_too_long_messages_end_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let server = Server::start(config(path)).await.expect("a server");
    let check = async |headers: &[(&'static str, &str)], code: u16| {
        assert_eq!(open(&server, path, "", headers).await.map(|_| ()).unwrap_err(), code, "{headers:?}");
    };
    check(&[ADMIN], 403).await;
    check(&[ADMIN, ("origin", "null")], 403).await;
    check(&[FROM], 403).await;
    check(&[FROM, ("authorization", "Bearer wrong")], 401).await;
    check(&[ADMIN, FROM, ("sec-websocket-protocol", "one, two")], 400).await;

    let (mut socket, _) = open(&server, path, "", &[ADMIN, FROM]).await.expect("a socket");
    socket.send(Message::binary(vec![0; 1 << 20])).await.ok();
    while let Some(Ok(_)) = socket.next().await {}
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_end_with_the_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let server = Server::start(config(path)).await.expect("a server");
    let (mut polite, _) = open(&server, path, "", &[ADMIN, FROM]).await.expect("a socket");
    let (silent, _) = open(&server, path, "", &[ADMIN, FROM]).await.expect("a socket");
    let tasks = TaskGroup::new();
    tasks.spawn("stop", server.stop());
    assert!(matches!(next(&mut polite).await, Message::Close(Some(_))));
    // One who doesn't answer is not waited for.
    tasks.wait(Duration::from_secs(8)).await.expect("the server ends");
    drop(silent);
}
