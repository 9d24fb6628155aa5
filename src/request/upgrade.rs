//! Connections that go on as something else than HTTP.

use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::Body;

/// What an answer of 101 makes of its connection: in the answer's extensions.
///
/// The server sends the head of such an answer, hands the connection and the answer's *body* to the function,
/// and runs it to its end as part of the connection. The body is not sent as it is: it is what the function
/// is to send, so that the filters, which wrap bodies, count and end it as they do any other.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade(pub fn(TokioIo<Upgraded>, Body) -> BoxFuture<'static, ()>);

/// Whether a request wants to go on over WebSocket.
pub fn wants_web_socket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let connection = |value: &HeaderValue| value.as_bytes().to_ascii_lowercase();
    let names_it = |value| memchr::memmem::find(&connection(value), b"upgrade").is_some();
    upgrade && headers.get_all(CONNECTION).iter().any(names_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_is_wanted_in_two_headers() {
        let check = |lines: &[(&'static str, &'static str)], wanted| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(wants_web_socket(&headers), wanted, "{lines:?}");
        };
        check(&[("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade")], true);
        check(&[("upgrade", "websocket"), ("connection", "keep-alive"), ("connection", "upgrade")], true);
        check(&[("upgrade", "websocket"), ("connection", "keep-alive")], false);
        check(&[("upgrade", "h2c"), ("connection", "upgrade")], false);
        check(&[("connection", "upgrade")], false);
    }
}
