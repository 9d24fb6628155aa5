//! The order of the filters: here and nowhere else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use keelson_base::latch::Latch;
use keelson_base::shutdown::Signal;
use keelson_base::trace::Tracer;
use regex::Regex;
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use super::access_log::AccessLogLayer;
use super::audit_id::AuditIdLayer;
use super::authentication::AuthenticationLayer;
use super::authorization::AuthorizationLayer;
use super::cache_control;
use super::cors::CorsLayer;
use super::goaway::GoawayLayer;
use super::hsts::HstsLayer;
use super::impersonation::ImpersonationLayer;
use super::in_flight::InFlightLayer;
use super::metrics::MetricsLayer;
use super::not_ready::NotReadyLayer;
use super::panic_recovery::PanicRecoveryLayer;
use super::request_deadline::RequestDeadlineLayer;
use super::request_info::RequestInfoLayer;
use super::retry_after::RetryAfterLayer;
use super::shutdown::{Pace, ShutdownLayer};
use super::traces::TracesLayer;
use crate::authn::Authenticator;
use crate::authz::Authorizer;
use crate::authz::impersonation::Impersonation;
use crate::request::{Request, Response};
use crate::telemetry::Metrics;

/// What the filters work with.
#[derive(Clone)]
pub struct Parts {
    /// Says who sends a request.
    pub authenticator: Arc<Authenticator>,
    /// Says who may do what.
    pub authorizer: Arc<dyn Authorizer>,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// Begins the traces of requests; none where nothing is traced.
    pub tracer: Option<Tracer>,
    /// The longest that a request may take that is not long-running.
    pub request_timeout: Duration,
    /// How many reading requests are served at once; `None` for any number.
    pub max_reading: Option<u32>,
    /// How many other requests are served at once; `None` for any number.
    pub max_mutating: Option<u32>,
    /// Holds a token for each request that has to finish before the server ends.
    pub in_flight: TaskTracker,
    /// Holds a token for each long-running request.
    pub watches: TaskTracker,
    /// Over how long they are ended; zero for all at once.
    pub watch_grace: Duration,
    /// Ends the answers to long-running requests.
    pub end_watches: Signal,
    /// From when on new requests are told to come back, where they are.
    pub refuse: Signal,
    /// Set when the server was ready once, where requests are refused until then.
    pub ready_once: Option<Latch>,
    /// What `Strict-Transport-Security` says; no such header where absent.
    pub strict_transport_security: Option<HeaderValue>,
    /// With how many of its requests a connection over HTTP/2 ends, between 0 and 1.
    pub goaway_chance: f64,
    /// The origins whose pages may use the API.
    pub allowed_origins: Arc<[Regex]>,
}

/// The whole way of a request. Cloning is cheap.
pub type Chain = BoxCloneSyncService<Request, Response, Infallible>;

/// `handler` behind all filters; the first layer sees a request first and its answer last.
pub fn build<S>(parts: &Parts, handler: S) -> Chain
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let metrics = || parts.metrics.clone();
    let service = ServiceBuilder::new()
        .layer(AuditIdLayer)
        .layer(PanicRecoveryLayer)
        .layer(RequestInfoLayer)
        .layer(AccessLogLayer)
        .layer(RetryAfterLayer { refuse: parts.refuse.clone() })
        .layer(HstsLayer { directives: parts.strict_transport_security.clone() })
        .layer(cache_control::layer())
        .layer(GoawayLayer { chance: parts.goaway_chance })
        .layer(ShutdownLayer {
            in_flight: parts.in_flight.clone(),
            watches: parts.watches.clone(),
            end_watches: parts.end_watches.clone(),
            pace: Pace::over(parts.watch_grace),
        })
        .layer(RequestDeadlineLayer { limit: parts.request_timeout, metrics: metrics() })
        .layer(CorsLayer { origins: parts.allowed_origins.clone() })
        .layer(AuthenticationLayer { authenticator: parts.authenticator.clone(), metrics: metrics() })
        .layer(TracesLayer { tracer: parts.tracer.clone() })
        .layer(ImpersonationLayer {
            impersonation: Arc::new(Impersonation::new(parts.authorizer.clone())),
            metrics: metrics(),
        })
        .layer(NotReadyLayer { ready_once: parts.ready_once.clone() })
        .layer(InFlightLayer::new(parts.max_reading, parts.max_mutating, metrics()))
        .layer(AuthorizationLayer { authorizer: parts.authorizer.clone(), metrics: metrics() })
        .layer(MetricsLayer { metrics: metrics() })
        .service(handler);
    BoxCloneSyncService::new(service)
}
