//! Where a request goes that passed the filters: the server's own paths, or the endpoints.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use http::{HeaderMap, StatusCode};
use keelson_apimachinery::Status;
use keelson_base::metrics::{Format, MetricError};
use keelson_base::task::blocking;
use tracing::error;

use super::health::Health;
use super::metrics::StorageSize;
use super::service_accounts::OpenId;
use crate::endpoints::{Endpoints, respond};
use crate::request::{Authorized, Request, RequestInfo, Response, full};
use crate::telemetry::Metrics;

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
    pub(super) storage_size: StorageSize,
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
            METRICS => {
                self.storage_size.look().await;
                let (parts, _) = request.into_parts();
                exposition(self.metrics.clone(), &parts.headers).await
            }
            SLIS => slis(self.health.slis()),
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

/// The metrics as the client wants them.
async fn exposition(metrics: Metrics, request: &HeaderMap) -> Response {
    let accept = request.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::preferred(accept);
    let gzip = respond::accepts_gzip(request);
    // It takes milliseconds where there are many series, of which requests need not wait.
    let made = blocking(move || {
        let text = metrics.encode_as(format);
        if gzip && text.len() > respond::GZIP_FROM {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
            encoder.write_all(text.as_bytes())?;
            return Ok((encoder.finish()?, true));
        }
        Ok::<_, io::Error>((text.into_bytes(), false))
    });
    match made.await {
        Ok((body, compressed)) => {
            let mut response = Response::new(full(body));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            if compressed {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        }
        Err(failure) => {
            error!(error = %failure, "metrics can't be shown");
            respond::plain_text(StatusCode::INTERNAL_SERVER_ERROR, "metrics can't be shown\n")
        }
    }
}

fn slis(text: Result<String, MetricError>) -> Response {
    match text {
        Ok(text) => {
            let mut response = Response::new(full(text));
            let media_type = HeaderValue::from_static(Format::Text.content_type());
            response.headers_mut().insert(CONTENT_TYPE, media_type);
            response
        }
        Err(failure) => {
            error!(error = %failure, "metrics can't be shown");
            respond::plain_text(StatusCode::INTERNAL_SERVER_ERROR, "metrics can't be shown\n")
        }
    }
}
