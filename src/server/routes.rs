//! Where a request goes that passed the filters: the server's own paths, or the endpoints.

use std::convert::Infallible;
use std::sync::Arc;

use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use keelson_apimachinery::Status;
use keelson_base::metrics::MetricError;
use tracing::error;

use super::health::Health;
use super::service_accounts::OpenId;
use crate::endpoints::{Endpoints, respond};
use crate::request::{Authorized, Request, RequestInfo, Response, full};
use crate::telemetry::{self, Metrics};

const METRICS: &str = "/metrics";
const SLIS: &str = "/metrics/slis";

/// The paths that the server answers itself.
pub(super) fn paths(health: &Health, openid: &OpenId) -> Vec<String> {
    let own = [METRICS, SLIS].map(str::to_owned).into_iter();
    own.chain(health.paths()).chain(openid.paths()).collect()
}

/// Whoever answers.
pub(super) struct Routes {
    pub(super) health: Health,
    pub(super) openid: OpenId,
    pub(super) metrics: Metrics,
    pub(super) endpoints: Arc<Endpoints>,
}

impl Routes {
    /// The handler behind the filters.
    pub(super) fn into_service(
        self,
    ) -> impl tower::Service<
        Request,
        Response = Response,
        Error = Infallible,
        Future = BoxFuture<'static, Result<Response, Infallible>>,
    > + Clone
    + Send
    + Sync
    + 'static {
        let routes = Arc::new(self);
        tower::service_fn(move |request: Request| -> BoxFuture<'static, _> {
            let routes = routes.clone();
            Box::pin(async move { Ok(routes.answer(request).await) })
        })
    }

    async fn answer(&self, request: Request) -> Response {
        let extensions = request.extensions();
        let (Some(_), Some(info)) = (extensions.get::<Authorized>(), extensions.get::<RequestInfo>()) else {
            let format = respond::Format::of(request.headers(), request.uri());
            return respond::status(&Status::internal("a request reached the routes unchecked"), format);
        };
        if info.is_resource_request {
            return self.endpoints.clone().call(request).await;
        }
        match info.path.as_str() {
            METRICS => exposition(self.metrics.encode()),
            SLIS => exposition(self.health.slis()),
            path => {
                if let Some(answer) = self.openid.respond(&request) {
                    return answer;
                }
                // The answer is made without the body, which can't be lent to a future that moves.
                let (path, query) = (path.to_owned(), request.uri().query().map(str::to_owned));
                match self.health.answer(&path, query.as_deref()).await {
                    Some(answer) => answer,
                    None => self.endpoints.clone().call(request).await,
                }
            }
        }
    }
}

fn exposition(text: Result<String, MetricError>) -> Response {
    match text {
        Ok(text) => {
            let mut response = Response::new(full(text));
            let media_type = HeaderValue::from_static(telemetry::CONTENT_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, media_type);
            response
        }
        Err(failure) => {
            error!(error = %failure, "metrics can't be shown");
            respond::plain_text(StatusCode::INTERNAL_SERVER_ERROR, "metrics can't be shown\n")
        }
    }
}
