//! Begins the trace of a request: a span that lasts until its answer has been sent, as which everything shows that the
//! request does.
//!
//! Stands behind authentication: the trace of an administrator's or a monitoring system's request is a part of theirs,
//! and recorded where they say so. Nobody else can make the server record: their span is only named, as a link. Where
//! nothing is traced, this layer does nothing.
//!
//! Source: kube-apiserver's spans, which OpenTelemetry's conventions for HTTP describe.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::SystemTime;

use futures::future::{BoxFuture, Either};
use http::Version;
use http::header::USER_AGENT;
use keelson_base::clock;
use keelson_base::trace::{Remote, Root, Span, Tracer};
use tower::{Layer, Service};

use super::audit_id::AuditId;
use super::body::{End, Watcher, watched};
use super::connection::Connection;
use super::request_info::About;
use super::uri;
use crate::request::{Authenticated, Request, RequestInfo, Response};

/// Those whose traces are taken on.
const TRUSTED: [&str; 2] = ["system:masters", "system:monitoring"];

/// See the module.
#[derive(Clone, Debug)]
pub struct TracesLayer {
    /// Begins spans; none where nothing is traced.
    pub tracer: Option<Tracer>,
}

impl<S> Layer<S> for TracesLayer {
    type Service = Traces<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Traces { inner, tracer: self.tracer.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Traces<S> {
    inner: S,
    tracer: Option<Tracer>,
}

impl<S, F> Service<Request> for Traces<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future = F>,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<F, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(tracer) = &self.tracer else { return Either::Left(self.inner.call(request)) };
        let span = begin(tracer, &request);
        let answer = span.hold(span.within(|| self.inner.call(request)));
        Either::Right(Box::pin(async move {
            let response = answer.await?;
            let code = response.status();
            span.number("http.response.status_code", code.as_u16().into());
            if code.is_server_error() {
                span.failed(String::new());
            }
            Ok(if span.is_recorded() { watched(response, Ending(span)) } else { response })
        }))
    }
}

/// The span of an answer that is being sent.
struct Ending(Span);

impl Watcher for Ending {
    fn ended(&mut self, bytes: u64, end: End) {
        let span = std::mem::replace(&mut self.0, Span::NONE);
        span.number("http.response.body.size", bytes);
        if end == End::Broken {
            span.event("the answer broke off");
        }
    }
}

fn begin(tracer: &Tracer, request: &Request) -> Span {
    let headers = request.headers();
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let remote = header("traceparent").and_then(|parent| Remote::parse(parent, header("tracestate")));
    let extensions = request.extensions();
    let trusted = extensions.get::<Authenticated>().is_some_and(|authenticated| {
        authenticated.user().groups.iter().any(|group| TRUSTED.contains(&group.as_str()))
    });
    let (parent, link) = if trusted { (remote, None) } else { (None, remote) };
    let took = clock::monotonic().saturating_duration_since(About::of(request).received);
    let info = extensions.get::<RequestInfo>();
    let name = name(request.method().as_str(), info);
    let span = tracer.root(Root { name, begun: SystemTime::from(clock::now()) - took, parent, link });
    if !span.is_recorded() {
        return span;
    }
    let version = match request.version() {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    span.text("http.request.method", request.method().as_str())
        .text("url.scheme", "https")
        .text("url.path", request.uri().path())
        .text("http.target", &uri::shown(request.uri()))
        .text("network.protocol.version", version)
        .text("audit-id", extensions.get::<AuditId>().map_or("", AuditId::as_str));
    if let Some(agent) = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        span.text("user_agent.original", agent);
    }
    if let Some(connection) = extensions.get::<Connection>() {
        let peer = connection.peer();
        span.text("network.peer.address", &peer.ip().to_string())
            .number("network.peer.port", peer.port().into());
    }
    span
}

/// The method, and where it is to a resource, the shape of its path.
fn name(method: &str, info: Option<&RequestInfo>) -> String {
    let Some(info) = info.filter(|info| info.is_resource_request) else { return method.to_owned() };
    let mut name = format!("{method} /{}", info.api_prefix);
    let mut add = |segment: &str| {
        if !segment.is_empty() {
            name.push('/');
            name.push_str(segment);
        }
    };
    add(&info.api_group);
    add(&info.api_version);
    add(if info.namespace.is_empty() { "" } else { "namespaces/{:namespace}" });
    add(&info.resource);
    add(if info.name.is_empty() { "" } else { "{:name}" });
    add(&info.subresource);
    name
}
