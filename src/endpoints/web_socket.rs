//! Watches over WebSocket: the handshake, and the connection after it.
//!
//! A message for each event: text for JSON, binary for protobuf. What the client sends is thrown away, but
//! that pings are answered and that its close ends the watch. Who gets in is what kube-apiserver's handshake
//! demands: an `Origin` that is a URL, version 13, a key, and no more than one sub-protocol, which is repeated.
//!
//! Source: RFC 6455.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, poll_immediate};
use futures::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use tracing::debug;

use super::respond;
use crate::request::{Body, Response, Upgrade};

/// How much a client may send in one message, in bytes. It has no reason to send any.
const MOST_RECEIVED: usize = 64 << 10;
/// Events wait together for as much as this, in bytes, where more of them are ready.
const WRITE_TOGETHER: usize = 16 << 10;
/// How long a client may take nothing of what is sent to it.
const SEND_WITHIN: Duration = Duration::from_secs(60);
/// How long a client may take to answer that the connection closes.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How messages are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Messages {
    Text,
    Binary,
}

/// The answer to a request that [wants](crate::request::wants_web_socket) to: the frames of `body` become the messages. A handshake
/// that is no good is answered with 400, or with 403 where its origin is to blame.
pub(super) fn answer(parts: &Parts, messages: Messages, body: impl FnOnce() -> Body) -> Response {
    match accept(parts) {
        Ok(headers) => {
            let mut response = Response::new(body());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *response.headers_mut() = headers;
            response.extensions_mut().insert(Upgrade(match messages {
                Messages::Text => |io, body| run(io, body, Data::Text),
                Messages::Binary => |io, body| run(io, body, Data::Binary),
            }));
            response
        }
        Err(refusal) => refusal.answer(),
    }
}

/// Why a handshake is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Http2,
    Key,
    Version,
    Origin,
    Protocol,
}

impl Refusal {
    fn answer(self) -> Response {
        let (code, why) = match self {
            Refusal::Http2 => (StatusCode::BAD_REQUEST, "WebSocket needs HTTP/1.1"),
            Refusal::Key => (StatusCode::BAD_REQUEST, "mismatch challenge/response"),
            Refusal::Version => (StatusCode::BAD_REQUEST, "missing or bad WebSocket Version"),
            Refusal::Origin => (StatusCode::FORBIDDEN, ""),
            Refusal::Protocol => (StatusCode::BAD_REQUEST, "missing or bad WebSocket-Protocol"),
        };
        let mut response = respond::plain_text(code, why);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        if self == Refusal::Version {
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// The headers of the answer.
fn accept(parts: &Parts) -> Result<HeaderMap, Refusal> {
    let text = |name: HeaderName| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
    };
    let (key, protocol) = (text(SEC_WEBSOCKET_KEY), text(SEC_WEBSOCKET_PROTOCOL));
    match () {
        () if parts.version != Version::HTTP_11 => return Err(Refusal::Http2),
        () if key.is_empty() => return Err(Refusal::Key),
        () if text(SEC_WEBSOCKET_VERSION) != "13" => return Err(Refusal::Version),
        () if !is_url(text(ORIGIN)) => return Err(Refusal::Origin),
        () if protocol.contains(',') => return Err(Refusal::Protocol),
        () => {}
    }
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept.map_err(|_| Refusal::Key)?);
    if !protocol.is_empty() {
        let protocol = HeaderValue::from_str(protocol);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.map_err(|_| Refusal::Protocol)?);
    }
    Ok(headers)
}

/// Whether an origin is an absolute URL, or at least an absolute path. `null` is none.
fn is_url(origin: &str) -> bool {
    origin.parse::<Uri>().is_ok_and(|uri| uri.scheme().is_some() || origin.starts_with('/'))
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Sends the frames of `body`, each as a message, until it or the client ends.
fn run(io: TokioIo<Upgraded>, mut body: Body, data: Data) -> BoxFuture<'static, ()> {
    let config = WebSocketConfig::default()
        .read_buffer_size(1 << 10)
        .write_buffer_size(WRITE_TOGETHER)
        .max_message_size(Some(MOST_RECEIVED))
        .max_frame_size(Some(MOST_RECEIVED));
    Box::pin(async move {
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        if let Err(why) = send_all(&mut socket, &mut body, data).await {
            debug!(%why, "a WebSocket watch breaks off");
        }
        // The watch has ended for the filters, whatever the client makes of it.
        drop(body);
        let _ = tokio::time::timeout(CLOSE_WITHIN, close(&mut socket)).await;
        let _ = tokio::time::timeout(CLOSE_WITHIN, socket.get_mut().shutdown()).await;
    })
}

async fn send_all(socket: &mut Socket, body: &mut Body, data: Data) -> Result<(), String> {
    let lost = |error| format!("the connection broke: {error}");
    loop {
        let frame = match poll_immediate(body.frame()).await {
            Some(frame) => frame,
            None => {
                within(socket.flush()).await?.map_err(lost)?;
                tokio::select! {
                    frame = body.frame() => frame,
                    received = socket.next() => match received {
                        None | Some(Ok(Message::Close(_))) => return Ok(()),
                        Some(Ok(_)) => continue,
                        Some(Err(error)) => return Err(lost(error)),
                    },
                }
            }
        };
        let bytes: Bytes = match frame.map(|frame| frame.map(|frame| frame.into_data())) {
            None => return Ok(()),
            Some(Ok(Ok(bytes))) => bytes,
            Some(Ok(Err(_))) => continue,
            Some(Err(error)) => return Err(error.to_string()),
        };
        let message = Message::Frame(Frame::message(bytes, OpCode::Data(data), true));
        within(socket.feed(message)).await?.map_err(lost)?;
    }
}

async fn within<F: Future>(sending: F) -> Result<F::Output, String> {
    let sent = tokio::time::timeout(SEND_WITHIN, sending).await;
    sent.map_err(|_| "the client does not read".to_owned())
}

/// Says that the connection closes, and waits until the client knows.
async fn close(socket: &mut Socket) {
    let normally = CloseFrame { code: CloseCode::Normal, reason: Default::default() };
    // Refused where the client closes: what it is answered is sent while it is waited for.
    let _ = socket.close(Some(normally)).await;
    while let Some(Ok(_)) = socket.next().await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(lines: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/api/v1/pods?watch=1");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    // The key and its answer are the example of RFC 6455, section 1.3.
    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");
    const FROM: (&str, &str) = ("origin", "https://server");

    #[test]
    fn good_handshakes_are_accepted() {
        let check = |more: &[(&str, &str)], protocol: Option<&str>| {
            let lines = [&[KEY, VERSION], more].concat();
            let headers = accept(&parts(&lines)).unwrap();
            assert_eq!(headers[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            assert_eq!(
                (&headers[UPGRADE], &headers[CONNECTION]),
                (&"websocket".parse().unwrap(), &"Upgrade".parse().unwrap())
            );
            assert_eq!(headers.get(SEC_WEBSOCKET_PROTOCOL).map(|p| p.to_str().unwrap()), protocol);
        };
        check(&[FROM], None);
        check(&[("origin", "/path")], None);
        check(&[FROM, ("sec-websocket-protocol", " binary.k8s.io ")], Some("binary.k8s.io"));
    }

    #[test]
    fn bad_handshakes_are_refused() {
        let check = |lines: &[(&str, &str)], why: Refusal| {
            assert_eq!(accept(&parts(lines)).unwrap_err(), why, "{lines:?}");
        };
        check(&[VERSION, FROM], Refusal::Key);
        check(&[KEY, FROM], Refusal::Version);
        check(&[KEY, ("sec-websocket-version", "8"), FROM], Refusal::Version);
        check(&[KEY, VERSION, FROM, ("sec-websocket-protocol", "a, b")], Refusal::Protocol);
        check(&[KEY, VERSION], Refusal::Origin);
        check(&[KEY, VERSION, ("origin", "null")], Refusal::Origin);
        check(&[KEY, VERSION, ("origin", "")], Refusal::Origin);
        let mut old = parts(&[KEY, VERSION, FROM]);
        old.version = Version::HTTP_10;
        assert_eq!(accept(&old).unwrap_err(), Refusal::Http2);
        assert_eq!(Refusal::Version.answer().headers()[SEC_WEBSOCKET_VERSION], "13");
        assert_eq!(
            (Refusal::Key.answer().status(), Refusal::Origin.answer().status()),
            (StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN)
        );
    }
}
