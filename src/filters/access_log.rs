//! Logs requests, as klog's users know it from kube-apiserver: all of them from verbosity 3 on, those that took long
//! from 2 on, and failures of the server always.
//!
//! No header is logged but the user agent, and of the query only what can't be secret ([`super::uri`]).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderValue, Method, Uri};
use keelson_apimachinery::Text;
use keelson_base::clock::{self, Instant};
use keelson_base::random;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{Level, debug, enabled, info, warn};

use super::audit_id::AuditId;
use super::body::{End, Watcher, watched};
use super::connection::Connection;
use super::request_info::About;
use super::uri;
use crate::request::{Request, RequestInfo, Response, UserInfo};
use crate::telemetry::{RequestLabels, is_verbose};

/// How long a request takes that is told of from verbosity 2 on.
const LONG: Duration = Duration::from_millis(500);

/// Takes who sends a request, when that is known; in the extensions of those that are logged.
#[derive(Clone, Debug, Default)]
pub(super) struct LoggedUser(Arc<OnceLock<Arc<UserInfo>>>);

impl LoggedUser {
    /// Notes who sends the request.
    pub(super) fn is(&self, user: &Arc<UserInfo>) {
        self.0.get_or_init(|| Arc::clone(user));
    }
}

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

    fn call(&mut self, mut request: Request) -> Self::Future {
        let all = enabled!(Level::DEBUG);
        let user = all.then(LoggedUser::default);
        if let Some(user) = &user {
            request.extensions_mut().insert(user.clone());
        }
        let extensions = request.extensions();
        let about = About::of(&request);
        let line = Line {
            method: request.method().clone(),
            verb: extensions.get::<RequestInfo>().map(|info| info.verb.clone()).unwrap_or_default(),
            uri: request.uri().clone(),
            agent: request.headers().get(USER_AGENT).cloned(),
            audit_id: extensions.get::<AuditId>().cloned(),
            labels: about.counting.labels,
            received: about.received,
            may_take_long: about.is_long_running,
            peer: extensions.get::<Connection>().cloned(),
            user,
            all,
            code: 0,
        };
        ResponseFuture { inner: self.inner.call(request), line: Some(line) }
    }
}

struct Line {
    method: Method,
    verb: Text,
    uri: Uri,
    agent: Option<HeaderValue>,
    audit_id: Option<AuditId>,
    labels: RequestLabels,
    received: Instant,
    may_take_long: bool,
    peer: Option<Connection>,
    user: Option<LoggedUser>,
    /// Whether every request is logged.
    all: bool,
    code: u16,
}

impl Watcher for Line {
    fn ended(&mut self, bytes: u64, end: End) {
        let latency = clock::monotonic().saturating_duration_since(self.received);
        if self.is_slow(latency) {
            self.tell_slow(latency);
        }
        if !self.all && self.code < 500 {
            return;
        }
        let verb = if self.verb.is_empty() { self.method.as_str() } else { self.verb.as_str() };
        let peer = self.peer.as_ref().map(|p| p.peer().to_string()).unwrap_or_default();
        let user = self.user.as_ref().and_then(|user| user.0.get());
        let user = user.map(|user| user.name.as_str());
        let (shown, resp) = (uri::shown(&self.uri), self.code);
        let broken = (end == End::Broken && self.method != Method::HEAD).then_some(true);
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    verb,
                    "URI" = shown,
                    ?latency,
                    "userAgent" = self.agent(),
                    "audit-ID" = self.audit_id(),
                    "srcIP" = peer,
                    user,
                    resp,
                    size = bytes,
                    broken,
                    "HTTP"
                )
            };
        }
        if self.code >= 500 { line!(warn) } else { line!(debug) }
    }
}

impl Line {
    fn agent(&self) -> &str {
        self.agent.as_ref().and_then(|agent| agent.to_str().ok()).unwrap_or_default()
    }

    fn audit_id(&self) -> &str {
        self.audit_id.as_ref().map_or("", AuditId::as_str)
    }

    fn is_slow(&self, latency: Duration) -> bool {
        latency > LONG && !self.may_take_long && is_verbose(2)
    }

    /// The line that those look for who search a log for slow requests: `Trace[`.
    fn tell_slow(&self, latency: Duration) {
        let RequestLabels { verb, group, version, resource, subresource, scope, .. } = self.labels;
        let name = match verb {
            "POST" => "Create",
            "GET" => "Get",
            "LIST" => "List",
            "PUT" => "Update",
            "PATCH" | "APPLY" => "Patch",
            "DELETE" | "DELETECOLLECTION" => "Delete",
            _ => self.method.as_str(),
        };
        let client = self.peer.as_ref().map(|peer| peer.peer().ip().to_string()).unwrap_or_default();
        let (path, agent, id) = (self.uri.path(), self.agent(), self.audit_id());
        info!(
            v = 2,
            "Trace[{}]: \"{name}\" audit-id:{id},client:{client},api-group:{group},api-version:{version},\
             subresource:{subresource},resource:{resource},scope:{scope},url:{path},user-agent:{agent},verb:{verb} \
             (total time: {}ms)",
            random::below(1 << 31),
            latency.as_millis(),
        );
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
            Some(mut line) if code >= 500 || line.all || is_verbose(2) => {
                line.code = code;
                watched(response, line)
            }
            _ => response,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use http_body_util::{BodyExt, Full};
    use parking_lot::Mutex;
    use tower::ServiceExt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::{Format, lines};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `work` logs.
    fn logged(work: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = lines(Format::Text, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let bytes = sink.0.lock().clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_request_has_a_line_with_who_what_and_how_it_ended() {
        let line = logged(|| {
            let handler = tower::service_fn(|request: Request| async move {
                let user = UserInfo { name: "alice".to_owned(), ..UserInfo::default() };
                request.extensions().get::<LoggedUser>().expect("it is logged").is(&Arc::new(user));
                let body = Full::new("ok".into()).map_err(|never| match never {}).boxed_unsync();
                Ok::<_, Infallible>(Response::new(body))
            });
            let uri: Uri = "/api/v1/pods?limit=5&labelSelector=planted".parse().expect("a URI");
            let mut request = Request::new(crate::request::empty());
            *request.uri_mut() = uri.clone();
            request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("tester"));
            let info = RequestInfo::parse(&Method::GET, &uri).expect("a request");
            request.extensions_mut().insert(info);
            let answer = AccessLogLayer.layer(handler).oneshot(request);
            let answer = futures::executor::block_on(answer).expect("an answer");
            futures::executor::block_on(answer.into_body().collect()).expect("a body");
        });
        let wanted = r#"] "HTTP" verb="list" URI="/api/v1/pods?limit=5&labelSelector=…" latency=""#;
        assert!(line.contains(wanted), "{line}");
        let wanted = "\" userAgent=\"tester\" audit-ID=\"\" srcIP=\"\" user=\"alice\" resp=200 size=2\n";
        assert!(line.ends_with(wanted), "{line}");
        assert!(!line.contains("planted"), "{line}");
    }

    #[test]
    fn slow_requests_are_found_by_their_word() {
        let labels =
            RequestLabels { verb: "LIST", version: "v1", resource: "pods", ..RequestLabels::default() };
        let line = Line {
            method: Method::GET,
            verb: "list".into(),
            uri: "/api/v1/pods?labelSelector=planted".parse().expect("a URI"),
            agent: None,
            audit_id: None,
            labels,
            received: clock::monotonic(),
            may_take_long: false,
            peer: None,
            user: None,
            all: false,
            code: 200,
        };
        let text = logged(|| line.tell_slow(Duration::from_millis(612)));
        assert!(text.starts_with('I') && text.contains("] \"Trace["), "{text}");
        assert!(text.contains("resource:pods") && text.ends_with("(total time: 612ms)\"\n"), "{text}");
        assert!(!text.contains("planted"), "{text}");
    }
}
