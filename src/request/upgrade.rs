//! Connections that go on as something else than HTTP.

use futures::future::BoxFuture;
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
