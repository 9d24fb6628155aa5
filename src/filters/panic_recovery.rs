//! Answers a request whose handling panicked with 500, and logs it; other requests go on.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use tower::{Layer, Service};
use tracing::error;

use super::audit_id::AuditId;
use crate::endpoints::respond;
use crate::request::{Request, Response};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct PanicRecoveryLayer;

impl<S> Layer<S> for PanicRecoveryLayer {
    type Service = PanicRecovery<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PanicRecovery { inner }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct PanicRecovery<S> {
    inner: S,
}

impl<S, F> Service<Request> for PanicRecovery<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future = F> + Clone + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let mut inner = self.inner.clone();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let id = request.extensions().get::<AuditId>().cloned();
        // Inside of the future, so that a panic before the first await is caught, too.
        let handled = AssertUnwindSafe(async move { inner.call(request).await }).catch_unwind();
        Box::pin(async move {
            match handled.await {
                Ok(answer) => answer,
                Err(_) => {
                    let id = id.as_ref().map_or("", AuditId::as_str);
                    error!(%method, path, audit_id = id, "apiserver panic'd");
                    let text = "This request caused apiserver to panic. Look in the logs for details.\n";
                    Ok(respond::plain_text(StatusCode::INTERNAL_SERVER_ERROR, text))
                }
            }
        })
    }
}
