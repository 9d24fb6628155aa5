//! Front proxies with real certificates, bootstrap tokens, webhooks, and what the server tells of whom it believes.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

use super::client::{Answer, BOTH, Client, Protocol};
use super::*;
use crate::authn::front_proxy;
use crate::outbound::testing::{Peer, Reply};

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const WHO_AM_I: &str = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
const MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const TRUST: &str = "extension-apiserver-authentication";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// An authority, whose certificate is in `NAME.pem`.
fn authority(directory: &Path, name: &str) -> Authority {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let made =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    std::fs::write(directory.join(format!("{name}.pem")), made.pem()).expect("written");
    made
}

/// A client's certificate, in `FILE.crt` and `FILE.key`.
fn client(directory: &Path, authority: &Authority, file: &str, name: &str) {
    let mut params = params(name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    std::fs::write(directory.join(format!("{file}.crt")), certificate.pem()).expect("written");
    std::fs::write(directory.join(format!("{file}.key")), key.serialize_pem()).expect("written");
}

fn front_proxies(directory: &Path) -> front_proxy::Config {
    let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    front_proxy::Config {
        client_ca_file: directory.join("proxies.pem"),
        allowed_names: strings(&["front-proxy-client"]),
        username_headers: strings(&["X-Remote-User"]),
        uid_headers: strings(&["X-Remote-Uid"]),
        group_headers: strings(&["X-Remote-Group"]),
        extra_prefixes: strings(&["X-Remote-Extra-"]),
    }
}

async fn send(client: &mut Client, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    client.send(request, headers, body.to_owned()).await.expect("an answer")
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_front_proxies_speak_for_others() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    let (clients, proxies) = (authority(path, "clients"), authority(path, "proxies"));
    client(path, &clients, "ann", "ann");
    client(path, &clients, "fake", "front-proxy-client");
    client(path, &proxies, "proxy", "front-proxy-client");
    client(path, &proxies, "other", "other");
    let mut config = config(path);
    config.authentication.client_ca_file = Some(path.join("clients.pem"));
    config.authentication.front_proxy = Some(front_proxies(path));
    let server = Box::pin(Server::start(config)).await.expect("a server");
    let said = [
        ("x-remote-user", "ursula"),
        ("x-remote-uid", "u-7"),
        ("x-remote-group", "devs"),
        ("x-remote-group", "ops"),
        ("x-remote-extra-acme.com%2fproject", "one"),
        ("X-Remote-Extra-Acme.com%2FProject", "two"),
        ("x-remote-extra-bad%zz", "three"),
    ];
    for protocol in BOTH {
        let ask = async |certificate: Option<&str>, headers: &[(&str, &str)]| {
            let mut client = Client::connect(&server, path, protocol, certificate).await;
            let answer = send(&mut client, WHO_AM_I, headers, "{}").await;
            (answer.code, json(&answer)["status"]["userInfo"].clone())
        };
        let (code, who) = ask(Some("proxy"), &said).await;
        let wanted = serde_json::json!({
            "username": "ursula", "uid": "u-7", "groups": ["devs", "ops", "system:authenticated"],
            "extra": {"acme.com/project": ["one", "two"], "bad%zz": ["three"]},
        });
        assert_eq!((code, who), (201, wanted));
        let name =
            |(code, who): (u16, serde_json::Value)| (code, who["username"].as_str().map(str::to_owned));
        let of = |name: &str| (201, Some(name.to_owned()));
        assert_eq!(name(ask(Some("ann"), &said).await), of("ann"));
        assert_eq!(name(ask(Some("fake"), &said).await), of("front-proxy-client"));
        assert_eq!(name(ask(Some("other"), &said).await), (401, None));
        assert_eq!(name(ask(Some("proxy"), &[]).await), (401, None));
        let with_token = [&said[..], &[ADMIN]].concat();
        assert_eq!(name(ask(Some("other"), &with_token).await), of("admin"));
        assert_eq!(name(ask(Some("proxy"), &with_token).await), of("ursula"));
        assert_eq!(name(ask(None, &with_token).await), of("admin"));
    }
    // Without credentials nothing is believed, whatever is said.
    let mut nobody = Client::connect(&server, path, Protocol::Http1, None).await;
    let masters = [("x-remote-user", "root"), ("x-remote-group", "system:masters")];
    assert_eq!(send(&mut nobody, "GET /api/v1/nodes", &masters, "").await.code, 403);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn regular_clients_may_not_become_front_proxies() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    authority(path, "clients");
    let check = async |allowed: &[&str], starts: bool| {
        let mut config = config(path);
        config.authentication.client_ca_file = Some(path.join("clients.pem"));
        config.authentication.front_proxy = Some(front_proxy::Config {
            client_ca_file: path.join("clients.pem"),
            allowed_names: allowed.iter().map(ToString::to_string).collect(),
            ..front_proxies(path)
        });
        match Box::pin(Server::start(config)).await {
            Ok(server) => {
                assert!(starts);
                server.stop().await;
            }
            Err(failure) => assert!(!starts && failure.to_string().contains("overlapping"), "{failure}"),
        }
    };
    check(&["front-proxy-client"], true).await;
    check(&[], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_whom_the_server_believes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    let clients = authority(path, "clients").pem().replace('\r', "");
    let proxies = authority(path, "proxies").pem().replace('\r', "");
    let mut config = config(path);
    config.authentication.client_ca_file = Some(path.join("clients.pem"));
    config.authentication.front_proxy = Some(front_proxies(path));
    let server = Box::pin(Server::start(config)).await.expect("a server");
    let mut admin = Client::connect(&server, path, Protocol::Http2, None).await;
    let mut told = async |wanted: &serde_json::Value| {
        for _ in 0..200 {
            let answer = send(&mut admin, &format!("GET {MAPS}/{TRUST}"), &[ADMIN], "").await;
            if json(&answer)["data"] == *wanted {
                return send(&mut admin, &format!("DELETE {MAPS}/{TRUST}"), &[ADMIN], "").await.code;
            }
            clock::sleep(Duration::from_millis(50)).await;
        }
        panic!("it is not told in time");
    };
    let wanted = serde_json::json!({
        "client-ca-file": clients,
        "requestheader-allowed-names": "[\"front-proxy-client\"]",
        "requestheader-client-ca-file": proxies,
        "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
        "requestheader-group-headers": "[\"X-Remote-Group\"]",
        "requestheader-uid-headers": "[\"X-Remote-Uid\"]",
        "requestheader-username-headers": "[\"X-Remote-User\"]",
    });
    // It is made again when somebody deletes it.
    for _ in 0..2 {
        assert_eq!(told(&wanted).await, 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bootstrap_tokens_are_believed_while_their_secret_is_there() {
    const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut config = config(directory.path());
    config.authentication.bootstrap_tokens = true;
    let server = Box::pin(Server::start(config)).await.expect("a server");
    let mut admin = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let secret = r#"{"metadata":{"name":"bootstrap-token-abc123"},"type":"bootstrap.kubernetes.io/token",
        "stringData":{"token-id":"abc123","token-secret":"0123456789abcdef",
        "usage-bootstrap-authentication":"true","auth-extra-groups":"system:bootstrappers:kubeadm"}}"#;
    assert_eq!(send(&mut admin, &format!("POST {SECRETS}"), &[ADMIN], secret).await.code, 201);
    let token = ("authorization", "Bearer abc123.0123456789abcdef");
    let ask = async |code: u16| {
        for _ in 0..200 {
            // Who is refused gets a connection closed.
            let mut node = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
            let answer = send(&mut node, WHO_AM_I, &[token], "{}").await;
            if answer.code == code {
                return json(&answer)["status"]["userInfo"].clone();
            }
            clock::sleep(Duration::from_millis(50)).await;
        }
        panic!("there is no answer of {code}");
    };
    let who = ask(201).await;
    let groups = ["system:bootstrappers", "system:bootstrappers:kubeadm", "system:authenticated"];
    assert_eq!(
        (&who["username"], &who["groups"]),
        (&"system:bootstrap:abc123".into(), &groups.as_slice().into())
    );
    let review = r#"{"spec":{"token":"abc123.0123456789abcdef"}}"#;
    let answer = send(&mut admin, "POST /apis/authentication.k8s.io/v1/tokenreviews", &[ADMIN], review).await;
    let status = &json(&answer)["status"];
    assert_eq!(
        (&status["authenticated"], &status["audiences"][0]),
        (&true.into(), &authn::service_account::DEFAULT_ISSUER.into())
    );
    let gone = format!("DELETE {SECRETS}/bootstrap-token-abc123");
    assert_eq!(send(&mut admin, &gone, &[ADMIN], "").await.code, 200);
    ask(401).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_asked_about_tokens_that_nobody_else_knows() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let peer = Peer::start(|_, asked| {
        let status = match asked.tree().str_at(&["spec", "token"]) {
            "remote" => r#"{"authenticated":true,"user":{"username":"rita","groups":["far"]}}"#,
            _ => r#"{"authenticated":false}"#,
        };
        Reply::ok(format!(
            r#"{{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{status}}}"#
        ))
    })
    .await;
    let mut config = config(directory.path());
    config.authentication.webhook = Some(authn::webhook::Config {
        file: peer.kubeconfig(directory.path()),
        version: authn::webhook::Version::V1,
        kept_for: Duration::from_secs(120),
    });
    let server = Box::pin(Server::start(config)).await.expect("a server");
    let check = async |token: &str, wanted: (u16, Option<&str>), asked: usize| {
        let mut client = Client::connect(&server, directory.path(), Protocol::Http1, None).await;
        let header = format!("Bearer {token}");
        let answer = send(&mut client, WHO_AM_I, &[("authorization", &header)], "{}").await;
        let who = json(&answer)["status"]["userInfo"].clone();
        assert_eq!((answer.code, who["username"].as_str()), wanted);
        assert_eq!(peer.asked().len(), asked, "{token}");
    };
    check("alicetoken", (201, Some("alice")), 0).await;
    check("remote", (201, Some("rita")), 1).await;
    check("remote", (201, Some("rita")), 1).await;
    for _ in 0..2 {
        check("nobodys", (401, None), 2).await;
    }
    server.stop().await;
}
