//! ImagePolicyWebhook asks a webhook on this machine.

use std::path::Path;

use super::*;
use crate::outbound::testing::{Peer, Reply};

const POD: &str = r#"{"metadata":{"name":"p","annotations":{"a.image-policy.k8s.io/ticket":"7","other":"x"}},
    "spec":{"containers":[{"image":"a"},{"image":"b"}],"initContainers":[{"image":"c"}],
    "ephemeralContainers":[{"image":"d"}]}}"#;

/// A configuration of admission with this plugin's members; the peer's kubeconfig is added.
fn configuration(folder: &Path, kubeconfig: &Path, members: &str) -> Config {
    let file = folder.join("admission.yaml");
    let own = format!("{{imagePolicy: {{kubeConfigFile: {:?}{members}}}}}", kubeconfig.display());
    let text = format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n\
         plugins: [{{name: ImagePolicyWebhook, configuration: {own}}}]\n"
    );
    std::fs::write(&file, text).expect("written");
    Config { plugins: vec!["ImagePolicyWebhook"], file: Some(file), ..Config::default() }
}

struct Asked {
    bench: Bench,
    peer: Peer,
    _folder: tempfile::TempDir,
}

async fn asked(members: &str, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Asked {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let peer = Peer::start(move |n, _| reply(n)).await;
    let kubeconfig = peer.kubeconfig(folder.path());
    let bench = Bench::with(configuration(folder.path(), &kubeconfig, members));
    Asked { bench, peer, _folder: folder }
}

impl Asked {
    /// What is said of a pod; empty where it may be.
    async fn pod(&self, resource: &str, operation: Operation) -> String {
        let done = self.bench.write(operation, resource, Some(POD), Some(POD)).await;
        done.err().map(|status| format!("{} {}", status.code(), status.message())).unwrap_or_default()
    }

    fn audited(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.bench.said.audit.lock())
    }
}

fn status(text: &str) -> Reply {
    Reply::ok(format!(
        "{{\"apiVersion\":\"imagepolicy.k8s.io/v1alpha1\",\"kind\":\"ImageReview\",\"status\":{text}}}"
    ))
}

#[tokio::test]
async fn the_webhook_decides_and_is_asked_about_what_concerns_it() {
    let check = async |text: &'static str, wanted: &str| {
        let asked = asked("", move |_| status(text)).await;
        assert_eq!(asked.pod("pods", Operation::Create).await, wanted, "{text}");
    };
    let head = "403 pods \"p\" is forbidden: ";
    check(r#"{"allowed":true}"#, "").await;
    check("null", &format!("{head}one or more images rejected by webhook backend")).await;
    let why = "image policy webhook backend denied one or more images: old";
    check(r#"{"allowed":false,"reason":"old"}"#, &format!("{head}{why}")).await;

    let asked = asked("", |_| status(r#"{"allowed":true,"auditAnnotations":{"k":"v"}}"#)).await;
    for (resource, operation, requests) in [
        ("pods", Operation::Create, 1),
        ("pods", Operation::Update, 1),
        ("pods/ephemeralcontainers", Operation::Update, 2),
        ("pods/status", Operation::Update, 2),
        ("pods", Operation::Delete, 2),
        ("services", Operation::Create, 2),
    ] {
        asked.pod(resource, operation).await;
        assert_eq!(asked.peer.asked().len(), requests, "{resource} {operation}");
    }
    let note = ("imagepolicywebhook.image-policy.k8s.io/k".to_owned(), "v".to_owned());
    assert_eq!(asked.audited(), vec![note; 3], "what is remembered is noted, too");
    let body = |n: usize| String::from_utf8(asked.peer.asked()[n].body.to_vec()).expect("text");
    let review = |containers: &str| {
        format!(
            "{{\"kind\":\"ImageReview\",\"apiVersion\":\"imagepolicy.k8s.io/v1alpha1\",\"metadata\":{{}},\
             \"spec\":{{\"containers\":[{containers}],\"annotations\":{{\"a.image-policy.k8s.io/ticket\":\"7\"}},\
             \"namespace\":\"ns\"}},\"status\":{{\"allowed\":false}}}}"
        )
    };
    assert_eq!(body(0), review(r#"{"image":"a"},{"image":"b"},{"image":"c"}"#));
    assert_eq!(body(1), review(r#"{"image":"d"}"#));
}

#[tokio::test]
async fn answers_are_remembered_and_failures_are_not() {
    let twice = async |members: &str, text: &'static str| {
        let asked = asked(members, move |_| status(text)).await;
        asked.pod("pods", Operation::Create).await;
        asked.pod("pods", Operation::Create).await;
        asked.peer.asked().len()
    };
    assert_eq!(twice("", r#"{"allowed":true}"#).await, 1);
    assert_eq!(twice("", r#"{"allowed":false}"#).await, 1);
    assert_eq!(twice(", allowTTL: -1", r#"{"allowed":true}"#).await, 2);
    assert_eq!(twice(", denyTTL: -1", r#"{"allowed":false}"#).await, 2);
    assert_eq!(twice("", "3").await, 2);
}

#[tokio::test]
async fn without_an_answer_the_configuration_decides() {
    let failed = vec![("imagepolicywebhook.image-policy.k8s.io/failed-open".to_owned(), "true".to_owned())];
    let check = async |reply: Reply, requests: usize, text: &str| {
        let given = reply.clone();
        let open = asked(", defaultAllow: true, retryBackoff: 1", move |_| given.clone()).await;
        assert_eq!(open.pod("pods", Operation::Create).await, "");
        assert_eq!((open.audited(), open.peer.asked().len()), (failed.clone(), requests));
        let shut = asked(", retryBackoff: 1", move |_| reply.clone()).await;
        let refused = shut.pod("pods", Operation::Create).await;
        assert!(refused.starts_with("403 pods \"p\" is forbidden: ") && refused.contains(text), "{refused}");
        assert_eq!(shut.audited(), []);
    };
    check(Reply::Answer(500, "broken".to_owned()), 5, "an error on the server").await;
    check(Reply::Answer(404, String::new()), 1, "could not find the requested resource").await;
    check(Reply::ok("[]"), 1, "is no object").await;
    check(Reply::ok(r#"{"kind":"Pod","apiVersion":"v1"}"#), 1, "is of kind \"Pod\"").await;
    check(status(r#"{"auditAnnotations":{"a":3}}"#), 1, "auditAnnotations.a: must be a string").await;
}

#[test]
fn configurations_are_checked() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let kubeconfig = folder.path().join("kubeconfig");
    let hook = "current-context: a\ncontexts: [{name: a, context: {cluster: a}}]\nclusters: [{name: a, cluster: \
                {server: https://localhost}}]\n";
    std::fs::write(&kubeconfig, hook).expect("written");
    let build = |config: &Config| {
        let dependencies = Dependencies {
            objects: Arc::new(Fake::default()),
            authorizer: Mode::PrivilegedOnly.authorizer(),
            metrics: Registry::new(),
        };
        super::super::build(config, &dependencies).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let check = |members: &str, wanted: &str| {
        let said = build(&configuration(folder.path(), &kubeconfig, members));
        let wanted = match wanted {
            "" => String::new(),
            wanted => format!("admission plugin \"ImagePolicyWebhook\": {wanted}"),
        };
        assert_eq!(said, wanted, "{members}");
    };
    check("", "");
    check(", allowTTL: 1800, denyTTL: 1, retryBackoff: -1", "");
    check(", allowTTL: 1801", "valid value is between 1s and 30m0s, got 30m1s");
    check(", denyTTL: -2", "valid value is between 1s and 30m0s, got -2s");
    check(", retryBackoff: 300001", "valid value is between 1ns and 5m0s, got 5m0.001s");
    check(", allowTTL: x", "imagePolicy.allowTTL: must be a whole number");
    check(", defaultAllow: 1", "imagePolicy.defaultAllow: must be true or false");
    check(", retries: 1", "imagePolicy: unknown field \"retries\"");
    let none = Config { plugins: vec!["ImagePolicyWebhook"], ..Config::default() };
    assert!(build(&none).contains("no config specified"), "{}", build(&none));
    let missing = configuration(folder.path(), &folder.path().join("none"), "");
    assert!(build(&missing).contains("No such file"), "{}", build(&missing));
}
