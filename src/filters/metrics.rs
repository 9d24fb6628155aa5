//! Counts requests, how long their answers took and how large they were; and those that are served now.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use keelson_base::clock::{self, Instant};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::body::{End, Watcher, watched};
use super::request_info::About;
use crate::request::{Request, Response};
use crate::telemetry::{GaugeGuard, Metrics, RequestLabels};

/// See the module.
#[derive(Clone)]
pub struct MetricsLayer {
    /// Where it is counted.
    pub metrics: Metrics,
}

impl<S> Layer<S> for MetricsLayer {
    type Service = MetricsFilter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MetricsFilter { inner, metrics: self.metrics.clone() }
    }
}

/// See the module.
#[derive(Clone)]
pub struct MetricsFilter<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Service<Request> for MetricsFilter<S>
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
        let About { labels, received, is_long_running, .. } = About::of(&request);
        let long_running = is_long_running.then(|| self.metrics.long_running(&labels));
        let measure =
            Measure { metrics: self.metrics.clone(), labels, received, code: 0, _long_running: long_running };
        ResponseFuture { inner: self.inner.call(request), measure: Some(measure) }
    }
}

/// Counts at the end of the answer.
struct Measure {
    metrics: Metrics,
    labels: RequestLabels,
    received: Instant,
    code: u16,
    _long_running: Option<GaugeGuard>,
}

impl Watcher for Measure {
    fn ended(&mut self, bytes: u64, _: End) {
        let took = clock::monotonic().duration_since(self.received);
        self.metrics.request_ended(&self.labels, self.code, took, bytes);
    }
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        measure: Option<Measure>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(context))?;
        Poll::Ready(Ok(match this.measure.take() {
            Some(mut measure) => {
                measure.code = response.status().as_u16();
                watched(response, measure)
            }
            None => response,
        }))
    }
}
