//! Bounds how long a request may take: `--request-timeout`, or less where its `timeout` parameter says so.
//! Long-running requests are not bound by it.
//!
//! The request's body breaks off, too, whoever reads it then: a write goes on without its client, but does not wait
//! for what the client has not sent.
//!
//! Where the time is up before the answer has begun, the answer is 504; where it has begun, it breaks off.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{Either, Ready, ready};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::Body as _;
use keelson_apimachinery::{Status, scalar};
use keelson_base::clock::Instant;
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tokio::time::Sleep;
use tower::{Layer, Service};

use super::body::{cut_off, cut_off_body};
use super::request_info::About;
use crate::endpoints::respond;
use crate::request::{Query, Request, Response, full};
use crate::telemetry::{Metrics, RequestLabels};

/// Why a body breaks off.
const PASSED: &str = "the request's deadline has passed";

/// See the module.
#[derive(Clone)]
pub struct RequestDeadlineLayer {
    /// The longest that a request may take.
    pub limit: Duration,
    /// Counts the requests that took longer.
    pub metrics: Metrics,
}

impl<S> Layer<S> for RequestDeadlineLayer {
    type Service = RequestDeadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestDeadline { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone)]
pub struct RequestDeadline<S> {
    inner: S,
    layer: RequestDeadlineLayer,
}

type Answer = Result<Response, Infallible>;

impl<S> Service<Request> for RequestDeadline<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Either<Ready<Answer>, S::Future>, ResponseFuture<S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let about = About::of(&request);
        if about.is_long_running {
            return Either::Left(Either::Right(self.inner.call(request)));
        }
        let limit = match wanted_timeout(request.uri().query()) {
            Ok(wanted) => wanted.map_or(self.layer.limit, |w| w.min(self.layer.limit)),
            Err(why) => {
                let format = respond::Format::of(request.headers(), request.uri());
                let status =
                    Status::bad_request(format!("invalid timeout specified in the request URL - {why}"));
                return Either::Left(Either::Left(ready(Ok(respond::status(&status, format)))));
            }
        };
        let day = Duration::from_secs(86_400);
        let deadline = about.received.checked_add(limit).unwrap_or_else(|| about.received + day);
        let expired = Expired { metrics: self.layer.metrics.clone(), labels: about.counting.labels };
        if let Some(about) = request.extensions_mut().get_mut::<About>() {
            about.deadline = Some(deadline);
        }
        let (request, body) = with_abandon(request);
        Either::Right(ResponseFuture {
            inner: self.inner.call(request),
            sleep: tokio::time::sleep_until(deadline),
            deadline,
            expired: Some(expired),
            _body: body,
        })
    }
}

/// The request, whose body breaks off when the sender is dropped. One without a body needs no watch.
fn with_abandon(request: Request) -> (Request, Option<oneshot::Sender<()>>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let (sender, abandoned) = oneshot::channel::<()>();
    let abandoned = async move {
        // Nothing is ever sent.
        let _ = abandoned.await;
    };
    (request.map(|body| cut_off_body(body, abandoned, Some(PASSED.into()))), Some(sender))
}

/// The `timeout` parameter; `None` where it is absent, 0 or less.
fn wanted_timeout(query: Option<&str>) -> Result<Option<Duration>, String> {
    let Some(query) = query.filter(|q| q.contains("timeout=")) else { return Ok(None) };
    let query = Query::parse(Some(query));
    let Some(text) = query.get("timeout").filter(|t| !t.is_empty()) else { return Ok(None) };
    let nanos = scalar::Duration::parse(text)?.0;
    Ok(u64::try_from(nanos).ok().filter(|n| *n > 0).map(Duration::from_nanos))
}

struct Expired {
    metrics: Metrics,
    labels: RequestLabels,
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        sleep: Sleep,
        deadline: Instant,
        expired: Option<Expired>,
        // Ends the request's body when this is dropped.
        _body: Option<oneshot::Sender<()>>,
    }
}

impl<F: Future<Output = Answer>> Future for ResponseFuture<F> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let this = self.project();
        if let Poll::Ready(answer) = this.inner.poll(context) {
            let response = answer?;
            // A body that is there already needs no watch.
            if response.body().size_hint().exact().is_some() {
                return Poll::Ready(Ok(response));
            }
            let (deadline, expired) = (*this.deadline, this.expired.take());
            let cut = async move {
                tokio::time::sleep_until(deadline).await;
                if let Some(Expired { metrics, labels }) = expired {
                    metrics.aborted(&labels);
                }
            };
            return Poll::Ready(Ok(cut_off(response, cut, Some(PASSED.into()))));
        }
        if this.sleep.poll(context).is_pending() {
            return Poll::Pending;
        }
        if let Some(Expired { metrics, labels }) = this.expired.take() {
            metrics.terminated(&labels, StatusCode::GATEWAY_TIMEOUT.as_u16());
        }
        Poll::Ready(Ok(timed_out()))
    }
}

/// Bare JSON whatever the client accepts, as nothing else may take more time now.
fn timed_out() -> Response {
    const BODY: &str = concat!(
        r#"{"metadata":{},"status":"Failure","message":"Timeout: request did not complete within the allotted timeout","#,
        r#""reason":"Timeout","details":{},"code":504}"#,
        "\n"
    );
    let mut response = Response::new(full(BODY));
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}
