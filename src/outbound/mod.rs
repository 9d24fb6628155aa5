//! Requests that the server itself sends: to webhooks, to issuers of tokens.
//!
//! [`Client`] keeps connections (HTTP/1.1, or HTTP/2 where the peer speaks it) and bounds each request in time and
//! its answer in size: whatever the peer does, a request ends within its time. [`Webhook`] is a peer that a
//! kubeconfig names ([`kubeconfig`]), to which reviews are posted, again where that may help.
//!
//! Knows nothing of what is sent. Tasks of connections belong to their client and end with it.

mod answers;
mod connect;
pub mod kubeconfig;
mod metrics;
pub mod review;
mod tls;
mod webhook;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HeaderValue, USER_AGENT};
use http::{Method, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use hyper::rt::Executor;
use hyper_util::client::legacy;
use hyper_util::rt::TokioTimer;
use keelson_base::task::TaskGroup;
use keelson_base::trace;

pub use self::answers::Answers;
pub use self::connect::Proxy;
pub use self::metrics::ClientMetrics;
pub use self::tls::{Tls, client_config};
pub use self::webhook::{Backoff, PostError, Webhook};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// How many unused HTTP/1.1 connections to one peer are kept.
const MAXIMAL_IDLE: usize = 25;
/// After how much silence an HTTP/2 connection is asked whether it lives, and how long it has to say so.
const PING_AFTER: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request that the server sent has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The settings of TLS, or of a proxy, can't be used.
    #[error("{0}")]
    Settings(String),
    /// The peer can't be reached, or TLS can't be agreed on with it. Nothing was sent.
    #[error("{0}")]
    Connect(String),
    /// The connection ended before the answer did.
    #[error("{reason}")]
    Broken {
        /// Why.
        reason: String,
        /// Whether the peer broke it (a reset, or the end of an HTTP/2 connection): it may answer on another one.
        by_peer: bool,
    },
    /// There was no whole answer in time.
    #[error("context deadline exceeded (no answer within {0:?})")]
    Timeout(Duration),
    /// The answer is larger than it may be, in bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Sends requests. Clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    legacy: legacy::Client<connect::Connector, Full<Bytes>>,
    tasks: TaskGroup,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Runs connections under their client's group.
#[derive(Clone)]
struct Tasks(TaskGroup);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn("outbound", future);
    }
}

impl Client {
    /// A client that speaks TLS so, through the proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY`).
    ///
    /// # Errors
    /// Settings that can't be used: certificates that are none, a key of another certificate, a server name
    /// that is none.
    pub fn new(tls: &Tls) -> Result<Self, OutboundError> {
        Client::through(tls, Proxy::Environment)
    }

    /// A client that speaks TLS so, through this proxy.
    ///
    /// # Errors
    /// As of [`Client::new`].
    pub fn through(tls: &Tls, proxy: Proxy) -> Result<Self, OutboundError> {
        let connector = connect::Connector::new(tls, proxy, CONNECT_TIMEOUT)?;
        let tasks = TaskGroup::new();
        let legacy = legacy::Client::builder(Tasks(tasks.clone()))
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAXIMAL_IDLE)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(connector);
        Ok(Client { inner: Arc::new(Inner { legacy, tasks }) })
    }

    /// Sends a request to its absolute URI; the answer, its body of at most `at_most` bytes, whole, is there
    /// `within` this time. Redirects are not followed. Cancel safe.
    ///
    /// # Errors
    /// See [`OutboundError`]; an answer of any status is none.
    pub async fn send(
        &self,
        mut request: Request<Bytes>,
        within: Duration,
        at_most: usize,
    ) -> Result<Response<Bytes>, OutboundError> {
        let agent = concat!("kube-apiserver/v1.36 (linux) keelson/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(agent));
        let span = trace::client_span(match *request.method() {
            Method::GET => "HTTP GET",
            Method::POST => "HTTP POST",
            _ => "HTTP",
        });
        if span.is_recorded() {
            let uri = request.uri();
            span.text("http.request.method", request.method().as_str())
                .text("server.address", uri.host().unwrap_or_default())
                .text("url.path", uri.path());
        }
        span.within(|| {
            trace::inject(|name, value| {
                if let Ok(value) = HeaderValue::try_from(value) {
                    request.headers_mut().insert(name, value);
                }
            });
        });
        let answer = match tokio::time::timeout(within, self.exchange(request, at_most)).await {
            Ok(answer) => answer,
            Err(_) => Err(OutboundError::Timeout(within)),
        };
        match &answer {
            Ok(answer) => span.number("http.response.status_code", answer.status().as_u16().into()),
            Err(error) if span.is_recorded() => span.failed(error.to_string()),
            Err(_) => &span,
        };
        answer
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        at_most: usize,
    ) -> Result<Response<Bytes>, OutboundError> {
        let sent = self.inner.legacy.request(request.map(Full::new)).await;
        let (head, mut body) = sent.map_err(|error| refused(&error))?.into_parts();
        let announced = body.size_hint().lower();
        if announced > at_most as u64 {
            return Err(OutboundError::TooLarge(at_most));
        }
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.len() > at_most {
                return Err(OutboundError::TooLarge(at_most));
            }
            whole.extend_from_slice(&data);
        }
        Ok(Response::from_parts(head, whole.freeze()))
    }
}

fn refused(error: &legacy::Error) -> OutboundError {
    if error.is_connect() { OutboundError::Connect(innermost(error)) } else { broken(error) }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> OutboundError {
    let mut by_peer = false;
    let mut next = Some(error);
    while let Some(error) = next {
        let reset = error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
        });
        let closed = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_closed() || error.is_canceled() || error.is_incomplete_message());
        // The peer is about to end the connection, or had no time for the request: it did nothing with it.
        let refused = error
            .downcast_ref::<h2::Error>()
            .is_some_and(|error| error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM));
        by_peer |= reset || closed || refused;
        next = error.source();
    }
    OutboundError::Broken { reason: innermost(error), by_peer }
}

/// What the innermost cause says, which is what is the matter; those around it say that something is.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
