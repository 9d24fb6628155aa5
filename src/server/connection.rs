//! One connection: TLS, HTTP/1.1 or HTTP/2, its limits, and its end.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Method;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use keelson_base::clock::{self, Instant};
use keelson_base::shutdown::Signal;
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;
use tracing::{debug, trace};

use super::listener;
use crate::authn::ClientCertificate;
use crate::filters::Connection;
use crate::filters::body::{End, WatchedBody, Watcher};
use crate::filters::chain::Chain;
use crate::request::{BoxError, Request, Response, Upgrade};
use crate::telemetry::Metrics;

/// How much the head of a request may take, in bytes; past it the answer is 431.
const MAX_HEAD: usize = 1 << 20;
/// How many headers a request over HTTP/1.1 may have.
const MAX_HEADERS: usize = 256;
/// How long a client may take for the TLS handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(32);
/// How long a connection is kept without a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How often connections are looked at for these.
const LOOK_EVERY: Duration = Duration::from_secs(4);
/// How often a silent HTTP/2 client is asked whether it is there, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of the body of one request a client may send before it is asked for, in bytes.
const STREAM_WINDOW: u32 = 256 << 10;
/// The same for all requests of a connection together.
const CONNECTION_WINDOW: u32 = 8 << 20;
/// How much of one answer waits for the client to take it, in bytes, beside the frame that is made last. With a
/// quarter of it a list of 40 MB in protobuf costs a tenth more CPU, as its makers and its connection wait for
/// each other more often.
const SEND_BUFFER: usize = 1 << 20;

/// What connections share.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) chain: Chain,
    pub(super) metrics: Metrics,
    pub(super) http2_max_streams: u32,
    /// Tells connections to take no further requests.
    pub(super) drain: Signal,
}

/// Serves a connection until its end.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, settings: Settings) {
    if let Err(error) = listener::tune(&stream) {
        debug!(%peer, %error, "the connection is gone");
        return;
    }
    let handshake = TlsAcceptor::from(settings.tls.clone()).accept(stream);
    let stream = match tokio::time::timeout(HEAD_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            settings.metrics.tls_handshake_failed();
            debug!(%peer, %error, "TLS handshake error");
            return;
        }
        Err(_) => {
            settings.metrics.tls_handshake_failed();
            debug!(%peer, "TLS handshake timed out");
            return;
        }
    };
    let (_, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    let certificate = session
        .peer_certificates()
        .filter(|chain| !chain.is_empty())
        .map(|chain| ClientCertificate::new(chain.iter().map(|c| c.clone().into_owned()).collect()));
    let connection = Connection::new(peer, http2, certificate);
    let activity = Arc::new(Activity::default());
    let io = TokioIo::new(Counted { stream, activity: activity.clone() });
    let switch = Arc::new(Mutex::new(None));
    let service = service(connection.clone(), settings.chain.clone(), activity.clone(), switch.clone());
    let outcome = if http2 {
        let http = http2_builder(&settings).serve_connection(io, service);
        drive(http, Graceful::http2, &connection, &activity, &settings.drain).await
    } else {
        let http = http1_builder().serve_connection(io, service).with_upgrades();
        drive(http, Graceful::http1, &connection, &activity, &settings.drain).await
    };
    if let Err(error) = outcome {
        trace!(%peer, error = &*error, "the connection broke");
    }
    let switch = switch.lock().take();
    if let Some(Switch { connection, upgrade, body }) = switch {
        match connection.await {
            Ok(io) => upgrade.0(TokioIo::new(io), body).await,
            Err(error) => trace!(%peer, %error, "the connection broke"),
        }
    }
}

/// What a connection over HTTP/1.1 turns into after an answer of 101.
struct Switch {
    connection: OnUpgrade,
    upgrade: Upgrade,
    body: crate::request::Body,
}

fn http1_builder() -> hyper::server::conn::http1::Builder {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Slow heads are seen by `drive`, which lets idle connections live longer.
        .header_read_timeout(None)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_HEAD)
        .half_close(false)
        .pipeline_flush(true);
    builder
}

fn http2_builder(settings: &Settings) -> hyper::server::conn::http2::Builder<TokioExecutor> {
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.http2_max_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(STREAM_WINDOW)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

type Body = WatchedBody<crate::request::Body, ActiveRequest>;

/// Hands requests to the chain, with what is known of their connection.
fn service(
    connection: Connection,
    chain: Chain,
    activity: Arc<Activity>,
    switch: Arc<Mutex<Option<Switch>>>,
) -> impl hyper::service::Service<
    http::Request<Incoming>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> + Send
+ 'static {
    service_fn(move |request: http::Request<Incoming>| {
        let active = ActiveRequest::new(activity.clone());
        let mut request: Request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
        request.extensions_mut().insert(connection.clone());
        let switching = request.extensions_mut().remove::<OnUpgrade>().map(|on| (on, switch.clone()));
        let is_head = request.method() == Method::HEAD;
        let answer = chain.clone().call(request);
        async move {
            let mut answer = answer.await?;
            if let Some(upgrade) = answer.extensions_mut().remove::<Upgrade>()
                && let Some((connection, switch)) = switching
            {
                let body = std::mem::replace(answer.body_mut(), crate::request::empty());
                *switch.lock() = Some(Switch { connection, upgrade, body });
            }
            let answer = if is_head { without_body(answer) } else { answer };
            Ok(answer.map(|body| WatchedBody::new(body, active)))
        }
    })
}

/// The head of an answer alone: it says how long the body would have been.
fn without_body(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    Response::from_parts(head, crate::request::empty())
}

/// What a connection does, for finding out whether it does anything.
#[derive(Default)]
struct Activity {
    /// Requests that are being answered.
    active: AtomicUsize,
    /// Requests that were begun.
    begun: AtomicU64,
    /// Bytes that came.
    read: AtomicU64,
    /// Of these, those before the last answer's end.
    read_before: AtomicU64,
}

/// A request until the end of its answer.
struct ActiveRequest {
    activity: Arc<Activity>,
}

impl ActiveRequest {
    fn new(activity: Arc<Activity>) -> Self {
        activity.active.fetch_add(1, Ordering::AcqRel);
        activity.begun.fetch_add(1, Ordering::AcqRel);
        ActiveRequest { activity }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let read = self.activity.read.load(Ordering::Acquire);
        self.activity.read_before.store(read, Ordering::Release);
        self.activity.active.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Watcher for ActiveRequest {
    fn ended(&mut self, _: u64, _: End) {}
}

/// What is to be done about a quiet connection.
#[derive(Debug, PartialEq, Eq)]
enum Quiet {
    Wait,
    /// It was idle for long enough.
    Close,
    /// Its client takes too long for the head of a request.
    Abort,
}

/// Watches how long a connection has been quiet.
struct Watchdog {
    http2: bool,
    begun: u64,
    since: Instant,
}

impl Watchdog {
    fn new(http2: bool) -> Self {
        Watchdog { http2, begun: 0, since: clock::monotonic() }
    }

    fn look(&mut self, activity: &Activity) -> Quiet {
        let now = clock::monotonic();
        let begun = activity.begun.load(Ordering::Acquire);
        if activity.active.load(Ordering::Acquire) > 0 || begun != self.begun {
            (self.begun, self.since) = (begun, now);
            return Quiet::Wait;
        }
        let quiet = now.duration_since(self.since);
        // Over HTTP/2, bytes may come without a request (answers to pings); its parser bounds heads itself.
        let in_head = !self.http2
            && activity.read.load(Ordering::Acquire) > activity.read_before.load(Ordering::Acquire);
        match (in_head, quiet) {
            (true, quiet) if quiet >= HEAD_TIMEOUT => Quiet::Abort,
            (_, quiet) if quiet >= IDLE_TIMEOUT => Quiet::Close,
            _ => Quiet::Wait,
        }
    }
}

/// Runs the connection, and asks it to end where somebody wants that or it is idle for too long.
async fn drive<C>(
    http: C,
    graceful: fn(Pin<&mut C>),
    connection: &Connection,
    activity: &Activity,
    drain: &Signal,
) -> Result<(), BoxError>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut http = pin!(http);
    let mut ending = false;
    let mut watchdog = Watchdog::new(connection.is_http2());
    loop {
        tokio::select! {
            outcome = http.as_mut() => return outcome.map_err(BoxError::from),
            () = drain.begun(), if !ending => {
                ending = true;
                graceful(http.as_mut());
            }
            () = connection.close_wanted(), if !ending => {
                ending = true;
                graceful(http.as_mut());
            }
            () = clock::sleep(LOOK_EVERY) => match watchdog.look(activity) {
                Quiet::Wait => {}
                Quiet::Close if ending => return Err("the client did not close".into()),
                Quiet::Close => {
                    ending = true;
                    graceful(http.as_mut());
                }
                Quiet::Abort => return Err("the head of a request took too long".into()),
            },
        }
    }
}

type Http1<S> = hyper::server::conn::http1::UpgradeableConnection<TokioIo<Counted>, S>;
type Http2<S> = hyper::server::conn::http2::Connection<TokioIo<Counted>, S, TokioExecutor>;

/// How each protocol is asked to end.
struct Graceful;

impl Graceful {
    fn http1<S>(connection: Pin<&mut Http1<S>>)
    where
        S: hyper::service::Service<
                http::Request<Incoming>,
                Response = http::Response<Body>,
                Error = Infallible,
            >,
    {
        connection.graceful_shutdown();
    }

    fn http2<S>(connection: Pin<&mut Http2<S>>)
    where
        S: hyper::service::Service<
                http::Request<Incoming>,
                Response = http::Response<Body>,
                Error = Infallible,
                Future: Send + 'static,
            >,
    {
        connection.graceful_shutdown();
    }
}

/// A stream that counts the bytes that come.
struct Counted {
    stream: TlsStream<TcpStream>,
    activity: Arc<Activity>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        self.activity.read.fetch_add(read as u64, Ordering::AcqRel);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks again and again for `seconds`, and says what is to be done in the end.
    async fn after(seconds: u64, watchdog: &mut Watchdog, activity: &Activity) -> Quiet {
        for _ in 0..seconds {
            clock::sleep(Duration::from_secs(1)).await;
            match watchdog.look(activity) {
                Quiet::Wait => {}
                verdict => return verdict,
            }
        }
        Quiet::Wait
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_are_closed() {
        for http2 in [false, true] {
            let (activity, mut watchdog) = (Arc::new(Activity::default()), Watchdog::new(http2));
            assert_eq!(after(89, &mut watchdog, &activity).await, Quiet::Wait);
            activity.read.fetch_add(100, Ordering::AcqRel);
            let request = ActiveRequest::new(activity.clone());
            assert_eq!(after(3600, &mut watchdog, &activity).await, Quiet::Wait, "it is being answered");
            drop(request);
            assert_eq!(after(88, &mut watchdog, &activity).await, Quiet::Wait);
            assert_eq!(after(10, &mut watchdog, &activity).await, Quiet::Close);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slow_heads_are_cut_off() {
        let (activity, mut watchdog) = (Arc::new(Activity::default()), Watchdog::new(false));
        drop(ActiveRequest::new(activity.clone()));
        assert_eq!(watchdog.look(&activity), Quiet::Wait);
        activity.read.fetch_add(1, Ordering::AcqRel);
        assert_eq!(after(31, &mut watchdog, &activity).await, Quiet::Wait);
        assert_eq!(after(2, &mut watchdog, &activity).await, Quiet::Abort);
    }

    #[tokio::test(start_paused = true)]
    async fn pings_over_http2_are_no_slow_heads() {
        let (activity, mut watchdog) = (Arc::new(Activity::default()), Watchdog::new(true));
        activity.read.fetch_add(1, Ordering::AcqRel);
        assert_eq!(after(80, &mut watchdog, &activity).await, Quiet::Wait);
    }
}
