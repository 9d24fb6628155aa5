//! One connection: TLS, HTTP/1.1 or HTTP/2, its limits, and its end.

mod activity;
mod counted;
mod frames;
mod head;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, ready};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, Entry, HeaderValue, SEC_WEBSOCKET_PROTOCOL,
};
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use keelson_base::clock::{self, Instant};
use keelson_base::shutdown::Signal;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;
use tracing::{debug, trace};

use self::activity::{ActiveRequest, Activity, HEAD_TIMEOUT, LOOK_EVERY, Quiet, Watchdog};
use self::counted::{Counted, Left, Outlet};
use super::evacuation::{Evacuated, Evacuation};
use super::listener;
use super::tls::Tls;
use crate::authn::ClientCertificate;
use crate::filters::Connection;
use crate::filters::body::WatchedBody;
use crate::filters::chain::Chain;
use crate::request::{BoxError, Request, Response, Upgrade};
use crate::telemetry::Metrics;

/// How much the head of a request may take, in bytes, as Go counts it; past it the answer is 431.
const MAX_HEAD: usize = (1 << 20) + 4096;
/// How many headers a request over HTTP/1.1 may have. Proxies send one for each group that a user has.
const MAX_HEADERS: usize = 1024;
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
/// How many streams a client may reset over HTTP/2 before their requests were looked at (CVE-2023-44487).
const UNSEEN_RESETS: usize = 20;
/// How many streams the server may have to reset because a client breaks the protocol on them.
const ERROR_RESETS: usize = 1024;
/// How long a connection is listened to still after the server closed it, and for how many bytes. A socket that is
/// closed over unread bytes is reset, and the client may lose what it was sent last.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 4 << 20;

/// How long a connection waits for its first request, and over HTTP/1.1 for one more, when the server takes no more
/// of them: who sends one just then must not find the connection closed. The answer says that it ends.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// What connections share.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) tls: Tls,
    pub(super) chain: Chain,
    pub(super) metrics: Metrics,
    pub(super) http2_max_streams: u32,
    /// Tells connections to take no further requests.
    pub(super) drain: Signal,
    /// Tells connections that their clients should be elsewhere.
    pub(super) evacuation: Evacuation,
}

/// Serves a connection until its end.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, settings: Settings) {
    if let Err(error) = listener::tune(&stream) {
        debug!(%peer, %error, "the connection is gone");
        return;
    }
    let stream = match tokio::time::timeout(HEAD_TIMEOUT, handshake(stream, &settings)).await {
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
    let evacuated = settings.evacuation.subscribe();
    let (_, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    let certificate = session
        .peer_certificates()
        .filter(|chain| !chain.is_empty())
        .map(|chain| ClientCertificate::new(chain.iter().map(|c| c.clone().into_owned()).collect()));
    let connection = Connection::new(peer, http2, certificate);
    let activity = Arc::new(Activity::default());
    let left = Arc::new(Mutex::new(None));
    let stream = Counted::new(stream, activity.clone(), http2, left.clone());
    let outlet = stream.outlet();
    let io = TokioIo::new(stream);
    let switch = Arc::new(Mutex::new(None));
    let (chain, drain) = (settings.chain.clone(), settings.drain.clone());
    let service = service(connection.clone(), chain, activity.clone(), switch.clone(), drain);
    let outcome = if http2 {
        let http = http2_builder(&settings).serve_connection(io, service);
        drive(http, Graceful::http2, &outlet, &connection, &activity, &settings.drain, evacuated).await
    } else {
        let http = http1_builder().serve_connection(io, service).with_upgrades();
        drive(http, Graceful::http1, &outlet, &connection, &activity, &settings.drain, evacuated).await
    };
    if let Err(error) = outcome {
        trace!(%peer, error = &*error, "the connection broke");
    }
    let left = left.lock().take();
    if let Some(left) = left {
        if left.farewell.is_some() {
            debug!(%peer, "the client sent too many frames that ask for nothing");
        }
        // Whether it listens is its own affair.
        let _ = tokio::time::timeout(LINGER, say_farewell(left)).await;
    }
    let switch = switch.lock().take();
    if let Some(Switch { connection, upgrade, body }) = switch {
        match connection.await {
            Ok(io) => upgrade.0(TokioIo::new(io), body).await,
            Err(error) => trace!(%peer, %error, "the connection broke"),
        }
    }
}

/// Agrees on TLS. A client that speaks HTTP without it is told so, as Go's server does.
async fn handshake(mut stream: TcpStream, settings: &Settings) -> io::Result<TlsStream<TcpStream>> {
    const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let mut first = [0; 5];
    let seen = stream.peek(&mut first).await?;
    if matches!(&first[..seen], b"GET /" | b"HEAD " | b"POST " | b"PUT /" | b"OPTIO") {
        stream.write_all(PLAIN).await?;
        // Whether it listens is its own affair.
        let _ = tokio::time::timeout(LINGER, drain(&mut stream)).await;
        return Err(io::Error::other("client sent an HTTP request to an HTTPS server"));
    }
    let address = stream.local_addr().ok().map(|address| address.ip());
    TlsAcceptor::from(settings.tls.config_at(address)).accept(stream).await
}

/// Ends the sending side, and throws away a little of what still comes.
async fn drain<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    stream.shutdown().await?;
    let (mut buffer, mut read) = (vec![0; 16 << 10], 0);
    while read < LINGER_BYTES {
        match stream.read(&mut buffer).await? {
            0 => break,
            more => read += more,
        }
    }
    Ok(())
}

async fn say_farewell(left: Left) -> io::Result<()> {
    let mut stream = left.stream;
    if let Some(frame) = left.farewell {
        stream.write_all(&frame).await?;
    }
    drain(&mut stream).await
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
        .half_close(false);
    builder
}

fn http2_builder(settings: &Settings) -> hyper::server::conn::http2::Builder<TokioExecutor> {
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.http2_max_streams)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
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
    drain: Signal,
) -> impl hyper::service::Service<
    http::Request<Incoming>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> + Send
+ 'static {
    service_fn(move |request: http::Request<Incoming>| {
        let active = ActiveRequest::new(activity.clone());
        let fault = if connection.is_http2() { None } else { head::fault(&request) };
        let mut request: Request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
        request.extensions_mut().insert(connection.clone());
        hide_credentials(request.headers_mut());
        let switching = request.extensions_mut().remove::<OnUpgrade>().map(|on| (on, switch.clone()));
        let is_head = request.method() == Method::HEAD;
        let last = (!connection.is_http2()).then(|| (drain.clone(), connection.clone()));
        let answer = match fault {
            Some(fault) => Either::Left(ready(Ok(fault.answer()))),
            None => Either::Right(chain.clone().call(request)),
        };
        async move {
            let mut answer = answer.await?;
            if let Some(upgrade) = answer.extensions_mut().remove::<Upgrade>()
                && let Some((connection, switch)) = switching
            {
                let body = std::mem::replace(answer.body_mut(), crate::request::empty());
                *switch.lock() = Some(Switch { connection, upgrade, body });
            }
            if last.is_some_and(|(drain, connection)| drain.has_begun() || connection.closes_with_next())
                && answer.status() != StatusCode::SWITCHING_PROTOCOLS
            {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            let answer = if is_head { without_body(answer) } else { answer };
            Ok(answer.map(|body| WatchedBody::new(body, active)))
        }
    })
}

/// Keeps whoever prints a request from printing its credentials.
fn hide_credentials(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL] {
        if let Entry::Occupied(mut values) = headers.entry(name) {
            values.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

/// The head of an answer alone: it says how long the body would have been.
fn without_body(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    Response::from_parts(head, crate::request::empty())
}

/// Runs the connection, and asks it to end where somebody wants that or it is idle for too long.
async fn drive<C>(
    http: C,
    graceful: fn(Pin<&mut C>),
    outlet: &Outlet,
    connection: &Connection,
    activity: &Activity,
    drain: &Signal,
    mut evacuated: Evacuated,
) -> Result<(), BoxError>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut http = pin!(http);
    let mut ending = false;
    // Until when a request is waited for, as the server takes no more.
    let mut last_request: Option<Instant> = None;
    let mut watchdog = Watchdog::new(connection.is_http2());
    loop {
        let patience = async {
            match last_request {
                Some(until) => tokio::time::sleep_until(until).await,
                None => drain.begun().await,
            }
        };
        tokio::select! {
            outcome = poll_fn(|context| {
                let polled = http.as_mut().poll(context);
                outlet.flush(context, activity.has_several());
                polled
            }) => return outcome.map_err(BoxError::from),
            () = patience, if !ending => {
                // HTTP/2 tells clients which of their requests will not be answered.
                if last_request.is_some() || connection.is_http2() && activity.has_begun() {
                    ending = true;
                    graceful(http.as_mut());
                } else {
                    last_request = Some(clock::monotonic() + LAST_REQUEST);
                }
            }
            () = connection.close_wanted(), if !ending => {
                ending = true;
                graceful(http.as_mut());
            }
            () = evacuated.connection.wait(), if !ending => {
                if connection.is_http2() {
                    ending = true;
                    graceful(http.as_mut());
                } else {
                    connection.close_with_next();
                }
            }
            () = evacuated.watches.wait() => connection.leave(),
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
