//! Finds out who sends a request, and leaves the evidence; refuses bad credentials with 401.
//!
//! Clients without accepted credentials get no second request on an HTTP/2 connection: it is cheap for them
//! to open many (CVE-2023-44487).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::{BoxFuture, Either, Ready, ready as now};
use http::header::{HeaderValue, WARNING};
use keelson_apimachinery::Status;
use keelson_base::clock::{self, Instant};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{debug, error};

use super::access_log::LoggedUser;
use super::connection::Connection;
use crate::authn::{self, Authenticator, Credentials, Outcome, Refused};
use crate::endpoints::respond;
use crate::request::{Authenticated, Request, RequestInfo, Response};
use crate::telemetry::{Attempt, Metrics};

/// See the module.
#[derive(Clone)]
pub struct AuthenticationLayer {
    /// Decides.
    pub authenticator: Arc<Authenticator>,
    /// Counts the decisions.
    pub metrics: Metrics,
}

impl<S> Layer<S> for AuthenticationLayer {
    type Service = Authentication<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authentication { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone)]
pub struct Authentication<S> {
    inner: S,
    layer: AuthenticationLayer,
}

impl<S, F> Service<Request> for Authentication<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future = F> + Clone + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future =
        Either<ResponseFuture<Either<Refusal, F>>, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let begun = clock::monotonic();
        let connection = request.extensions().get::<Connection>();
        let authentication = self.layer.authenticator.authenticate(Credentials {
            certificate: connection.and_then(Connection::certificate),
            headers: request.headers(),
            path: request.extensions().get::<RequestInfo>().map_or("", |info| info.path.as_str()),
        });
        match authentication {
            authn::Authentication::Known(outcome) => {
                Either::Left(proceed(&self.layer, &mut self.inner, request, outcome, begun))
            }
            authn::Authentication::Asked(asked) => {
                // The clone is what will be ready later; what is ready now serves this request.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let layer = self.layer.clone();
                Either::Right(Box::pin(async move {
                    let outcome = asked.await;
                    proceed(&layer, &mut inner, request, outcome, begun).await
                }))
            }
        }
    }
}

type Refusal = Ready<Result<Response, Infallible>>;

/// Lets the request on, with the evidence, or refuses it.
fn proceed<S>(
    layer: &AuthenticationLayer,
    inner: &mut S,
    mut request: Request,
    outcome: Outcome,
    begun: Instant,
) -> ResponseFuture<Either<Refusal, S::Future>>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let known = outcome.user.as_ref().is_ok_and(|user| !authn::is_anonymous(user));
    let connection = request.extensions().get::<Connection>();
    if let Some(connection) = connection.filter(|c| !known && c.is_http2()) {
        connection.close();
    }
    let took = clock::monotonic().duration_since(begun);
    let answer = match outcome.user {
        Ok(user) => {
            layer.metrics.authenticated(&user.name, took);
            layer.authenticator.remove_credentials(request.headers_mut());
            if let Some(logged) = request.extensions().get::<LoggedUser>() {
                logged.is(&user);
            }
            request.extensions_mut().insert(Authenticated::new(user));
            Either::Right(inner.call(request))
        }
        Err(refused) => {
            let attempt = match refused {
                Refused::Anonymous => Attempt::Failure,
                Refused::Credentials(_) => Attempt::Error,
            };
            layer.metrics.not_authenticated(attempt, took);
            match attempt {
                Attempt::Error => error!(error = %refused, "Unable to authenticate the request"),
                _ => debug!(reason = %refused, "Unable to authenticate the request"),
            }
            let format = respond::Format::of(request.headers(), request.uri());
            Either::Left(now(Ok(respond::status(&Status::unauthorized(), format))))
        }
    };
    ResponseFuture { inner: answer, warning: outcome.warning }
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        warning: Option<&'static str>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        if let Some(text) = this.warning.take()
            && let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\""))
        {
            response.headers_mut().append(WARNING, value);
        }
        Poll::Ready(Ok(response))
    }
}
