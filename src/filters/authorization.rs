//! Finds out whether a request's sender may do what it asks for, and leaves the evidence; refuses with 403.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use keelson_base::clock;
use keelson_base::trace;
use tower::{Layer, Service};
use tracing::{debug, error};

use crate::authz::{self, Attributes, Authorizer, Decision};
use crate::endpoints::respond;
use crate::request::{Authenticated, Authorized, Request, RequestInfo, Response};
use crate::telemetry::{Judgement, Metrics};

/// See the module.
#[derive(Clone)]
pub struct AuthorizationLayer {
    /// Decides.
    pub authorizer: Arc<dyn Authorizer>,
    /// Counts the decisions.
    pub metrics: Metrics,
}

impl<S> Layer<S> for AuthorizationLayer {
    type Service = Authorization<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authorization { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone)]
pub struct Authorization<S> {
    inner: S,
    layer: AuthorizationLayer,
}

impl<S, F> Service<Request> for Authorization<S>
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
        let layer = self.layer.clone();
        let mut inner = self.inner.clone();
        Box::pin(async move {
            // Apart from its body, which can't be lent to a future that moves between threads.
            let (mut parts, body) = request.into_parts();
            let span = trace::span("Authorization");
            let checked = span.hold(check(&layer, &parts)).await;
            drop(span);
            match checked {
                Ok(evidence) => {
                    parts.extensions.insert(evidence);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(refusal) => Ok(refusal),
            }
        })
    }
}

async fn check(layer: &AuthorizationLayer, request: &Parts) -> Result<Authorized, Response> {
    let found = (request.extensions.get::<Authenticated>(), request.extensions.get::<RequestInfo>());
    let (Some(authenticated), Some(info)) = found else {
        error!("a request came to authorization that was not authenticated");
        return Err(internal_error(request, "no user on request"));
    };
    let attributes = Attributes::of(authenticated.user(), info);
    let begun = clock::monotonic();
    let verdict = layer.authorizer.authorize(&attributes).await;
    let judgement = match (verdict.decision, &verdict.error) {
        (Decision::Allow, _) => Judgement::Allowed,
        (_, Some(_)) => Judgement::Error,
        (Decision::Deny, None) => Judgement::Denied,
        (Decision::NoOpinion, None) => Judgement::NoOpinion,
    };
    layer.metrics.authorization(judgement, clock::monotonic().duration_since(begun));
    match &verdict.error {
        _ if verdict.is_allowed() => Ok(Authorized::new()),
        None => {
            debug!(path = info.path.as_str(), reason = &*verdict.reason, "Forbidden");
            let format = respond::Format::of(&request.headers, &request.uri);
            let mut refusal = respond::status(&authz::forbidden(&attributes, &verdict.reason), format);
            refusal.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            Err(refusal)
        }
        Some(failure) => {
            error!(error = failure, "can't authorize the request");
            Err(internal_error(request, failure))
        }
    }
}

/// Plain text, as upstream answers where it can't decide.
fn internal_error(request: &Parts, why: &str) -> Response {
    // Over HTTP/2 the URI names the server, too.
    let uri = request.uri.path_and_query().map_or("", |path| path.as_str());
    let uri = keelson_apimachinery::field::quote(uri);
    let text = format!("Internal Server Error: {uri}: {why}\n");
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut response = respond::plain_text(StatusCode::INTERNAL_SERVER_ERROR, text);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
