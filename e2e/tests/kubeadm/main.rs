//! A server with the flags and certificates that `kubeadm init` lays out, over an etcd that asks for certificates:
//! whoever comes in to a cluster of kubeadm's comes in here.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use keelson_e2e::{Cluster, Kubectl, Plan};
use kube::api::{Api, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a test may take.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn a_cluster_of_kubeadms_works() {
    let plan = Plan { servers: 1, controller_managers: 0, schedulers: 0, nodes: 0, ..Plan::default() };
    let Some(cluster) = Cluster::start(plan) else { return };
    administrators_come_in_as_kubeadm_lets_them(&cluster);
    nodes_do_what_is_theirs_alone(&cluster);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let whole = async {
            front_proxies_speak_for_others(&cluster).await;
            accounts_come_in_with_tokens(&cluster).await;
            kubelets_probe_without_a_name(&cluster).await;
        };
        tokio::time::timeout(PATIENCE, whole).await.expect("the test ends in time");
    });
    let log = cluster.log_tail("server-0", 10_000);
    let told = "checked, but without effect yet: --kubelet-client-certificate, --kubelet-client-key, \
                --kubelet-preferred-address-types, --proxy-client-cert-file, --proxy-client-key-file";
    assert_eq!(log.matches(told).count(), 1, "once at start:\n{log}");
    assert_eq!(cluster.terminate("server-0"), 0);
}

/// The group of `admin.conf` has its rights by a binding that kubeadm makes as the super-administrator.
fn administrators_come_in_as_kubeadm_lets_them(cluster: &Cluster) {
    let kubectl = |file: &str| Kubectl::new(&cluster.pki().path(file)).expect("the cluster has a kubectl");
    let administrator = kubectl("admin.conf");
    let refused = administrator.attempt(&["get", "nodes"], "").expect_err("nothing is bound yet");
    assert!(refused.contains("User \"kubernetes-admin\" cannot list resource \"nodes\""), "{refused}");
    let binding = "kubeadm:cluster-admins";
    let group = format!("--group={binding}");
    kubectl("super-admin.conf").run(&[
        "create",
        "clusterrolebinding",
        binding,
        "--clusterrole=cluster-admin",
        &group,
    ]);
    let mut tries = 0;
    // The policy follows the store.
    while administrator.attempt(&["get", "nodes"], "").is_err() {
        tries += 1;
        assert!(tries < 100, "the binding counts");
        std::thread::sleep(Duration::from_millis(50));
    }
    administrator.run(&["create", "serviceaccount", "default", "-n", "kube-public"]);
    administrator.run(&["create", "configmap", "made", "--from-literal=a=b"]);
    assert_eq!(administrator.run(&["get", "configmap", "made", "-o", "jsonpath={.data.a}"]), "b");
    let version = administrator.json(&["version", "-o", "json"]);
    assert_eq!(version["serverVersion"]["minor"], "36", "{version}");
    let service = administrator.json(&["get", "service", "kubernetes", "-o", "json"]);
    assert_eq!(service["spec"]["clusterIP"], "10.96.0.1");
    let endpoints = administrator.json(&["get", "endpoints", "kubernetes", "-o", "json"]);
    assert_eq!(endpoints["subsets"][0]["addresses"][0]["ip"], "192.0.2.11");
}

fn nodes_do_what_is_theirs_alone(cluster: &Cluster) {
    let kubectl = Kubectl::new(&cluster.pki().path("kubelet.conf")).expect("the cluster has a kubectl");
    let node = |name: &str| {
        format!(r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{name}"}},"spec":{{}}}}"#)
    };
    kubectl.run_with_input(&["create", "--validate=false", "-f", "-"], &node("control-plane"));
    let own = kubectl.json(&["get", "node", "control-plane", "-o", "json"]);
    assert_eq!(own["metadata"]["name"], "control-plane");
    let check = |args: &[&str], input: &str, reason: &str| {
        let refused = kubectl.attempt(args, input).expect_err("refused");
        assert!(refused.contains(reason), "{args:?}: {refused}");
    };
    let other = "node \"control-plane\" is not allowed to modify node \"other\"";
    check(&["create", "--validate=false", "-f", "-"], &node("other"), other);
    check(&["get", "secrets", "-A"], "", "cannot list resource \"secrets\"");
    check(
        &["get", "secret", "any"],
        "",
        "no relationship found between node 'control-plane' and this object",
    );
}

async fn front_proxies_speak_for_others(cluster: &Cluster) {
    let pki = cluster.pki();
    let auth = |file: &str| AuthInfo {
        client_certificate: Some(pki.path(&format!("{file}.crt")).display().to_string()),
        client_key: Some(pki.path(&format!("{file}.key")).display().to_string()),
        ..AuthInfo::default()
    };
    let headers = [("x-remote-user", "jane"), ("x-remote-group", "devs"), ("x-remote-extra-team", "sea")];
    let jane = whoami(cluster, auth("pki/front-proxy-client"), &headers).await.expect("believed");
    let user = jane.status.and_then(|status| status.user_info).expect("a user");
    assert_eq!(user.username.as_deref(), Some("jane"));
    assert_eq!(user.groups.expect("groups"), ["devs", "system:authenticated"]);
    assert_eq!(user.extra.expect("more").get("team").map(Vec::as_slice), Some(["sea".to_owned()].as_slice()));
    // What others say in such headers is not heard.
    let kubelet = whoami(cluster, auth("pki/apiserver-kubelet-client"), &headers).await.expect("itself");
    let user = kubelet.status.and_then(|status| status.user_info).expect("a user");
    assert_eq!(user.username.as_deref(), Some("kube-apiserver-kubelet-client"));
}

async fn accounts_come_in_with_tokens(cluster: &Cluster) {
    let token = cluster.kubectl().run(&["create", "token", "default", "-n", "kube-public"]);
    let auth = AuthInfo { token: Some(token.trim().to_owned().into()), ..AuthInfo::default() };
    let account = whoami(cluster, auth, &[]).await.expect("believed");
    let user = account.status.and_then(|status| status.user_info).expect("a user");
    assert_eq!(user.username.as_deref(), Some("system:serviceaccount:kube-public:default"));
}

async fn whoami(
    cluster: &Cluster,
    auth: AuthInfo,
    headers: &[(&'static str, &'static str)],
) -> kube::Result<SelfSubjectReview> {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).expect("it is there");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.expect("it is complete");
    config.auth_info = auth;
    config.headers = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
        .collect();
    let api: Api<SelfSubjectReview> = Api::all(Client::try_from(config)?);
    api.create(&PostParams::default(), &SelfSubjectReview::default()).await
}

/// As the kubelet does for the static pod's probes: over HTTPS, without credentials, to the pod's address.
async fn kubelets_probe_without_a_name(cluster: &Cluster) {
    let authority = cluster.pki().path("pki/ca.crt");
    for path in ["/livez", "/readyz", "/healthz"] {
        let answer = probe(cluster.server_address(0), &authority, path).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok"),
            "{path}: {answer}"
        );
    }
    let answer = probe(cluster.server_address(0), &authority, "/api/v1/secrets").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

async fn probe(server: SocketAddr, authority: &Path, path: &str) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).expect("a certificate")).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(server).await.expect("it listens");
    let name = server.ip().to_string().try_into().expect("an address is a name");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.expect("TLS");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 192.0.2.11:6443\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // Some end without TLS's own goodbye; what was said counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
