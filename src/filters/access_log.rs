//! Logs requests: all of them from verbosity 3 on, failures of the server always.
//!
//! Of the query only the parameters' names are logged, and no header but the user agent: values may be
//! secret.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::USER_AGENT;
use http::{HeaderValue, Method};
use keelson_apimachinery::Text;
use keelson_base::clock::{self, Instant};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{Level, debug, enabled, warn};

use super::audit_id::AuditId;
use super::body::{End, Watcher, watched};
use super::connection::Connection;
use super::request_info::About;
use crate::request::{Request, RequestInfo, Response};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct AccessLogLayer;

impl<S> Layer<S> for AccessLogLayer {
    type Service = AccessLog<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessLog { inner }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct AccessLog<S> {
    inner: S,
}

impl<S> Service<Request> for AccessLog<S>
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
        let extensions = request.extensions();
        let info = extensions.get::<RequestInfo>();
        let line = Line {
            method: request.method().clone(),
            path: info.map(|i| i.path.clone()).unwrap_or_default(),
            verb: info.map(|i| i.verb.clone()).unwrap_or_default(),
            query: request.uri().query().map(parameter_names).unwrap_or_default(),
            agent: request.headers().get(USER_AGENT).cloned(),
            audit_id: extensions.get::<AuditId>().cloned(),
            received: About::of(&request).received,
            peer: extensions.get::<Connection>().cloned(),
            code: 0,
        };
        ResponseFuture { inner: self.inner.call(request), line: Some(line) }
    }
}

/// The parameters that the API has. Any other name may be a secret that somebody pasted there.
const KNOWN: [&str; 42] = [
    "allowWatchBookmarks",
    "command",
    "container",
    "continue",
    "dryRun",
    "exclude",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "follow",
    "force",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "includeObject",
    "insecureSkipTLSVerifyBackend",
    "labelSelector",
    "limit",
    "limitBytes",
    "orphanDependents",
    "path",
    "ports",
    "pretty",
    "previous",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "sinceSeconds",
    "sinceTime",
    "stderr",
    "stdin",
    "stdout",
    "stream",
    "tailLines",
    "timeout",
    "timeoutSeconds",
    "timestamps",
    "tty",
    "verbose",
    "verb",
    "watch",
];

/// The names of a query's parameters, parted by commas, no more than a line may hold.
fn parameter_names(query: &str) -> String {
    const MOST: usize = 20;
    let names = query.split('&').take(MOST).map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        if KNOWN.contains(&name) { name } else { "?" }
    });
    names.collect::<Vec<_>>().join(",")
}

struct Line {
    method: Method,
    path: Text,
    verb: Text,
    query: String,
    agent: Option<HeaderValue>,
    audit_id: Option<AuditId>,
    received: Instant,
    peer: Option<Connection>,
    code: u16,
}

impl Watcher for Line {
    fn ended(&mut self, bytes: u64, end: End) {
        let latency = clock::monotonic().duration_since(self.received);
        let agent = self.agent.as_ref().and_then(|a| a.to_str().ok()).unwrap_or_default();
        let peer = self.peer.as_ref().map(|p| p.peer().to_string()).unwrap_or_default();
        let id = self.audit_id.as_ref().map_or("", AuditId::as_str);
        let (verb, path, query, code) =
            (self.verb.as_str(), self.path.as_str(), self.query.as_str(), self.code);
        let method = self.method.as_str();
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    method,
                    verb,
                    path,
                    query,
                    code,
                    bytes,
                    ?latency,
                    broken = end == End::Broken && self.method != Method::HEAD,
                    agent,
                    peer,
                    audit_id = id,
                    "HTTP"
                )
            };
        }
        if code >= 500 { line!(warn) } else { line!(debug) }
    }
}

pin_project! {
    /// See the module.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        line: Option<Line>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(context))?;
        let code = response.status().as_u16();
        Poll::Ready(Ok(match this.line.take() {
            Some(mut line) if code >= 500 || enabled!(Level::DEBUG) => {
                line.code = code;
                watched(response, line)
            }
            _ => response,
        }))
    }
}
