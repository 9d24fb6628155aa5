//! How issuers are asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::authn::jwt::provider::{Http, Pace, Provider};

const QUICK: Pace = Pace { retry: Duration::from_millis(20), apart: Duration::from_millis(1) };

struct Asking {
    provider: Arc<Provider>,
    end: Shutdown,
    tasks: TaskGroup,
}

impl Asking {
    fn start(peer: &Peer, discovery: &str) -> Self {
        let (end, tasks) = (Shutdown::new(), TaskGroup::new());
        let http = Http::new(&peer.authority).expect("an authority");
        let provider = Provider::new(&peer.url(""), discovery, http, None, end.signal()).at_pace(QUICK);
        let provider = Arc::new(provider);
        tasks.spawn("issuer", provider.clone().run());
        Asking { provider, end, tasks }
    }

    async fn ready(&self) {
        tokio::time::timeout(Duration::from_secs(30), self.provider.ready()).await.expect("in time");
    }

    async fn failed(&self, why: &str) {
        let wait = async {
            while !self.provider.failure().is_some_and(|found| found.contains(why)) {
                clock::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(waited.is_ok(), "{:?}, not {why}", self.provider.failure());
        assert!(!self.provider.is_ready());
    }

    async fn stop(self) {
        self.end.begin();
        self.tasks.wait(Duration::from_secs(20)).await.expect("all ended");
    }
}

fn discovered(issuer: &str, keys: &str) -> Reply {
    Reply::ok(json!({"issuer": issuer, "jwks_uri": keys}).to_string())
}

#[tokio::test]
async fn an_issuer_is_asked_until_it_answers() {
    let peer = Peer::start(|number, asked| match (number, asked.head.uri.path()) {
        (0, _) => Reply::Answer(500, "not yet".to_owned()),
        (1, _) => Reply::ok("no JSON"),
        (_, "/.well-known/openid-configuration") => {
            let url = format!("https://{}", host(asked));
            discovered(&url, &format!("{url}/keys"))
        }
        _ => Reply::ok(key_set(&[])),
    });
    let peer = peer.await;
    let asking = Asking::start(&peer, "");
    asking.ready().await;
    assert!(peer.asked().len() >= 3, "{}", peer.asked().len());
    asking.stop().await;
}

#[tokio::test]
async fn issuers_that_are_not_what_they_should_be_are_not_believed() {
    let check = async |answer: Reply, why: &str| {
        let peer = Peer::start(move |_, _| answer.clone()).await;
        let asking = Asking::start(&peer, "");
        asking.failed(why).await;
        asking.stop().await;
    };
    check(discovered("https://another", "https://x/keys"), "issuer did not match the issuer returned").await;
    check(Reply::ok("nothing"), "failed to decode provider discovery object").await;
    check(Reply::ok("{}"), "issuer did not match").await;
    check(Reply::Answer(404, "nothing here".to_owned()), "404 Not Found: nothing here").await;
    check(Reply::ok("x".repeat(2 << 20)), "larger than").await;
    check(Reply::With(302, vec![("location", "/again")], String::new()), "stopped after 10 redirects").await;
    check(Reply::With(302, vec![("location", "http://127.0.0.1/")], String::new()), "must be https").await;
    let no_keys = Peer::start(|_, asked| discovered(&format!("https://{}", host(asked)), "")).await;
    let asking = Asking::start(&no_keys, "");
    asking.failed("provider did not return JWKS URL").await;
    asking.stop().await;
    // One whose certificate another authority signed.
    let (other, mut peer) =
        (Peer::start(|_, _| Reply::ok("")).await, Peer::start(|_, _| Reply::ok("")).await);
    peer.authority.clone_from(&other.authority);
    let asking = Asking::start(&peer, "");
    asking.failed("Get \"https://127.0.0.1:").await;
    asking.stop().await;
}

#[tokio::test]
async fn an_issuer_may_be_discovered_elsewhere() {
    let issuer = Arc::new(Mutex::new(String::new()));
    let named = issuer.clone();
    let elsewhere = Peer::start(move |_, asked| match asked.head.uri.path() {
        "/inside/configuration" => discovered(&named.lock(), &format!("https://{}/inside/keys", host(asked))),
        "/inside/keys" => Reply::ok(key_set(&[])),
        _ => Reply::Answer(404, String::new()),
    });
    let elsewhere = elsewhere.await;
    *issuer.lock() = elsewhere.url("");
    let asking = Asking::start(&elsewhere, &elsewhere.url("/inside/configuration"));
    asking.ready().await;
    asking.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_keys_is_told_how_that_ended() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let counted = fetches.clone();
    let peer = Peer::start(move |_, asked| {
        let url = format!("https://{}", host(asked));
        match asked.head.uri.path() {
            "/keys" if counted.fetch_add(1, Ordering::SeqCst) < 2 => Reply::Answer(503, "later".to_owned()),
            "/keys" => Reply::Hang,
            _ => discovered(&url, &format!("{url}/keys")),
        }
    });
    let peer = peer.await;
    let asking = Asking::start(&peer, "");
    asking.ready().await;
    let token = Key::ec().token("any", &json!({}));
    let token = jws::parse(&token).expect("a token");
    while fetches.load(Ordering::SeqCst) < 2 {
        let failed = asking.provider.verify(&token).await.expect_err("no keys");
        assert!(failed.contains("503 Service Unavailable: later"), "{failed}");
    }
    // The issuer does not answer any more, and then nobody asks it any more.
    let (waiting, ended) = (asking.provider.verify(&token), async {
        while fetches.load(Ordering::SeqCst) < 3 {
            clock::sleep(Duration::from_millis(5)).await;
        }
        asking.end.begin();
    });
    let (waited, ()) = futures::join!(waiting, ended);
    assert!(waited.expect_err("no keys").contains("the issuer is not asked any more"));
    assert!(asking.provider.verify(&token).await.is_err());
    asking.stop().await;
}
