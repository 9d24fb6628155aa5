//! What webhooks are asked, and what becomes of their answers.

use std::path::Path;

use keelson_base::metrics::Registry;

use super::*;
use crate::outbound::Backoff;
use crate::outbound::testing::{Peer, Reply};
use crate::request::RequestInfo;

struct Bench {
    peer: Peer,
    authorizer: WebhookAuthorizer,
    registry: Registry,
    _folder: tempfile::TempDir,
}

fn settings(kubeconfig: &Path) -> Settings {
    Settings {
        kubeconfig: kubeconfig.to_owned(),
        version: ReviewVersion::V1,
        authorized_ttl: Duration::from_secs(300),
        unauthorized_ttl: Duration::from_secs(300),
        timeout: Duration::from_secs(20),
        on_failure: Decision::NoOpinion,
        conditions: Vec::new(),
    }
}

fn bench(peer: Peer, change: impl FnOnce(&mut Settings)) -> Bench {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut settings = settings(&peer.kubeconfig(folder.path()));
    change(&mut settings);
    let registry = Registry::new();
    let metrics = AuthorizationMetrics::new(&registry).expect("metrics");
    let authorizer = WebhookAuthorizer::new("hook", settings, metrics).expect("an authorizer");
    let authorizer = authorizer.retried(Backoff::beginning_with(Duration::from_millis(1)));
    Bench { peer, authorizer, registry, _folder: folder }
}

impl Bench {
    async fn ask(&self, request: &str) -> Verdict {
        self.ask_as(&alice(), request).await
    }

    async fn ask_as(&self, user: &UserInfo, request: &str) -> Verdict {
        let (method, uri) = request.split_once(' ').expect("METHOD URI");
        let info = RequestInfo::parse(&method.parse().expect("a method"), &uri.parse().expect("a URI"));
        self.authorizer.authorize(&Attributes::of(user, &info.expect("readable"))).await
    }

    /// The sample with this beginning.
    fn counted(&self, sample: &str) -> u64 {
        let text = self.registry.encode().expect("metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
        line.unwrap_or(0)
    }

    fn results(&self, result: &str) -> u64 {
        let name = "apiserver_authorization_webhook_evaluations_total";
        self.counted(&format!("{name}{{name=\"hook\",result=\"{result}\"}}"))
    }

    fn failed_open(&self, result: &str) -> u64 {
        let name = "apiserver_authorization_webhook_evaluations_fail_open_total";
        self.counted(&format!("{name}{{name=\"hook\",result=\"{result}\"}}"))
    }
}

fn alice() -> UserInfo {
    UserInfo {
        name: "alice".to_owned(),
        uid: "u1".to_owned(),
        groups: vec!["devs".to_owned(), "all".to_owned()],
        extra: [("scopes".to_owned(), vec!["a".to_owned(), "b".to_owned()])].into(),
    }
}

fn status(status: &str) -> Reply {
    Reply::ok(format!(
        "{{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"status\":{status}}}"
    ))
}

#[tokio::test]
async fn the_status_decides() {
    let check = async |text: &'static str, wanted: Verdict| {
        let bench = bench(Peer::start(move |_, _| status(text)).await, |_| {});
        assert_eq!(bench.ask("GET /api/v1/nodes").await, wanted, "{text}");
        assert_eq!((bench.results("success"), bench.failed_open("success")), (1, 0));
    };
    check(r#"{"allowed":true,"reason":"is fine"}"#, Verdict::new(Decision::Allow, "is fine")).await;
    check(r#"{"allowed":true,"denied":null}"#, Verdict::allow()).await;
    check(r#"{"allowed":false,"reason":"why"}"#, Verdict::new(Decision::NoOpinion, "why")).await;
    check(r#"{"denied":true,"reason":"bad"}"#, Verdict::new(Decision::Deny, "bad")).await;
    check("null", Verdict::no_opinion()).await;
    let both = "webhook subject access review returned both allow and deny response";
    let wanted = Verdict { error: Some(both.to_owned()), ..Verdict::new(Decision::Deny, "") };
    check(r#"{"allowed":true,"denied":true}"#, wanted).await;
}

#[tokio::test]
async fn the_review_says_who_asks_for_what() {
    let check = async |version: ReviewVersion, request: &str, body: &str| {
        let peer = Peer::start(|_, _| Reply::ok(r#"{"status":{"allowed":true}}"#)).await;
        let bench = bench(peer, |settings| settings.version = version);
        assert!(bench.ask(request).await.is_allowed(), "{request}");
        let asked = bench.peer.asked();
        assert_eq!(std::str::from_utf8(&asked[0].body).expect("text"), body);
        assert_eq!(asked[0].head.uri.query(), Some("timeout=20s"));
    };
    let who = r#""user":"alice","groups":["devs","all"],"extra":{"scopes":["a","b"]},"uid":"u1""#;
    let whole = |version: &str, spec: &str| {
        format!(
            "{{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/{version}\",\"metadata\":{{}},\
             \"spec\":{{{spec}}},\"status\":{{\"allowed\":false}}}}"
        )
    };
    let path = format!(r#""nonResourceAttributes":{{"path":"/metrics","verb":"get"}},{who}"#);
    check(ReviewVersion::V1, "GET /metrics", &whole("v1", &path)).await;
    check(ReviewVersion::V1beta1, "GET /metrics", &whole("v1beta1", &path.replace("groups", "group"))).await;
    let named = r#"{"namespace":"d","verb":"update","group":"apps","version":"v1","resource":"deployments","subresource":"scale","name":"x"}"#;
    let named = whole("v1", &format!(r#""resourceAttributes":{named},{who}"#));
    check(ReviewVersion::V1, "PUT /apis/apps/v1/namespaces/d/deployments/x/scale", &named).await;
    let selected = concat!(
        r#"{"verb":"list","version":"v1","resource":"pods","fieldSelector":{"requirements":["#,
        r#"{"key":"spec.nodeName","operator":"In","values":["n"]},{"key":"status.phase","operator":"NotIn","values":["x"]}]},"#,
        r#""labelSelector":{"requirements":[{"key":"a","operator":"In","values":["b"]},{"key":"c","operator":"Exists"},"#,
        r#"{"key":"d","operator":"DoesNotExist"},{"key":"e","operator":"NotIn","values":["f"]}]}}"#
    );
    check(
        ReviewVersion::V1,
        "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn,status.phase!%3Dx&labelSelector=a%3Db,c,!d,e!%3Df,g%3E1",
        &whole("v1", &format!(r#""resourceAttributes":{selected},{who}"#)),
    )
    .await;
}

#[tokio::test]
async fn answers_are_remembered_for_their_time() {
    let peer = Peer::start(|_, asked| {
        let tree = asked.tree();
        let allowed = tree.str_at(&["spec", "resourceAttributes", "verb"]) == "get";
        status(&format!("{{\"allowed\":{allowed}}}"))
    })
    .await;
    let bench = bench(peer, |settings| settings.unauthorized_ttl = Duration::ZERO);
    for _ in 0..3 {
        assert!(bench.ask("GET /api/v1/nodes/a").await.is_allowed());
        assert!(!bench.ask("DELETE /api/v1/nodes/a").await.is_allowed());
    }
    assert_eq!(bench.peer.asked().len(), 4, "a yes is remembered, a no is not");
    assert!(bench.ask("GET /api/v1/nodes/b").await.is_allowed());
    assert!(bench.ask_as(&UserInfo::default(), "GET /api/v1/nodes/a").await.is_allowed());
    assert_eq!(bench.peer.asked().len(), 6, "another name and another user are other questions");
    for length in [9_900, 10_000] {
        let request = format!("GET /api/v1/nodes/{}", "x".repeat(length));
        for _ in 0..2 {
            assert!(bench.ask(&request).await.is_allowed());
        }
    }
    assert_eq!(bench.peer.asked().len(), 10, "nothing that a client made long is remembered");
}

#[tokio::test]
async fn short_questions_are_remembered_up_to_the_bound() {
    let bench = bench(Peer::start(|_, _| status(r#"{"allowed":true}"#)).await, |_| {});
    // The path holds the name once more.
    let request = format!("GET /api/v1/nodes/{}", "x".repeat(4_900));
    for _ in 0..2 {
        assert!(bench.ask(&request).await.is_allowed());
    }
    assert_eq!(bench.peer.asked().len(), 1);
}

#[tokio::test]
async fn the_failure_policy_holds_where_there_is_no_answer() {
    let check = async |reply: Reply, requests: u64, result: &str, text: &str| {
        for on_failure in [Decision::NoOpinion, Decision::Deny] {
            let given = reply.clone();
            let bench = bench(Peer::start(move |_, _| given.clone()).await, |settings| {
                settings.on_failure = on_failure;
                settings.timeout = Duration::from_millis(300);
            });
            let verdict = bench.ask("GET /api/v1/nodes").await;
            let why = verdict.error.clone().unwrap_or_default();
            assert_eq!((verdict.decision, &*verdict.reason), (on_failure, ""), "{reply:?}: {why}");
            assert!(why.contains(text), "{reply:?}: {why}");
            let open = u64::from(on_failure == Decision::NoOpinion);
            assert_eq!((bench.results(result), bench.failed_open(result)), (requests, open), "{reply:?}");
            assert_eq!(bench.peer.asked().len() as u64, requests, "{reply:?}");
        }
    };
    check(Reply::Answer(500, "broken".to_owned()), 5, "error", "an error on the server (\"broken\")").await;
    check(Reply::Answer(504, String::new()), 5, "timeout", "unable to return a response in the time").await;
    check(Reply::Answer(403, String::new()), 1, "error", "forbidden").await;
    check(Reply::Hang, 1, "timeout", "deadline exceeded").await;
    check(Reply::ok(""), 1, "error", "").await;
    check(Reply::ok("{"), 1, "error", "").await;
    check(Reply::ok("[]"), 1, "error", "is no object").await;
    check(Reply::ok("x".repeat(9 << 20)), 1, "error", "larger than").await;
    check(status("3"), 1, "error", "status: must be an object").await;
    check(status(r#"{"allowed":"true"}"#), 1, "error", "status.allowed: must be true or false").await;
    check(status(r#"{"reason":{}}"#), 1, "error", "status.reason: must be a string").await;
    check(Reply::ok(r#"{"kind":"Pod","apiVersion":"v1"}"#), 1, "error", "is of kind \"Pod\"").await;
    let old = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1beta1"}"#;
    check(Reply::ok(old), 1, "error", "version \"authorization.k8s.io/v1beta1\"").await;
}

#[tokio::test]
async fn failures_are_not_remembered_and_those_in_passing_are_tried_again() {
    let peer = Peer::start(|n, _| match n {
        0 => Reply::Answer(403, String::new()),
        1 | 2 => Reply::Answer(500, String::new()),
        _ => status(r#"{"allowed":true}"#),
    })
    .await;
    let bench = bench(peer, |_| {});
    assert!(!bench.ask("GET /api/v1/nodes").await.is_allowed());
    assert!(bench.ask("GET /api/v1/nodes").await.is_allowed());
    assert_eq!((bench.peer.asked().len(), bench.results("error"), bench.results("success")), (4, 3, 1));
}

#[tokio::test]
async fn a_decision_that_nobody_waits_for_is_counted() {
    let bench = bench(Peer::start(|_, _| Reply::Hang).await, |_| {});
    let asked = tokio::time::timeout(Duration::from_millis(200), bench.ask("GET /api/v1/nodes")).await;
    assert!(asked.is_err());
    assert_eq!((bench.results("canceled"), bench.failed_open("canceled")), (1, 0));
}

#[tokio::test]
async fn rules_can_not_be_listed() {
    let bench = bench(Peer::start(|_, _| Reply::Hang).await, |_| {});
    let rules = bench.authorizer.rules_for(&alice(), "default").await;
    assert!(rules.incomplete && rules.rules.is_empty());
    assert_eq!(rules.errors, ["webhook authorizer does not support user rule resolution"]);
}

#[tokio::test]
async fn the_webhook_is_asked_where_all_conditions_hold() {
    let check = async |conditions: &[&str],
                       request: &str,
                       on_failure: Decision,
                       wanted: Result<bool, &str>| {
        let peer = Peer::start(|_, _| status(r#"{"denied":true}"#)).await;
        let bench = bench(peer, |settings| {
            settings.conditions = conditions.iter().map(ToString::to_string).collect();
            settings.on_failure = on_failure;
        });
        let verdict = bench.ask(request).await;
        let asked = bench.peer.asked().len();
        let decision = match wanted {
            Ok(true) => Decision::Deny,
            Ok(false) => Decision::NoOpinion,
            Err(_) => on_failure,
        };
        let error = wanted.err().unwrap_or_default();
        let said = verdict.error.unwrap_or_default();
        assert_eq!(
            (verdict.decision, asked),
            (decision, usize::from(wanted == Ok(true))),
            "{conditions:?}: {said}"
        );
        assert_eq!(said, error, "{conditions:?}");
        let counted = |name: &str| {
            let name = format!("apiserver_authorization_match_condition_{name}");
            bench.counted(&format!("{name}{{name=\"hook\",type=\"Webhook\"}}"))
        };
        let counts = ["evaluation_seconds_count", "exclusions_total", "evaluation_errors_total"].map(counted);
        assert_eq!(counts, [1, u64::from(wanted == Ok(false)), u64::from(wanted.is_err())], "{conditions:?}");
    };
    let node = "GET /api/v1/nodes/a";
    for (condition, holds) in [
        ("has(request.resourceAttributes)", true),
        ("has(request.nonResourceAttributes)", false),
        ("request.user == 'alice' && request.uid == 'u1' && 'devs' in request.groups", true),
        ("request.extra['scopes'] == ['a', 'b']", true),
        ("request.resourceAttributes.namespace == '' && request.resourceAttributes.group == ''", true),
        ("request.resourceAttributes.resource == 'nodes' && request.resourceAttributes.name == 'a'", true),
        ("request.resourceAttributes.verb == 'list'", false),
        ("request.resourceAttributes.subresource == '' && request.resourceAttributes.version == 'v1'", true),
        ("has(request.resourceAttributes.labelSelector)", false),
        ("!('system:serviceaccounts:kube-system' in request.groups)", true),
    ] {
        check(&[condition], node, Decision::NoOpinion, Ok(holds)).await;
    }
    let selected = "request.resourceAttributes.fieldSelector.requirements.exists(r, r.key == 'spec.nodeName' && \
                    r.operator == 'In' && r.values == ['n'])";
    check(&[selected], "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn", Decision::Deny, Ok(true)).await;
    check(&["request.nonResourceAttributes.path == '/metrics'"], "GET /metrics", Decision::Deny, Ok(true))
        .await;
    let (yes, no, fails) = ("true || request.uid == ''", "request.uid == ''", "request.extra['x'] == []");
    check(&[yes, "request.uid != ''"], node, Decision::Deny, Ok(true)).await;
    check(&[yes, no], node, Decision::Deny, Ok(false)).await;
    check(&[fails, no], node, Decision::Deny, Ok(false)).await;
    let error =
        "cel evaluation error: expression 'request.extra['x'] == []' resulted in error: no such key: x";
    check(&[yes, fails], node, Decision::Deny, Err(error)).await;
    check(&[fails, yes], node, Decision::NoOpinion, Err(error)).await;
    let absent = "request.nonResourceAttributes.path == '/'";
    let both = format!(
        "[{error}, cel evaluation error: expression '{absent}' resulted in error: no such key: nonResourceAttributes]"
    );
    check(&[fails, absent], node, Decision::Deny, Err(&both)).await;
}
