//! Names each request: by its `Audit-Id` header, or by a new UUID; and tells the client that name.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderName, HeaderValue};
use keelson_base::random;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::request::{Request, Response};

const HEADER: HeaderName = HeaderName::from_static("audit-id");

/// A request's name, in its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditId(HeaderValue);

impl AuditId {
    /// The name as text, no longer than 64 bytes; empty where it is none.
    pub fn as_str(&self) -> &str {
        let text = self.0.to_str().unwrap_or_default();
        text.get(..64).unwrap_or(text)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct AuditIdLayer;

impl<S> Layer<S> for AuditIdLayer {
    type Service = AuditIdFilter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuditIdFilter { inner }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct AuditIdFilter<S> {
    inner: S,
}

impl<S> Service<Request> for AuditIdFilter<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let id = match request.headers().get(HEADER).filter(|id| !id.is_empty()) {
            Some(id) => id.clone(),
            None => {
                let mut text = random::Uuid::encode_buffer();
                let text = random::uuid().hyphenated().encode_lower(&mut text);
                HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
            }
        };
        request.extensions_mut().insert(AuditId(id.clone()));
        ResponseFuture { inner: self.inner.call(request), id: Some(id) }
    }
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        id: Option<HeaderValue>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        if let Some(id) = this.id.take() {
            response.headers_mut().entry(HEADER).or_insert(id);
        }
        Poll::Ready(Ok(response))
    }
}
