//! Bounds how many requests are served at once: reading ones and others have limits of their own. What is
//! past a limit is refused with 429 and `Retry-After`. Long-running requests don't count; members of `system:masters`
//! do, but are served past the limit, too.
//!
//! A request counts until nothing works for it any more: a write goes on when its client is gone, or its time is up.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either, Ready, ready};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};

use super::body::holding;
use super::request_info::About;
use crate::authz::MASTERS;
use crate::endpoints::respond;
use crate::request::{Authenticated, Held, Request, Response};
use crate::telemetry::Metrics;

/// See the module. Clones share the limits.
#[derive(Clone)]
pub struct InFlightLayer {
    reading: Option<Arc<Semaphore>>,
    mutating: Option<Arc<Semaphore>>,
    metrics: Metrics,
}

impl InFlightLayer {
    /// At most so many at once; `None` for any number.
    pub fn new(reading: Option<u32>, mutating: Option<u32>, metrics: Metrics) -> Self {
        let limit = |most: Option<u32>| {
            most.map(|m| Arc::new(Semaphore::new((m as usize).min(Semaphore::MAX_PERMITS))))
        };
        InFlightLayer { reading: limit(reading), mutating: limit(mutating), metrics }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InFlight { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone)]
pub struct InFlight<S> {
    inner: S,
    layer: InFlightLayer,
}

type Answer = Result<Response, Infallible>;

impl<S, F> Service<Request> for InFlight<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future = F>,
    F: Future<Output = Answer> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Either<Ready<Answer>, F>, BoxFuture<'static, Answer>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let about = About::of(&request);
        if about.is_long_running {
            return Either::Left(Either::Right(self.inner.call(request)));
        }
        let limit = if about.is_mutating { &self.layer.mutating } else { &self.layer.reading };
        let permit = match limit.clone().map(Semaphore::try_acquire_owned) {
            None => None,
            Some(Ok(permit)) => Some(permit),
            Some(Err(_)) if is_master(&request) => None,
            Some(Err(_)) => {
                self.layer.metrics.dropped(&about.counting.labels, StatusCode::TOO_MANY_REQUESTS.as_u16());
                return Either::Left(Either::Left(ready(Ok(too_many()))));
            }
        };
        let counted: Arc<(Option<OwnedSemaphorePermit>, _)> =
            Arc::new((permit, self.layer.metrics.in_flight(about.is_mutating, about.received)));
        request.extensions_mut().insert(Held::new(counted.clone()));
        let answer = self.inner.call(request);
        Either::Right(Box::pin(async move { Ok(holding(answer.await?, counted)) }))
    }
}

fn is_master(request: &Request) -> bool {
    request.extensions().get::<Authenticated>().is_some_and(|a| a.user().in_group(MASTERS))
}

fn too_many() -> Response {
    let text = "Too many requests, please try again later.\n";
    let mut response = respond::plain_text(StatusCode::TOO_MANY_REQUESTS, text);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
