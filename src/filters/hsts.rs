//! Tells browsers to speak HTTPS alone with this server (`--strict-transport-security-directives`). Source: RFC 6797.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderValue;
use http::header::STRICT_TRANSPORT_SECURITY;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::request::{Request, Response};

/// See the module.
#[derive(Clone, Debug)]
pub struct HstsLayer {
    /// What the header says; without it there is none.
    pub directives: Option<HeaderValue>,
}

impl<S> Layer<S> for HstsLayer {
    type Service = Hsts<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Hsts { inner, directives: self.directives.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Hsts<S> {
    inner: S,
    directives: Option<HeaderValue>,
}

impl<S> Service<Request> for Hsts<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ResponseFuture { inner: self.inner.call(request), directives: self.directives.clone() }
    }
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        directives: Option<HeaderValue>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        if let Some(directives) = this.directives.take() {
            response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(directives);
        }
        Poll::Ready(Ok(response))
    }
}
