//! Until the server was ready once: tells those who come to come back (`--send-retry-after-while-not-ready-once`). Who
//! asks for its health or its metrics is answered.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use keelson_base::latch::Latch;
use tower::{Layer, Service};

use super::retry_after::EXEMPT;
use crate::endpoints::respond;
use crate::request::{Request, Response};

/// See the module.
#[derive(Clone, Debug)]
pub struct NotReadyLayer {
    /// Set when the server was ready once; without it nobody is refused.
    pub ready_once: Option<Latch>,
}

impl<S> Layer<S> for NotReadyLayer {
    type Service = NotReady<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NotReady { inner, ready_once: self.ready_once.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct NotReady<S> {
    inner: S,
    ready_once: Option<Latch>,
}

impl<S> Service<Request> for NotReady<S>
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
        let refuses = self.ready_once.as_ref().is_some_and(|ready| !ready.is_set());
        if refuses && !EXEMPT.iter().any(|path| request.uri().path().starts_with(path)) {
            return Either::Left(ready(Ok(refusal())));
        }
        Either::Right(self.inner.call(request))
    }
}

fn refusal() -> Response {
    let text = "The apiserver hasn't been fully initialized yet, please try again later.\n";
    let mut response = respond::plain_text(StatusCode::SERVICE_UNAVAILABLE, text);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
