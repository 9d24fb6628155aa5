//! What peers may do, and what becomes of requests to them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version};
use keelson_base::clock;

use super::kubeconfig::Settings;
use super::testing::{Manner, Peer, Reply};
use super::*;

const SOON: Duration = Duration::from_secs(20);

fn tls(peer: &Peer) -> Tls {
    Tls { authorities: Some(peer.authority.clone().into_bytes()), ..Tls::default() }
}

async fn get(client: &Client, url: &str, within: Duration) -> Result<Response<Bytes>, OutboundError> {
    let request = Request::get(url).body(Bytes::new()).expect("a request");
    client.send(request, within, 1000).await
}

#[tokio::test]
async fn both_protocols_are_spoken_and_connections_are_used_again() {
    for (old, version) in [(true, Version::HTTP_11), (false, Version::HTTP_2)] {
        let manner = Manner { old, ..Manner::default() };
        let peer = Peer::start_so(manner, |n, _| Reply::Answer(200 + n as u16, "hello".to_owned())).await;
        let client = Client::new(&tls(&peer)).expect("a client");
        for n in 0..3 {
            let answer = get(&client, &peer.url("/a?b"), SOON).await.expect("an answer");
            assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200 + n, &b"hello"[..]));
        }
        let asked = peer.asked();
        assert!(asked.iter().all(|asked| asked.head.version == version), "{version:?}");
        assert_eq!(asked[0].head.uri.path_and_query().expect("a path"), "/a?b");
        assert!(asked[0].header("user-agent").starts_with("kube-apiserver/v1.36"));
        assert_eq!(peer.connections(), 1, "one connection for all requests");
    }
}

#[tokio::test]
async fn only_the_right_peer_is_believed() {
    let peer = Peer::start(|_, _| Reply::ok("hello")).await;
    let other = Peer::start(|_, _| Reply::ok("hello")).await;
    let check = async |tls: Tls, believed: bool| {
        let client = Client::new(&tls).expect("a client");
        let answer = get(&client, &peer.url("/"), SOON).await;
        assert_eq!(answer.is_ok(), believed, "{tls:?}: {answer:?}");
        if let Err(failure) = answer {
            assert!(matches!(failure, OutboundError::Connect(_)), "{failure:?}");
        }
    };
    check(tls(&peer), true).await;
    check(tls(&other), false).await;
    check(Tls::default(), false).await;
    check(Tls { insecure_skip_verify: true, ..Tls::default() }, true).await;
    check(Tls { server_name: Some("localhost".to_owned()), ..tls(&peer) }, true).await;
    check(Tls { server_name: Some("example.com".to_owned()), ..tls(&peer) }, false).await;
}

#[tokio::test]
async fn a_peer_that_shows_the_given_authority_itself_is_believed_under_its_names() {
    let manner = Manner { self_signed: true, ..Manner::default() };
    let peer = Peer::start_so(manner, |_, _| Reply::ok("hello")).await;
    let client = Client::new(&tls(&peer)).expect("a client");
    get(&client, &peer.url("/"), SOON).await.expect("an answer");
    let renamed = Tls { server_name: Some("example.com".to_owned()), ..tls(&peer) };
    get(&Client::new(&renamed).expect("a client"), &peer.url("/"), SOON).await.expect_err("another name");
    let other = Peer::start(|_, _| Reply::ok("hello")).await;
    get(&Client::new(&tls(&other)).expect("a client"), &peer.url("/"), SOON).await.expect_err("unknown");
}

#[tokio::test]
async fn certificates_are_shown() {
    let manner = Manner { wants_certificate: true, ..Manner::default() };
    let peer = Peer::start_so(manner, |_, _| Reply::ok("hello")).await;
    let pair = |pair: &testing::Pair| Some((pair.certificate.clone().into(), pair.key.clone().into()));
    let client = Client::new(&Tls { identity: pair(&peer.client), ..tls(&peer) }).expect("a client");
    get(&client, &peer.url("/"), SOON).await.expect("an answer");
    let client = Client::new(&tls(&peer)).expect("a client");
    get(&client, &peer.url("/"), SOON).await.expect_err("nothing was shown");
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let check = |tls: Tls, wanted: &str| {
        let failure = Client::new(&tls).expect_err(wanted).to_string();
        assert!(failure.contains(wanted), "{failure}");
    };
    let nothing = || Some(b"nothing".to_vec());
    check(Tls { authorities: nothing(), ..Tls::default() }, "no certificate found");
    check(
        Tls { authorities: nothing(), insecure_skip_verify: true, ..Tls::default() },
        "with the insecure flag is not allowed",
    );
    check(Tls { identity: Some((vec![], vec![])), ..Tls::default() }, "client certificate");
    check(Tls { server_name: Some("a b".to_owned()), ..Tls::default() }, "is no server name");
    let proxied = Client::through(&Tls::default(), Proxy::Url("socks5://127.0.0.1:1".to_owned()));
    assert!(proxied.expect_err("refused").to_string().contains("\"socks5\" are not supported"));
}

#[tokio::test]
async fn answers_are_bounded_in_time_and_size() {
    let peer = Peer::start(|_, asked| match asked.head.uri.path() {
        "/hang" => Reply::Hang,
        "/fits" => Reply::ok("x".repeat(1000)),
        _ => Reply::ok("x".repeat(1001)),
    })
    .await;
    let client = Client::new(&tls(&peer)).expect("a client");
    assert!(get(&client, &peer.url("/fits"), SOON).await.is_ok());
    assert_eq!(get(&client, &peer.url("/large"), SOON).await.err(), Some(OutboundError::TooLarge(1000)));
    let short = Duration::from_millis(50);
    assert_eq!(get(&client, &peer.url("/hang"), short).await.err(), Some(OutboundError::Timeout(short)));
    // A listener that says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}/", silent.local_addr().expect("an address"));
    assert_eq!(get(&client, &url, short).await.err(), Some(OutboundError::Timeout(short)));
    // Nobody listens.
    drop(silent);
    assert!(matches!(get(&client, &url, SOON).await, Err(OutboundError::Connect(_))));
}

fn quick(peer: &Peer) -> Webhook {
    let settings = kubeconfig::parse(peer.kubeconfig_text("/review/", "{}").as_bytes(), Path::new(""));
    let backoff = Backoff::beginning_with(Duration::from_millis(1));
    Webhook::new(settings.expect("settings")).expect("a webhook").with_backoff(backoff)
}

#[tokio::test]
async fn what_failed_in_passing_is_sent_again() {
    let check =
        async |code: u16, headers: Vec<(&'static str, &'static str)>, requests: usize, ends_well: bool| {
            let given = headers.clone();
            let peer = Peer::start(move |n, _| match n {
                4 => Reply::ok("fine"),
                _ => Reply::With(code, headers.clone(), String::new()),
            })
            .await;
            let answer = quick(&peer).post(Bytes::from_static(b"{}"), SOON).await;
            assert_eq!(peer.asked().len(), requests, "{code} {given:?}");
            assert_eq!(answer.is_ok(), ends_well, "{code} {given:?}: {answer:?}");
            assert_eq!(answer.err().and_then(|failure| failure.code()), (!ends_well).then_some(code));
        };
    for code in [429, 500, 504] {
        check(code, vec![], 5, true).await;
    }
    for code in [301, 400, 401, 403, 404, 502, 503] {
        check(code, vec![], 1, false).await;
    }
    check(503, vec![("retry-after", "0")], 5, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_ends_its_connections_is_asked_on_others() {
    for old in [true, false] {
        let manner = Manner { old, ..Manner::default() };
        let peer = Peer::start_so(manner, |n, _| match n % 2 {
            0 => Reply::Last("fine".to_owned()),
            _ => Reply::ok("fine"),
        })
        .await;
        let webhook = quick(&peer);
        for n in 0..100 {
            let answer = webhook.post(Bytes::from_static(b"{}"), SOON).await;
            assert_eq!(answer.as_deref(), Ok(&b"fine"[..]), "{n} over {manner:?}");
        }
        assert!(peer.connections() > 20, "{}", peer.connections());
    }
}

#[tokio::test]
async fn attempts_end_with_their_number_and_with_time() {
    let peer = Peer::start(|_, _| Reply::Answer(500, "broken".to_owned())).await;
    let mut seen = Vec::new();
    let failure = quick(&peer)
        .post_observed(Bytes::new(), SOON, SOON, |answer, _| seen.push(answer.is_ok()))
        .await
        .expect_err("five failures");
    assert_eq!(seen, [false; 5]);
    assert_eq!(
        failure.to_string(),
        "an error on the server (\"broken\") has prevented the request from succeeding"
    );
    let peer = Peer::start(|_, _| Reply::With(500, vec![("retry-after", "3600")], String::new())).await;
    let begun = clock::monotonic();
    assert_eq!(quick(&peer).post(Bytes::new(), SOON).await.err().and_then(|e| e.code()), Some(500));
    assert!(clock::monotonic() - begun < SOON, "it does not wait for what comes too late");
    let peer = Peer::start(|_, _| Reply::Hang).await;
    let failure = quick(&peer).post(Bytes::new(), Duration::from_millis(50)).await.expect_err("no answer");
    assert!(failure.is_timeout() && !failure.is_transient());
    let url = peer.url("/review?timeout=");
    assert!(failure.to_string().starts_with(&format!("Post \"{url}")), "{failure}");
    assert_eq!(peer.asked().len(), 1);
}

#[tokio::test]
async fn a_review_is_json_and_carries_credentials() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let token = folder.path().join("token");
    std::fs::write(&token, "first\n").expect("written");
    let peer = Peer::start(|_, _| Reply::ok("{}")).await;
    let check = async |user: &str, wanted: &str| {
        let text = peer.kubeconfig_text("/review/", user);
        let webhook =
            Webhook::new(kubeconfig::parse(text.as_bytes(), folder.path()).expect(user)).expect(user);
        webhook.post(Bytes::from_static(b"{\"a\":1}"), SOON).await.expect("an answer");
        let asked = peer.asked().pop().expect("a request");
        assert_eq!(asked.header("authorization"), wanted);
        assert_eq!((asked.head.method.as_str(), &asked.body[..]), ("POST", &b"{\"a\":1}"[..]));
        assert_eq!(asked.head.uri.path(), "/review");
        assert!(asked.head.uri.query().is_some_and(|query| query.starts_with("timeout=")));
        assert_eq!(
            (asked.header("content-type"), asked.header("accept")),
            ("application/json", "application/json, */*")
        );
        webhook
    };
    check("{}", "").await;
    check("{token: secret}", "Bearer secret").await;
    check("{username: a, password: b}", "Basic YTpi").await;
    let webhook = check("{tokenFile: token, token: other}", "Bearer first").await;
    std::fs::write(&token, "second").expect("written");
    webhook.look_now().await;
    webhook.post(Bytes::new(), SOON).await.expect("an answer");
    assert_eq!(peer.asked().pop().expect("a request").header("authorization"), "Bearer second");
    std::fs::write(&token, "").expect("written");
    webhook.look_now().await;
    webhook.post(Bytes::new(), SOON).await.expect("an answer");
    assert_eq!(
        peer.asked().pop().expect("a request").header("authorization"),
        "Bearer second",
        "the old stays"
    );
}

#[tokio::test]
async fn connections_go_through_a_proxy() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let peer = Peer::start(|_, _| Reply::ok("{}")).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let target = peer.port;
    let tasks = TaskGroup::new();
    let tunnel = tasks.spawn("proxy", async move {
        let (mut client, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.expect("a byte"));
        }
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("written");
        let mut server = tokio::net::TcpStream::connect(("127.0.0.1", target)).await.expect("the peer");
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
        String::from_utf8(head).expect("text")
    });
    let through = Proxy::Url(format!("http://jo:secret@{proxy}"));
    let client = Client::through(&tls(&peer), through).expect("a client");
    get(&client, &peer.url("/"), SOON).await.expect("an answer");
    drop(client);
    let head = tunnel.await.expect("the tunnel ends");
    assert!(head.starts_with(&format!("CONNECT 127.0.0.1:{target} HTTP/1.1\r\n")), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic am86c2vjcmv0"), "{head}");
}

#[test]
fn kubeconfigs_say_where_and_how() {
    let parse = |cluster: &str, user: &str| {
        let text = format!(
            "current-context: a\ncontexts: [{{name: a, context: {{cluster: b, user: c}}}}]\n\
             clusters: [{{name: b, cluster: {cluster}}}]\nusers: [{{name: c, user: {user}}}]\n"
        );
        kubeconfig::parse(text.as_bytes(), Path::new("/folder"))
    };
    let url = |cluster: &str| parse(cluster, "{}").map(|settings| settings.url.to_string());
    let ok = |url: &str| Ok(url.to_owned());
    assert_eq!(url("{server: https://a.example.com/x/}"), ok("https://a.example.com/x"));
    assert_eq!(url("{server: 'https://a.example.com:8443?y=1'}"), ok("https://a.example.com:8443/"));
    assert_eq!(url("{server: a.example.com}"), ok("http://a.example.com/"));
    assert_eq!(url("{server: a.example.com, insecure-skip-tls-verify: true}"), ok("https://a.example.com/"));
    let proxy = |settings: Settings| settings.proxy;
    assert_eq!(
        parse("{server: https://a, proxy-url: 'http://p:1'}", "{}").map(proxy),
        Ok(Proxy::Url("http://p:1".to_owned()))
    );
    let check = |cluster: &str, user: &str, wanted: &str| {
        let failure = parse(cluster, user).err().unwrap_or_default();
        assert!(failure.contains(wanted), "{cluster} {user}: {failure}");
    };
    check("{}", "{}", "no server found");
    check("{server: 'ftp://a'}", "{}", "the scheme must be https or http");
    check("{server: 'https://a:b@c'}", "{}", "must hold no credentials");
    check("{server: 'https://a b'}", "{}", "server \"https://a b\": ");
    check("{server: https://a, certificate-authority-data: '*'}", "{}", "certificate-authority-data: ");
    check(
        "{server: https://a, certificate-authority: b, insecure-skip-tls-verify: true}",
        "{}",
        "with the insecure flag is not allowed",
    );
    check(
        "{server: https://a, certificate-authority: b, certificate-authority-data: Yg==}",
        "{}",
        "certificate-authority-data and cluster \"b\": certificate-authority are both specified",
    );
    let fine = "{server: https://a}";
    check(fine, "{exec: {command: x}}", "user \"c\": exec is not supported");
    check(fine, "{auth-provider: {name: x}}", "user \"c\": auth-provider is not supported");
    check(fine, "{as: x}", "user \"c\": as is not supported");
    check(fine, "{client-certificate: x}", "client-key-data or client-key must be specified for c");
    check(fine, "{token: x, username: jo}", "more than one authentication method found for c");
    check("{}", "{exec: {}}", "invalid configuration: [user \"c\": exec");
    let check = |text: &str, wanted: &str| {
        let failure = kubeconfig::parse(text.as_bytes(), Path::new("")).err().unwrap_or_default();
        assert!(failure.contains(wanted), "{text}: {failure}");
    };
    check("{}", "no configuration has been provided");
    check("clusters: [{name: a}]", "current-context: must name a context");
    check("clusters: [{name: a}]\ncurrent-context: b", "context was not found for specified context: b");
    check("kind: Config\napiVersion: v2", "no kind \"Config\" is registered for version \"v2\"");
    check(
        "contexts: [{name: a, context: {cluster: b, user: c}}]\ncurrent-context: a",
        "[user \"c\" was not found for context \"a\", cluster \"b\" was not found for context \"a\", no server",
    );
}
