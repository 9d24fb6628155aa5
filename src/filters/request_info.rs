//! Reads what a request asks for: puts its `RequestInfo`, and what other filters want to
//! know of it, into its extensions.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use keelson_base::clock::{self, Instant};
use tower::{Layer, Service};

use super::labels::{Counting, counting};
use crate::endpoints::respond;
use crate::request::{Request, RequestInfo, Response};

/// What filters ask of a request again and again, in its extensions.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// When the request was received.
    pub received: Instant,
    /// When its time is up, where that is known yet.
    pub deadline: Option<Instant>,
    /// What metrics want to know of it.
    pub counting: Counting,
    /// Whether it may be served for as long as its client wants.
    pub is_long_running: bool,
    /// Whether it does more than read.
    pub is_mutating: bool,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct RequestInfoLayer;

impl<S> Layer<S> for RequestInfoLayer {
    type Service = RequestInfoFilter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestInfoFilter { inner }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct RequestInfoFilter<S> {
    inner: S,
}

impl<S> Service<Request> for RequestInfoFilter<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match RequestInfo::parse(request.method(), request.uri()) {
            Ok(info) => {
                let about = About {
                    received: clock::monotonic(),
                    deadline: None,
                    counting: counting(&request, &info),
                    is_long_running: is_long_running(&info),
                    is_mutating: !matches!(info.verb.as_str(), "get" | "list" | "watch"),
                };
                request.extensions_mut().insert(about);
                request.extensions_mut().insert(info);
                Either::Right(self.inner.call(request))
            }
            Err(status) => {
                let format = respond::Format::of(request.headers(), request.uri());
                Either::Left(ready(Ok(respond::status(&status, format))))
            }
        }
    }
}

impl About {
    /// What is known of the request. Only filters behind [`RequestInfoLayer`] may ask.
    pub(super) fn of(request: &Request) -> About {
        request.extensions().get().copied().unwrap_or_else(|| About {
            received: clock::monotonic(),
            deadline: None,
            counting: Counting::default(),
            is_long_running: false,
            is_mutating: true,
        })
    }
}

/// A watch, or a stream from or to a kubelet.
fn is_long_running(info: &RequestInfo) -> bool {
    let stream = |name: &str| matches!(name, "attach" | "exec" | "proxy" | "log" | "portforward");
    matches!(info.verb.as_str(), "watch" | "proxy") || info.is_resource_request && stream(&info.subresource)
}
