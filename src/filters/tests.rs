//! The chain over a handler of the test.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use keelson_base::clock;
use keelson_base::metrics::Registry;
use keelson_base::shutdown::Shutdown;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use super::chain::{self, Chain, Parts};
use super::connection::Connection;
use crate::authn::token_file::Tokens;
use crate::authn::{Anonymous, Authenticator, ClientAuthorities};
use crate::authz::Mode;
use crate::request::{Authenticated, Authorized, Held, Request, RequestInfo, Response, empty, full};
use crate::telemetry::Metrics;

/// A chain, and what the test holds of it.
struct Bench {
    chain: Chain,
    metrics: Metrics,
    in_flight: TaskTracker,
    end_watches: Shutdown,
    refuse: Shutdown,
    /// Lets handlers of `/api/v1/pods/wait` answer.
    go: Arc<Notify>,
}

fn bench(mode: Mode, max_reading: Option<u32>) -> Bench {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tokens = "root,admin,1,system:masters\nalice,alice,2,devs\n";
    let tokens = Tokens::parse(tokens, "tokens").expect("tokens");
    let metrics = Metrics::new(Registry::new()).expect("new families");
    let (in_flight, end_watches, go) = (TaskTracker::new(), Shutdown::new(), Arc::new(Notify::new()));
    let refuse = Shutdown::new();
    let authorities = Arc::new(ClientAuthorities::new(provider));
    let parts = Parts {
        authenticator: Arc::new(
            Authenticator::new(authorities, Vec::new(), Anonymous::Everywhere).with_tokens(Arc::new(tokens)),
        ),
        authorizer: mode.authorizer(),
        metrics: metrics.clone(),
        tracer: None,
        request_timeout: Duration::from_secs(60),
        max_reading,
        max_mutating: Some(1),
        in_flight: in_flight.clone(),
        end_watches: end_watches.signal(),
        refuse: refuse.signal(),
        ready_once: None,
        watches: TaskTracker::new(),
        watch_grace: Duration::ZERO,
        strict_transport_security: None,
        goaway_chance: 0.0,
        allowed_origins: Arc::from([]),
    };
    let wait = go.clone();
    let handler = tower::service_fn(move |request: Request| {
        let wait = wait.clone();
        async move { Ok::<_, Infallible>(handle(request, wait).await) }
    });
    Bench { chain: chain::build(&parts, handler), metrics, in_flight, end_watches, refuse, go }
}

async fn handle(request: Request, go: Arc<Notify>) -> Response {
    let extensions = request.extensions();
    let user = extensions.get::<Authenticated>().expect("evidence").user().name.clone();
    assert!(extensions.get::<Authorized>().is_some(), "nobody comes here without a right");
    assert!(request.headers().get("authorization").is_none(), "credentials stay outside");
    assert!(request.headers().get("x-remote-user").is_none(), "so do a proxy's claims");
    let info = extensions.get::<RequestInfo>().expect("what it asks for").clone();
    match (info.verb.as_str(), info.name.as_str()) {
        ("watch", _) => {
            let event = futures::stream::once(async { Ok(Frame::data(Bytes::from_static(b"event"))) });
            let forever = event.chain(futures::stream::pending());
            Response::new(StreamBody::new(forever).boxed_unsync())
        }
        (_, "panic") => panic!("on purpose"),
        (_, "keep") => {
            let held = extensions.get::<Held>().cloned().expect("it counts");
            let mut response = Response::new(full("kept"));
            response.extensions_mut().insert(held);
            response
        }
        (_, "wait") => {
            go.notified().await;
            Response::new(full("waited"))
        }
        (_, "drip") => {
            let drops = futures::stream::unfold((), |()| async {
                clock::sleep(Duration::from_secs(1)).await;
                Some((Ok(Frame::data(Bytes::from_static(b"."))), ()))
            });
            Response::new(StreamBody::new(drops).boxed_unsync())
        }
        _ => Response::new(full(user)),
    }
}

fn request(line: &str, token: &str) -> Request {
    let (method, uri) = line.split_once(' ').expect("METHOD URI");
    let builder = http::Request::builder().method(method).uri(uri).header("x-remote-user", "root");
    let builder = match token {
        "" => builder,
        token => builder.header("authorization", format!("Bearer {token}")),
    };
    let mut request = builder.body(empty()).expect("a request");
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    request.extensions_mut().insert(Connection::new(peer, true, None));
    request
}

async fn send(bench: &Bench, line: &str, token: &str) -> Response {
    match bench.chain.clone().oneshot(request(line, token)).await {
        Ok(response) => response,
    }
}

async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.expect("a whole body");
    String::from_utf8(body.to_bytes().to_vec()).expect("text")
}

#[tokio::test]
async fn handlers_see_checked_requests_only() {
    let bench = bench(Mode::PrivilegedOnly, None);
    let check = async |line: &str, token: &str, code: u16, start: &str| {
        let response = send(&bench, line, token).await;
        let (status, text) = (response.status().as_u16(), text(response).await);
        assert!(status == code && text.contains(start), "{line} {token}: {status} {text}");
    };
    check("GET /api/v1/pods", "root", 200, "admin").await;
    check("GET /api/v1/pods", "alice", 403, "pods is forbidden").await;
    check("GET /api/v1/pods", "", 403, "system:anonymous").await;
    check("GET /api/v1/pods", "mallory", 401, "Unauthorized").await;
    check("GET /version", "", 200, "system:anonymous").await;
    check("GET /api/v1/%zz", "root", 400, "").await;
}

#[tokio::test]
async fn a_panic_is_answered_and_others_go_on() {
    let bench = bench(Mode::PrivilegedOnly, None);
    let response = send(&bench, "GET /api/v1/nodes/panic", "root").await;
    assert_eq!(response.status(), 500);
    assert!(response.headers().contains_key("audit-id"));
    assert!(text(response).await.starts_with("This request caused apiserver to panic."));
    assert_eq!(text(send(&bench, "GET /api/v1/pods", "root").await).await, "admin");
    assert_eq!(bench.in_flight.len(), 0, "it is not in flight any more");
}

#[tokio::test(start_paused = true)]
async fn requests_have_a_deadline_and_may_ask_for_less() {
    let bench = bench(Mode::PrivilegedOnly, None);
    let check = async |line: &str, wanted: Duration| {
        let start = clock::monotonic();
        let response = send(&bench, line, "root").await;
        assert_eq!((response.status().as_u16(), clock::monotonic() - start), (504, wanted), "{line}");
        let body = text(response).await;
        assert!(
            body.contains(r#""message":"Timeout: request did not complete within the allotted timeout""#),
            "{body}"
        );
    };
    check("GET /api/v1/nodes/wait", Duration::from_secs(60)).await;
    check("GET /api/v1/nodes/wait?timeout=5s", Duration::from_secs(5)).await;
    check("GET /api/v1/nodes/wait?timeout=5m", Duration::from_secs(60)).await;
    check("GET /api/v1/nodes/wait?timeout=0s", Duration::from_secs(60)).await;
    let metrics = bench.metrics.encode().expect("text");
    assert!(metrics.contains("apiserver_request_terminations_total{code=\"504\""), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_breaks_off() {
    let bench = bench(Mode::PrivilegedOnly, None);
    let mut body = send(&bench, "GET /api/v1/nodes/drip?timeout=3500ms", "root").await.into_body();
    let mut drops = 0;
    loop {
        match body.frame().await {
            Some(Ok(_)) => drops += 1,
            Some(Err(error)) => break assert_eq!(error.to_string(), "the request's deadline has passed"),
            None => panic!("it must not look whole"),
        }
    }
    assert_eq!(drops, 3);
}

#[tokio::test(start_paused = true)]
async fn watches_have_no_deadline_and_end_with_the_server() {
    let bench = bench(Mode::PrivilegedOnly, None);
    let mut body = send(&bench, "GET /api/v1/pods?watch=1", "root").await.into_body();
    body.frame().await.expect("an event").expect("an event");
    clock::sleep(Duration::from_secs(3600)).await;
    assert!(futures::poll!(body.frame()).is_pending(), "it goes on");
    assert_eq!(bench.in_flight.len(), 0, "nobody waits for it to finish");
    bench.end_watches.begin();
    assert!(body.frame().await.is_none(), "it ends cleanly");
}

#[tokio::test]
async fn requests_past_the_limit_are_told_to_come_back() {
    let bench = bench(Mode::AlwaysAllow, Some(1));
    let mut chain = bench.chain.clone();
    let mut slow = Box::pin(chain.call(request("GET /api/v1/nodes/wait", "alice")));
    assert!(futures::poll!(&mut slow).is_pending());
    assert_eq!(bench.in_flight.len(), 1);

    let refused = send(&bench, "GET /api/v1/pods", "alice").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"1".parse().expect("a header"))
    );
    assert_eq!(text(refused).await, "Too many requests, please try again later.\n");
    assert_eq!(
        send(&bench, "POST /api/v1/pods", "alice").await.status(),
        200,
        "writes have a limit of their own"
    );
    assert_eq!(send(&bench, "GET /api/v1/pods?watch=1", "alice").await.status(), 200, "watches don't count");
    assert_eq!(send(&bench, "GET /api/v1/pods", "root").await.status(), 200, "nor do masters");

    bench.go.notify_one();
    let Ok(answer) = slow.await;
    assert_eq!(text(answer).await, "waited");
    assert_eq!(send(&bench, "GET /api/v1/pods", "alice").await.status(), 200, "there is room again");
    assert_eq!(bench.in_flight.len(), 0);
}

#[tokio::test]
async fn masters_count_but_are_never_refused() {
    let bench = bench(Mode::AlwaysAllow, Some(1));
    let mut chain = bench.chain.clone();
    let mut slow = Box::pin(chain.call(request("GET /api/v1/nodes/wait", "root")));
    assert!(futures::poll!(&mut slow).is_pending());
    assert_eq!(send(&bench, "GET /api/v1/pods", "alice").await.status(), 429);
    assert_eq!(send(&bench, "GET /api/v1/pods", "root").await.status(), 200);
    bench.go.notify_one();
    let Ok(answer) = slow.await;
    drop(answer);
    assert_eq!(send(&bench, "GET /api/v1/pods", "alice").await.status(), 200);
}

#[tokio::test]
async fn requests_count_until_nothing_works_for_them() {
    let bench = bench(Mode::AlwaysAllow, Some(1));
    let (mut head, body) = send(&bench, "GET /api/v1/nodes/keep", "alice").await.into_parts();
    drop(body);
    assert_eq!(send(&bench, "GET /api/v1/pods", "alice").await.status(), 429, "its work goes on");
    head.extensions.remove::<Held>().expect("what it holds");
    assert_eq!(send(&bench, "GET /api/v1/pods", "alice").await.status(), 200);
}

#[tokio::test]
async fn a_server_that_ends_sends_new_requests_away() {
    let bench = bench(Mode::AlwaysAllow, None);
    let check = async |line: &str, code: u16| {
        assert_eq!(send(&bench, line, "alice").await.status(), code, "{line}");
    };
    check("GET /api/v1/pods", 200).await;
    bench.refuse.begin();
    check("GET /api/v1/pods", 429).await;
    check("GET /api/v1/pods?watch=1", 429).await;
    for path in ["/readyz", "/livez/ping", "/healthz", "/metrics"] {
        check(&format!("GET {path}"), 200).await;
    }
    let refused = send(&bench, "GET /api/v1/pods", "").await;
    assert_eq!(refused.headers()["retry-after"], "5");
    assert_eq!(text(refused).await, "The apiserver is shutting down, please try again later.\n");
    let mut server = request("GET /api/v1/pods", "root");
    server.headers_mut().insert("user-agent", "kube-apiserver/v1.36".parse().expect("a header"));
    assert_eq!(bench.chain.clone().oneshot(server).await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn series_are_not_made_up_by_clients() {
    let bench = bench(Mode::PrivilegedOnly, None);
    let batch = async |turn: usize| {
        for i in 0..5_000 {
            let made = format!("made{turn}x{i}");
            let line = match i % 8 {
                0 => format!("GET /api/v1/{made}"),
                1 => format!("GET /{made}"),
                2 => format!("GET /apis/{made}/v1/things/x/{made}"),
                3 => format!("{made} /api/v1/pods"),
                4 => format!("POST /api/v1/namespaces/{made}/pods?dryRun={made}&fieldValidation={made}"),
                5 => format!("GET /api/v1/namespaces/{made}/pods/{made}/{made}"),
                6 => format!("GET /apis/apps/{made}/deployments?watch={made}"),
                _ => format!("GET /openapi/v3/{made}"),
            };
            let mut request = request(&line, "root");
            let headers = request.headers_mut();
            headers.insert("user-agent", format!("{made}/v1").parse().expect("a header"));
            if i % 2 == 0 {
                headers.insert("impersonate-user", made.parse().expect("a header"));
                headers.insert("impersonate-group", "system:masters".parse().expect("a header"));
            }
            let Ok(response) = bench.chain.clone().oneshot(request).await;
            drop(response);
        }
        bench.metrics.encode().expect("text")
    };
    let (first, second) = (batch(1).await, batch(2).await);
    assert!(
        first.contains("dry_run=\"invalid\"") && first.contains("field_validation=\"invalid\""),
        "{first}"
    );
    assert!(first.contains("subresource=\"openapi/v3/\"") && !second.contains("made"), "{first}");
    assert_eq!(first.lines().count(), second.lines().count(), "there are no more series");
}
