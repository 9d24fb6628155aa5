//! Counts requests that may do what they ask for, how long their answers took and how large they were; and those
//! that are served now.
//!
//! It stands behind the other filters, as upstream's does: requests that a filter refuses show in that filter's own
//! metrics.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use keelson_base::clock;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::body::{End, Watcher, watched};
use super::request_info::About;
use crate::request::{Request, Response};
use crate::telemetry::{GaugeGuard, Metrics, Outcome, Series};

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
        let about = About::of(&request);
        if !about.counting.counts {
            return ResponseFuture { inner: self.inner.call(request), measure: None };
        }
        let series = self.metrics.series(&about.counting.labels);
        let long_running = about.is_long_running.then(|| self.metrics.long_running(&series));
        if about.counting.deprecated {
            self.metrics.deprecated(&about.counting.labels);
        }
        let measure =
            Measure { metrics: self.metrics.clone(), series, about, code: None, _long_running: long_running };
        ResponseFuture { inner: self.inner.call(request), measure: Some(measure) }
    }
}

/// Counts at the end of the answer.
struct Measure {
    metrics: Metrics,
    series: Arc<Series>,
    about: About,
    code: Option<u16>,
    _long_running: Option<GaugeGuard>,
}

impl Measure {
    fn count(&self, code: u16, bytes: u64) {
        let outcome = Outcome {
            code,
            client: self.about.counting.client,
            took: clock::monotonic().duration_since(self.about.received),
            bytes: self.about.counting.sized.then_some(bytes),
            field_validation: self.about.counting.field_validation,
        };
        self.metrics.request_ended(&self.series, &outcome);
    }
}

impl Watcher for Measure {
    fn ended(&mut self, bytes: u64, _: End) {
        if let Some(code) = self.code {
            self.count(code, bytes);
        }
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        // Given up before there was an answer: counted where the time was up. A client that went away got none.
        let expired = self.about.deadline.is_some_and(|deadline| clock::monotonic() >= deadline);
        if self.code.is_none() && expired {
            self.count(StatusCode::GATEWAY_TIMEOUT.as_u16(), 0);
        }
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
                measure.code = Some(response.status().as_u16());
                watched(response, measure)
            }
            None => response,
        }))
    }
}
