//! Servers that ask a webhook and a file of policies who may do what.

use serde_json::json;

use super::client::{Client, Protocol};
use super::*;
use crate::authz::config::Follower;
use crate::authz::webhook::{ReviewVersion, Settings};
use crate::authz::{Configured, Decision, Source};
use crate::outbound::testing::{Peer, Reply};

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");
const ALICE: (&str, &str) = ("authorization", "Bearer alicetoken");

/// Has an opinion on nodes and secrets, breaks over pods, and says why it has none on the rest.
async fn hook() -> Peer {
    Peer::start(|_, asked| {
        let tree = asked.tree();
        let status = match tree.str_at(&["spec", "resourceAttributes", "resource"]) {
            "nodes" => r#"{"allowed":true,"reason":"nodes are for all"}"#,
            "secrets" => r#"{"denied":true,"reason":"no <secrets>"}"#,
            "pods" => return Reply::Answer(403, "go away".to_owned()),
            _ => r#"{"reason":"never heard of it"}"#,
        };
        Reply::ok(format!("{{\"status\":{status}}}"))
    })
    .await
}

async fn send(client: &mut Client, request: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let answer = client.send(request, headers, body.to_owned()).await.expect("an answer");
    (answer.code, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_and_policies_decide() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let peer = hook().await;
    let policy = directory.path().join("abac");
    let line = r#"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy",
        "spec":{"user":"alice","nonResourcePath":"/openapi/*","namespace":"*","readonly":true}}"#;
    std::fs::write(&policy, line.replace('\n', " ")).expect("written");
    let settings = Settings {
        kubeconfig: peer.kubeconfig(directory.path()),
        version: ReviewVersion::V1beta1,
        authorized_ttl: Duration::from_secs(300),
        unauthorized_ttl: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        on_failure: Decision::NoOpinion,
        conditions: Vec::new(),
    };
    let mut config = config(directory.path());
    config.authorization = authz::Config {
        authorizers: Source::Flags(vec![
            Configured::webhook("default", settings),
            Configured::usual(Mode::Abac),
        ]),
        policy_file: Some(policy),
    };
    let server = Box::pin(Server::start(config)).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let mut check = async |request: &str, code: u16, text: &str| {
        let (found, answer) = send(&mut client, request, &[ALICE], "").await;
        assert_eq!(found, code, "{request}: {answer}");
        assert!(answer.contains(text), "{request}: {answer}");
    };
    check("GET /api/v1/nodes", 200, "NodeList").await;
    let denied = "secrets is forbidden: User \\\"alice\\\" cannot list resource \\\"secrets\\\" in API group \\\"\\\" at \
                  the cluster scope: no \\u003csecrets\\u003e";
    check("GET /api/v1/secrets", 403, denied).await;
    check("GET /api/v1/configmaps", 403, "at the cluster scope: never heard of it\\nNo policy matched.")
        .await;
    check("GET /openapi/v2", 200, "swagger").await;
    check("GET /metrics", 403, "cannot get path \\\"/metrics\\\": never heard of it\\nNo policy matched.")
        .await;
    let broken = "Internal Server Error: \"/api/v1/pods\": forbidden: \"go away\"\n";
    check("GET /api/v1/pods", 500, broken).await;
    let asked = peer.asked().len();
    check("GET /api/v1/nodes", 200, "NodeList").await;
    assert_eq!(peer.asked().len(), asked, "the webhook's answer is remembered");

    let mut review = async |kind: &str, spec: serde_json::Value| {
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}).to_string();
        let path = format!("POST /apis/authorization.k8s.io/v1/{}s", kind.to_lowercase());
        let (code, answer) = send(&mut client, &path, &[ADMIN], &body).await;
        assert_eq!(code, 201, "{kind}: {answer}");
        serde_json::from_str::<serde_json::Value>(&answer).expect("JSON")["status"].clone()
    };
    let access =
        |plural: &str| json!({"user": "alice", "resourceAttributes": {"verb": "list", "resource": plural}});
    for (plural, wanted) in [
        ("nodes", json!({"allowed": true, "reason": "nodes are for all"})),
        ("secrets", json!({"allowed": false, "denied": true, "reason": "no <secrets>"})),
        (
            "pods",
            json!({"allowed": false, "reason": "No policy matched.", "evaluationError": "forbidden: \"go away\""}),
        ),
    ] {
        assert_eq!(review("SubjectAccessReview", access(plural)).await, wanted, "{plural}");
    }
    let rules = review("SelfSubjectRulesReview", json!({"namespace": "default"})).await;
    assert_eq!(rules["incomplete"], true);
    assert_eq!(rules["evaluationError"], "webhook authorizer does not support user rule resolution");

    let (_, metrics) = send(&mut client, "GET /metrics", &[ADMIN], "").await;
    for line in [
        r#"apiserver_authorization_decisions_total{decision="denied",name="default",type="Webhook"} 2"#,
        r#"apiserver_authorization_decisions_total{decision="allowed",name="abac",type="ABAC"} 1"#,
        r#"apiserver_authorization_webhook_evaluations_fail_open_total{name="default",result="error"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_file_says_who_is_asked() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let peer = hook().await;
    let file = directory.path().join("authz.yaml");
    let kubeconfig = peer.kubeconfig(directory.path());
    let text = format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n\
         - type: Webhook\n  name: hook\n  webhook:\n    timeout: 3s\n    subjectAccessReviewVersion: v1\n    \
         failurePolicy: Deny\n    connectionInfo: {{type: KubeConfigFile, kubeConfigFile: {:?}}}\n\
         - {{type: Node, name: node}}\n- {{type: RBAC, name: rbac}}\n",
        kubeconfig.display()
    );
    std::fs::write(&file, text).expect("written");
    Follower::read(&file).expect("a configuration");
    let mut config = config(directory.path());
    config.authorization = authz::Config { authorizers: Source::File(file), policy_file: None };
    let server = Box::pin(Server::start(config)).await.expect("a server");
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    for (request, code) in [
        ("GET /api/v1/nodes", 200),
        ("GET /api/v1/secrets", 403),
        ("GET /api/v1/pods", 500),
        ("GET /api/v1/configmaps", 403),
        ("GET /version", 200),
    ] {
        let (found, answer) = send(&mut client, request, &[ALICE], "").await;
        assert_eq!(found, code, "{request}: {answer}");
    }
    let (_, metrics) = send(&mut client, "GET /metrics", &[ADMIN], "").await;
    assert!(
        metrics.contains(
            "apiserver_authorization_config_controller_last_config_info{apiserver_id_hash=\"sha256:"
        )
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_told_at_the_start() {
    let check = async |authorization: authz::Config, wanted: &str| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut config = config(directory.path());
        config.authorization = authorization;
        let failure = Box::pin(Server::start(config)).await.err().expect(wanted).to_string();
        assert!(failure.starts_with(wanted), "{failure}");
    };
    let flags = |mode: Mode| Source::Flags(vec![Configured::usual(mode)]);
    let missing = Some(PathBuf::from("/does/not/exist"));
    check(
        authz::Config { authorizers: flags(Mode::Abac), policy_file: missing.clone() },
        "--authorization-policy-file: /does/not/exist: No such file",
    )
    .await;
    check(
        authz::Config { authorizers: flags(Mode::Abac), policy_file: None },
        "--authorization-policy-file: authorization-mode ABAC's authorization policy file not passed",
    )
    .await;
    check(
        authz::Config { authorizers: Source::File("/does/not/exist".into()), policy_file: None },
        "--authorization-config: /does/not/exist: No such file",
    )
    .await;
    let settings = Settings {
        kubeconfig: "/does/not/exist".into(),
        version: ReviewVersion::V1,
        authorized_ttl: Duration::ZERO,
        unauthorized_ttl: Duration::ZERO,
        timeout: Duration::from_secs(30),
        on_failure: Decision::NoOpinion,
        conditions: Vec::new(),
    };
    let webhook = Source::Flags(vec![Configured::webhook("default", settings)]);
    check(
        authz::Config { authorizers: webhook, policy_file: None },
        "--authorization-webhook-config-file: /does/not/exist: No such file",
    )
    .await;
}
