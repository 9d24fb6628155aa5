//! Who may do what, and the texts of refusals.

use super::*;
use crate::request::{RequestInfo, UserInfo};

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo {
        name: name.to_owned(),
        groups: groups.iter().map(ToString::to_string).collect(),
        ..UserInfo::default()
    }
}

fn info(request: &str) -> RequestInfo {
    let (method, uri) = request.split_once(' ').expect("METHOD URI");
    RequestInfo::parse(&method.parse().expect("a method"), &uri.parse().expect("a URI")).expect("readable")
}

#[tokio::test]
async fn modes_decide() {
    let check = async |mode: Mode, user: UserInfo, request: &str, allowed: bool| {
        let info = info(request);
        let verdict = mode.authorizer().authorize(&Attributes::of(&user, &info)).await;
        assert_eq!(verdict.decision == Decision::Allow, allowed, "{mode:?} {} {request}", user.name);
    };
    let admin = || user("admin", &["system:masters", "system:authenticated"]);
    let alice = || user("alice", &["devs", "system:authenticated"]);
    let nobody = || user("system:anonymous", &["system:unauthenticated"]);
    for request in ["GET /api/v1/pods", "DELETE /api/v1/nodes/a", "GET /", "POST /healthz"] {
        check(Mode::PrivilegedOnly, admin(), request, true).await;
        check(Mode::PrivilegedOnly, alice(), request, false).await;
        check(Mode::PrivilegedOnly, nobody(), request, false).await;
        check(Mode::AlwaysAllow, nobody(), request, true).await;
    }
    for request in ["GET /healthz", "GET /livez?verbose", "GET /readyz", "GET /version", "GET /version/"] {
        check(Mode::PrivilegedOnly, alice(), request, true).await;
        check(Mode::PrivilegedOnly, nobody(), request, true).await;
    }
    for request in ["GET /healthz/etcd", "HEAD /readyz", "GET /versions", "GET /metrics"] {
        check(Mode::PrivilegedOnly, nobody(), request, false).await;
    }
}

#[test]
fn refusals_read_as_upstreams() {
    let check = |request: &str, message: &str| {
        let (alice, info) = (user("alice", &[]), info(request));
        let status = forbidden(&Attributes::of(&alice, &info), "");
        assert_eq!((status.code(), status.reason(), status.message()), (403, "Forbidden", message));
    };
    check(
        "GET /api/v1/namespaces/default/pods",
        r#"pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default""#,
    );
    check(
        "GET /api/v1/namespaces/default/pods/x",
        r#"pods "x" is forbidden: User "alice" cannot get resource "pods" in API group "" in the namespace "default""#,
    );
    check(
        "PUT /apis/apps/v1/namespaces/d/deployments/x/scale",
        r#"deployments.apps "x" is forbidden: User "alice" cannot update resource "deployments/scale" in API group "apps" in the namespace "d""#,
    );
    check(
        "GET /api/v1/nodes",
        r#"nodes is forbidden: User "alice" cannot list resource "nodes" in API group "" at the cluster scope"#,
    );
    check("GET /", r#"forbidden: User "alice" cannot get path "/""#);
    check("POST /a%3Cb%3E&c", r#"forbidden: User "alice" cannot post path "/a&lt;b&gt;&amp;c""#);
}

#[tokio::test]
async fn the_first_decision_counts_and_reasons_are_kept() {
    use Decision::{Allow, Deny, NoOpinion};
    struct Says(Verdict);
    #[async_trait::async_trait]
    impl Authorizer for Says {
        async fn authorize(&self, _: &Attributes<'_>) -> Verdict {
            self.0.clone()
        }
    }
    let says = |decision, reason: &'static str| Verdict::new(decision, reason);
    let fails = |text: &str| Verdict::failed(NoOpinion, text);
    let check = async |all: Vec<Verdict>, wanted| {
        let union = Union::new(all.into_iter().map(|v| Box::new(Says(v)) as Box<dyn Authorizer>).collect());
        let (user, info) = (user("a", &[]), info("GET /"));
        assert_eq!(union.authorize(&Attributes::of(&user, &info)).await, wanted);
    };
    check(vec![says(NoOpinion, "a"), says(Deny, "b"), says(Allow, "")], says(Deny, "b")).await;
    check(vec![fails("x"), says(Allow, "")], says(Allow, "")).await;
    check(vec![says(NoOpinion, "a"), says(NoOpinion, ""), says(NoOpinion, "b")], says(NoOpinion, "a\nb"))
        .await;
    let failed = Verdict { reason: "a".into(), ..fails("[x, y]") };
    check(vec![fails("x"), says(NoOpinion, "a"), fails("y"), fails("x")], failed).await;
    let denied = Verdict::failed(Deny, "down");
    check(vec![denied.clone(), says(Allow, "")], denied).await;
}
