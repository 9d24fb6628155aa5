//! While the server ends: tells those who come with new requests to come back (`--shutdown-send-retry-after`), and
//! their connections to close. Who asks for its health or its metrics is answered still.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue, RETRY_AFTER, USER_AGENT, X_CONTENT_TYPE_OPTIONS};
use keelson_base::shutdown::Signal;
use tower::{Layer, Service};

use super::connection::Connection;
use crate::endpoints::respond;
use crate::request::{Request, Response};

/// What is answered still.
pub(super) const EXEMPT: [&str; 4] = ["/readyz", "/livez", "/healthz", "/metrics"];
/// Who is answered still: other servers of this cluster.
const EXEMPT_AGENT: &[u8] = b"kube-apiserver/";

/// See the module.
#[derive(Clone, Debug)]
pub struct RetryAfterLayer {
    /// From when on new requests are refused.
    pub refuse: Signal,
}

impl<S> Layer<S> for RetryAfterLayer {
    type Service = RetryAfter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryAfter { inner, refuse: self.refuse.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct RetryAfter<S> {
    inner: S,
    refuse: Signal,
}

impl<S> Service<Request> for RetryAfter<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !self.refuse.has_begun() || is_exempt(&request) {
            return Either::Right(self.inner.call(request));
        }
        Either::Left(ready(Ok(refusal(request.extensions().get::<Connection>()))))
    }
}

fn is_exempt(request: &Request) -> bool {
    let agent = request.headers().get(USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
    agent.starts_with(EXEMPT_AGENT) || EXEMPT.iter().any(|path| request.uri().path().starts_with(path))
}

fn refusal(connection: Option<&Connection>) -> Response {
    let text = "The apiserver is shutting down, please try again later.\n";
    let mut response = respond::plain_text(StatusCode::TOO_MANY_REQUESTS, text);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match connection.filter(|connection| connection.is_http2()) {
        Some(connection) => connection.close(),
        None => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response
}
