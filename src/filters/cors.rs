//! Lets the pages of some origins use the API from a browser (`--cors-allowed-origins`). Source: the Fetch standard.
//!
//! What a browser asks before a request (OPTIONS) is answered here, before anybody looks at credentials: browsers
//! send none with it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::{Either, Ready, ready as now};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue, ORIGIN,
};
use http::{Method, StatusCode};
use pin_project_lite::pin_project;
use regex::Regex;
use tower::{Layer, Service};

use crate::request::{Request, Response, empty};

/// The methods that pages may use.
const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE, PATCH");
/// The headers that they may send.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since",
);
/// Those of the answer that they may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("Date");
/// Whether they may use cookies and the like.
const CREDENTIALS: HeaderValue = HeaderValue::from_static("true");

/// See the module.
#[derive(Clone, Debug)]
pub struct CorsLayer {
    /// An origin that one of these matches anywhere may use the API; nobody may where there is none.
    pub origins: Arc<[Regex]>,
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Cors { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Cors<S> {
    inner: S,
    layer: CorsLayer,
}

impl CorsLayer {
    /// The request's origin, where it is allowed.
    fn allowed(&self, request: &Request) -> Option<HeaderValue> {
        if self.origins.is_empty() {
            return None;
        }
        let origin = request.headers().get(ORIGIN)?;
        let text = origin.to_str().ok().filter(|text| !text.is_empty())?;
        self.origins.iter().any(|pattern| pattern.is_match(text)).then(|| origin.clone())
    }
}

type Answer = Result<Response, Infallible>;

impl<S> Service<Request> for Cors<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<Either<Ready<Answer>, S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let origin = self.layer.allowed(&request);
        let inner = if origin.is_some() && request.method() == Method::OPTIONS {
            let mut response = Response::new(empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            Either::Left(now(Ok(response)))
        } else {
            Either::Right(self.inner.call(request))
        };
        ResponseFuture { inner, origin }
    }
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        origin: Option<HeaderValue>,
    }
}

impl<F: Future<Output = Answer>> Future for ResponseFuture<F> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        if let Some(origin) = this.origin.take() {
            let headers = response.headers_mut();
            for (name, value) in [
                (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
                (ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
                (ACCESS_CONTROL_ALLOW_CREDENTIALS, CREDENTIALS),
            ] {
                headers.insert(name, value);
            }
        }
        Poll::Ready(Ok(response))
    }
}
