//! A server at the highest verbosity, through requests that carry secrets of every kind; then its log is searched.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::client::{self, Client};

/// A server that is killed with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Secrets, and what each of them is.
#[derive(Default)]
struct Planted(Vec<(String, String)>);

impl Planted {
    /// A new secret of this kind; no other text looks like it.
    fn text(&mut self, what: &str) -> String {
        let text = format!("planted{}{:06}z", what.replace(' ', ""), self.0.len() * 7919);
        self.note(what, &text);
        text
    }

    fn note(&mut self, what: &str, text: &str) {
        assert!(text.len() >= 12, "{what}: {text:?} is no secret");
        self.0.push((what.to_owned(), text.to_owned()));
    }

    /// The lines that hold one of them: as it is, in base64, or as bytes that are printed as numbers.
    fn found(&self, log: &str) -> Vec<String> {
        // However a list of numbers is laid out.
        let dense: Vec<String> = log.lines().map(|line| line.replace("\\n", "").replace(' ', "")).collect();
        let mut found = Vec::new();
        for (what, text) in &self.0 {
            // The ends depend on what stands around the text.
            let encoded = (0..3).map(|shift| {
                let encoded = STANDARD.encode(format!("{}{text}", &"xxx"[..shift]));
                encoded[4..encoded.len() - 4].to_owned()
            });
            let listed = text[..12].bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(",");
            for form in encoded.chain([text.clone(), listed]) {
                let line = log
                    .lines()
                    .zip(&dense)
                    .find(|(line, dense)| line.contains(&form) || dense.contains(&form));
                found.extend(line.map(|(line, _)| format!("{what} ({form}): {line:.1500}")));
            }
        }
        found
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).expect("written");
    path.display().to_string()
}

/// Waits until the condition holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn no_secret_is_logged_at_the_highest_verbosity() {
    for format in ["text", "json"] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut planted = Planted::default();
        let log = run(directory.path(), format, &mut planted);
        // What the libraries trace is there, too: the log is as talkative as it gets.
        for part in ["rustls", "framed_read.rs", "/api/v1/namespaces/default/secrets"] {
            assert!(log.contains(part), "{format}: nothing of {part}:\n{log:.3000}");
        }
        let found = planted.found(&log);
        assert!(found.is_empty(), "{format}:\n{}", found.join("\n"));
    }
}

/// Runs a server through it all; its log.
fn run(path: &Path, format: &str, planted: &mut Planted) -> String {
    let (data, port) = (path.join("data"), free_port());
    let static_token = planted.text("static token");
    let tokens = write(&path.join("tokens.csv"), &format!("{static_token},root,1,system:masters\n"));
    const ALLOWED: &str =
        r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","status":{"allowed":false}}"#;
    let (hook, heads) = client::webhook(path, ALLOWED);
    let hook_token = planted.text("webhook token");
    let authority = path.join("webhook.crt").display().to_string();
    let kubeconfig = write(
        &path.join("hook.kubeconfig"),
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: k\n  cluster:\n    server: https://127.0.0.1:{hook}/x\n    \
             certificate-authority: {authority}\nusers:\n- name: u\n  user:\n    token: {hook_token}\ncontexts:\n\
             - name: c\n  context: {{cluster: k, user: u}}\n"
        ),
    );
    let log_path = path.join("log");
    let log = File::create(&log_path).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kube-apiserver"));
    command.args([
        "--bind-address=127.0.0.1",
        &format!("--secure-port={port}"),
        &format!("--data-dir={}", data.display()),
        &format!("--token-auth-file={tokens}"),
        "--authorization-mode=Webhook,RBAC",
        "--authorization-webhook-version=v1",
        &format!("--authorization-webhook-config-file={kubeconfig}"),
        &format!("--logging-format={format}"),
        "-v=10",
    ]);
    command.stdin(Stdio::null()).stderr(log.try_clone().expect("a file")).stdout(log);
    let mut server = Running(command.spawn().expect("it starts"));
    let read = || std::fs::read_to_string(&log_path).expect("a log");
    until("ready", || {
        assert!(server.0.try_wait().expect("ours").is_none(), "it ended: {}", read());
        read().contains("is ready at https://")
    });
    for name in ["admin", "apiserver", "server-ca", "client-ca"] {
        let pem = std::fs::read_to_string(data.join(format!("{name}.key"))).expect("a key");
        planted.note(&format!("{name}.key"), pem.lines().nth(1).expect("a line of base64"));
    }
    let pem = std::fs::read_to_string(data.join("service-account.key")).expect("a key");
    planted.note("service-account.key", pem.lines().nth(1).expect("a line of base64"));

    traffic(&Client::new(port, &data, false), &static_token, planted);
    let by_certificate = Client::new(port, &data, true);
    let answer = by_certificate.http2("GET /api/v1/namespaces/default/secrets", &[], "");
    assert!(answer.contains("SecretList"), "{answer}");
    let told = heads.try_iter().filter(|head| head.contains(&hook_token)).count();
    assert!(told > 0, "the webhook was asked with its token");

    let sent =
        Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
    until("the end", || server.0.try_wait().expect("ours").is_some());
    let log = read();
    if let Some(copy) = std::env::var_os("KEELSON_KEEP_LOG") {
        std::fs::write(copy, &log).expect("written");
    }
    log
}

/// Requests with secrets in all places where they may be, over both protocols.
fn traffic(client: &Client, admin: &str, planted: &mut Planted) {
    const SECRETS: &str = "/api/v1/namespaces/default/secrets";
    const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
    let json = |kind: &str| format!("content-type: application/{kind}");
    let bearer = |token: &str| format!("authorization: Bearer {token}");
    for (at, send) in [Client::http1, Client::http2].into_iter().enumerate() {
        let ask = |request: &str, headers: &[String], body: &str| send(client, request, headers, body);
        let ours = |kind: &str| vec![bearer(admin), json(kind)];
        // Credentials that nobody knows, or in places where they don't belong.
        for what in ["unknown token", "spaced token", "basic password", "signed token", "cookie"] {
            let secret = planted.text(what);
            let header = match what {
                "spaced token" => format!("authorization: Bearer  {secret}"),
                "basic password" => {
                    format!("authorization: Basic {}", STANDARD.encode(format!("root:{secret}")))
                }
                "signed token" => bearer(&format!(
                    "{}.{}.{secret}",
                    URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
                    URL_SAFE_NO_PAD.encode("{}")
                )),
                "cookie" => format!("cookie: session={secret}"),
                _ => bearer(&secret),
            };
            ask("GET /api/v1/pods", &[header], "");
        }
        let in_query = planted.text("token in query");
        ask(&format!("GET /api/v1/pods?access_token={in_query}&{in_query}=1"), &ours("json"), "");
        let impersonated = vec![bearer(admin), format!("impersonate-user: alice")];
        ask("GET /api/v1/pods", &impersonated, "");

        // Secrets, well made and not.
        let (value, string) = (planted.text("secret data"), planted.text("string data"));
        let name = format!("one{at}");
        let secret = format!(
            r#"{{"metadata":{{"name":"{name}"}},"data":{{"a":"{}"}},"stringData":{{"b":"{string}"}}}}"#,
            STANDARD.encode(&value)
        );
        let answer = ask(&format!("POST {SECRETS}"), &ours("json"), &secret);
        assert!(answer.contains(r#""kind":"Secret""#), "{answer}");
        ask(&format!("POST {SECRETS}"), &ours("json"), &secret);
        let broken = planted.text("broken JSON");
        ask(&format!("POST {SECRETS}"), &ours("json"), &format!(r#"{{"data":{{"a":"{broken}"#));
        ask(
            &format!("POST {SECRETS}"),
            &ours("yaml"),
            &format!("metadata: {{name: y}}\ndata: [{broken}\n  {broken}: :"),
        );
        ask(&format!("POST {SECRETS}"), &ours("vnd.kubernetes.protobuf"), &format!("k8s\0{broken}"));
        let wrong = planted.text("wrong base64");
        ask(
            &format!("POST {SECRETS}"),
            &ours("json"),
            &format!(r#"{{"metadata":{{"name":"w"}},"data":{{"a":"{wrong}!"}}}}"#),
        );
        ask(
            &format!("POST {SECRETS}"),
            &ours("json"),
            &format!(
                r#"{{"metadata":{{"name":"W!"}},"type":"kubernetes.io/tls","stringData":{{"tls.key":"{wrong}"}}}}"#
            ),
        );
        let patched = planted.text("patched data");
        for kind in ["merge-patch+json", "strategic-merge-patch+json"] {
            ask(
                &format!("PATCH {SECRETS}/{name}"),
                &ours(kind),
                &format!(r#"{{"stringData":{{"c":"{patched}"}}}}"#),
            );
        }
        ask(
            &format!("PATCH {SECRETS}/{name}"),
            &ours("json-patch+json"),
            &format!(r#"[{{"op":"test","path":"/data/a","value":"{patched}"}}]"#),
        );
        let applied = format!(
            r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"{name}"}},"stringData":{{"d":"{patched}"}}}}"#
        );
        ask(&format!("PATCH {SECRETS}/{name}?fieldManager=me"), &ours("apply-patch+yaml"), &applied);
        for get in [
            format!("GET {SECRETS}"),
            format!("GET {SECRETS}/{name}"),
            format!("GET {SECRETS}?watch=1&timeoutSeconds=1"),
        ] {
            ask(&get, &ours("json"), "");
        }

        // Tokens that the server issues, and is asked about.
        ask(&format!("POST {ACCOUNTS}"), &ours("json"), &format!(r#"{{"metadata":{{"name":"robot{at}"}}}}"#));
        let answer = ask(&format!("POST {ACCOUNTS}/robot{at}/token"), &ours("json"), "{}");
        let token =
            answer.split(r#""token":""#).nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
        planted.note("issued token", token.rsplit('.').next().expect("a signature"));
        let reviewed = planted.text("reviewed token");
        for token in [token, &reviewed] {
            let review = format!(r#"{{"spec":{{"token":"{token}"}}}}"#);
            ask("POST /apis/authentication.k8s.io/v1/tokenreviews", &ours("json"), &review);
        }
        ask("GET /api/v1/pods", &[bearer(token)], "");
        ask(&format!("DELETE {ACCOUNTS}/robot{at}"), &ours("json"), "");
        ask("GET /api/v1/pods", &[bearer(token)], "");
        ask(&format!("DELETE {SECRETS}/{name}"), &ours("json"), "");
    }
    // In the handshake of a WebSocket, which HTTP/1.1 alone has.
    let offered = planted.text("offered token");
    let encoded = URL_SAFE_NO_PAD.encode(&offered);
    planted.note("offered token, encoded", &encoded);
    let headers = [
        "connection: upgrade".to_owned(),
        "upgrade: websocket".to_owned(),
        "sec-websocket-version: 13".to_owned(),
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
        "origin: https://console.example".to_owned(),
        format!("sec-websocket-protocol: base64url.bearer.authorization.k8s.io.{encoded}, v1"),
    ];
    client.http1("GET /api/v1/pods?watch=1", &headers, "");
}
