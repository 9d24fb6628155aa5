//! Whatever headers and paths clients send, records of them are whole: a line is one line, tells no credential, and
//! what the client is told back is a header.
#![no_main]

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{Method, Uri};
use keelson::authn::{Anonymous, Authenticator, ClientAuthorities};
use keelson::authz::Mode;
use keelson::filters::chain::{self, Chain, Parts};
use keelson::request::{Request, Response, empty};
use keelson::telemetry::{Format, Metrics, lines};
use keelson_base::metrics::Registry;
use keelson_base::shutdown::Shutdown;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt;

/// Part of all that is secret here.
const PLANTED: &str = "planted-secret";

/// Where lines are kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The filters before a handler that fails: failures are logged at any verbosity.
static CHAIN: LazyLock<Mutex<Chain>> = LazyLock::new(|| {
    let authorities = Arc::new(ClientAuthorities::new(Arc::new(rustls::crypto::ring::default_provider())));
    // It lives as long as the chain, which would be told of its end.
    let shutdown = Box::leak(Box::new(Shutdown::new()));
    let parts = Parts {
        authenticator: Arc::new(Authenticator::new(authorities, Vec::new(), Anonymous::Everywhere)),
        authorizer: Mode::AlwaysAllow.authorizer(),
        metrics: Metrics::new(Registry::new()).expect("new families"),
        tracer: None,
        ready_once: None,
        request_timeout: Duration::from_secs(60),
        max_reading: None,
        max_mutating: None,
        in_flight: Default::default(),
        watches: Default::default(),
        watch_grace: Duration::ZERO,
        end_watches: shutdown.signal(),
        refuse: shutdown.signal(),
        strict_transport_security: None,
        goaway_chance: 0.0,
        allowed_origins: Arc::from([]),
    };
    let handler = tower::service_fn(|_: Request| async {
        let mut response = Response::new(empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        Ok::<_, Infallible>(response)
    });
    Mutex::new(chain::build(&parts, handler))
});

fn handle(request: Request) -> Response {
    let chain = CHAIN.lock().expect("nobody panics with it").clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(chain.oneshot(request)).unwrap_or_else(|never| match never {})
}

fuzz_target!(|input: (&str, &[u8], &[u8], Vec<(u8, &[u8])>, bool)| {
    let (path, agent, audit_id, others, json) = input;
    let Ok(uri) = format!("/{path}").parse::<Uri>() else { return };
    let mut request = Request::new(empty());
    (*request.method_mut(), *request.uri_mut()) = (Method::GET, uri);
    let mut set = |name: &'static str, value: &[u8]| {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    };
    set("user-agent", agent);
    set("audit-id", audit_id);
    for (kind, value) in others.into_iter().take(100) {
        let secret = [PLANTED.as_bytes(), value].concat();
        match kind % 6 {
            0 => set("authorization", &[b"Bearer ", &secret[..]].concat()),
            1 => set("cookie", &secret),
            2 => set("x-forwarded-for", &secret),
            3 => set("x-remote-user", &secret),
            4 => set("impersonate-user", &secret),
            _ => set("accept", value),
        }
    }
    let named = request.headers().get("audit-id").filter(|id| !id.is_empty()).cloned();
    let spoken_of = [path.as_bytes(), agent, audit_id].iter().any(|text| contains(text, PLANTED));

    let kept = Kept::default();
    let sink = kept.clone();
    let format = if json { Format::Json } else { Format::Text };
    let subscriber = tracing_subscriber::registry().with(lines(format, move || sink.clone()));
    let response = tracing::subscriber::with_default(subscriber, || {
        let (head, body) = handle(request).into_parts();
        drop(body);
        head
    });

    let told = response.headers.get("audit-id").expect("every request has a name");
    assert!(!told.is_empty());
    assert!(named.is_none_or(|named| named == told), "the client's own name stays");
    for warning in response.headers.get_all("warning") {
        assert!(warning.as_bytes().starts_with(b"299 - \"") && warning.as_bytes().ends_with(b"\""));
    }
    let logged = String::from_utf8(kept.0.lock().expect("nobody panics with it").clone()).expect("text");
    assert!(logged.is_empty() || logged.ends_with('\n'));
    for line in logged.lines() {
        if json {
            assert!(
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line).is_ok(),
                "{line}"
            );
        } else {
            assert!(line.starts_with(['I', 'W', 'E']) && line.contains("] \""), "{line}");
        }
        assert!(!line.contains(|c: char| c < ' '), "{line:?}");
        let may_tell = spoken_of || line.contains("impersonat");
        assert!(may_tell || !line.contains(PLANTED), "{line}");
    }
});

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}
