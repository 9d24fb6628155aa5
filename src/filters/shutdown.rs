//! Lets the server end without breaking requests: counts those that have to finish, and ends long-running
//! ones when it is their time.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use keelson_base::shutdown::Signal;
use pin_project_lite::pin_project;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::{Layer, Service};

use super::body::{cut_off, holding};
use super::request_info::About;
use crate::request::{Request, Response};

/// See the module.
#[derive(Clone, Debug)]
pub struct ShutdownLayer {
    /// Holds a token for each request that has to finish.
    pub in_flight: TaskTracker,
    /// Ends the answers to long-running requests.
    pub end_watches: Signal,
}

impl<S> Layer<S> for ShutdownLayer {
    type Service = ShutdownFilter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ShutdownFilter { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct ShutdownFilter<S> {
    inner: S,
    layer: ShutdownLayer,
}

impl<S> Service<Request> for ShutdownFilter<S>
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
        let kind = if About::of(&request).is_long_running {
            Kind::LongRunning(self.layer.end_watches.clone())
        } else {
            Kind::Finishes(self.layer.in_flight.token())
        };
        ResponseFuture { inner: self.inner.call(request), kind: Some(kind) }
    }
}

enum Kind {
    Finishes(TaskTrackerToken),
    LongRunning(Signal),
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        kind: Option<Kind>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(context))?;
        Poll::Ready(Ok(match this.kind.take() {
            Some(Kind::Finishes(token)) => holding(response, token),
            Some(Kind::LongRunning(signal)) => cut_off(response, async move { signal.begun().await }, None),
            None => response,
        }))
    }
}
