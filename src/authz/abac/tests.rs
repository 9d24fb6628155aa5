//! What lines of policies allow, and what is said of lines that are none.

use super::*;
use crate::request::RequestInfo;

fn user(name: &str, groups: &[&str]) -> UserInfo {
    let groups = groups.iter().map(ToString::to_string).collect();
    UserInfo { name: name.to_owned(), groups, ..UserInfo::default() }
}

fn v1(spec: &str) -> String {
    format!(r#"{{"apiVersion":"{V1BETA1}","kind":"Policy","spec":{{{spec}}}}}"#)
}

async fn allows(lines: &str, user: &UserInfo, request: &str) -> bool {
    let policies = Policies::parse(lines.as_bytes()).expect(lines);
    let (method, uri) = request.split_once(' ').expect("METHOD URI");
    let info = RequestInfo::parse(&method.parse().expect("a method"), &uri.parse().expect("a URI"));
    let verdict = policies.authorize(&Attributes::of(user, &info.expect("readable"))).await;
    let reason = if verdict.is_allowed() { "" } else { "No policy matched." };
    assert_eq!((verdict.reason.as_ref(), verdict.error.as_deref()), (reason, None));
    verdict.is_allowed()
}

#[tokio::test]
async fn lines_allow_what_they_say() {
    let alice = || user("alice", &["devs", AUTHENTICATED]);
    let bob = || user("bob", &[AUTHENTICATED]);
    let nobody = || user("system:anonymous", &["system:unauthenticated"]);
    let check = async |spec: &str, user: UserInfo, request: &str, allowed: bool| {
        assert_eq!(allows(&v1(spec), &user, request).await, allowed, "{spec}: {} {request}", user.name);
    };
    let pods = r#""resource":"pods","namespace":"a","apiGroup":"""#;
    for (subject, of_alice, of_bob) in [
        (r#""user":"alice""#, true, false),
        (r#""group":"devs""#, true, false),
        (r#""user":"alice","group":"devs""#, true, false),
        (r#""user":"bob","group":"devs""#, false, false),
        (r#""user":"*""#, true, true),
        (r#""group":"*""#, true, true),
        (r#""user":"bob","group":"*""#, true, true),
        (r#""readonly":false"#, false, false),
    ] {
        let spec = format!("{subject},{pods}");
        check(&spec, alice(), "POST /api/v1/namespaces/a/pods", of_alice).await;
        check(&spec, bob(), "POST /api/v1/namespaces/a/pods", of_bob).await;
        check(&spec, nobody(), "POST /api/v1/namespaces/a/pods", false).await;
    }
    let spec = |rest: &str| format!(r#""user":"alice",{rest}"#);
    for (rest, request, allowed) in [
        (pods, "GET /api/v1/namespaces/a/pods/x/log", true),
        (pods, "GET /api/v1/namespaces/b/pods", false),
        (pods, "GET /api/v1/namespaces/a/secrets", false),
        (pods, "GET /apis/metrics.k8s.io/v1/namespaces/a/pods", false),
        (pods, "GET /api/v1/pods", false),
        (pods, "GET /healthz", false),
        (
            r#""resource":"*","namespace":"*","apiGroup":"*""#,
            "DELETE /apis/apps/v1/namespaces/z/deployments/x",
            true,
        ),
        (r#""resource":"*","namespace":"*","apiGroup":"*""#, "GET /api/v1/nodes", true),
        (r#""resource":"*","namespace":"*","apiGroup":"*""#, "GET /healthz", false),
        (r#""resource":"nodes""#, "GET /api/v1/nodes", true),
        (r#""readonly":true,"resource":"*","namespace":"*","apiGroup":"*""#, "GET /api/v1/nodes", true),
        (
            r#""readonly":true,"resource":"*","namespace":"*","apiGroup":"*""#,
            "GET /api/v1/nodes?watch=1",
            true,
        ),
        (r#""readonly":true,"resource":"*","namespace":"*","apiGroup":"*""#, "POST /api/v1/nodes", false),
        (r#""readonly":true,"resource":"*","namespace":"*","apiGroup":"*""#, "DELETE /api/v1/nodes", false),
        (r#""nonResourcePath":"*""#, "GET /metrics", true),
        (r#""nonResourcePath":"*""#, "GET /api/v1/nodes", false),
        (r#""nonResourcePath":"/apis*""#, "GET /apis/apps", true),
        (r#""nonResourcePath":"/apis/*""#, "GET /apis", false),
        (r#""nonResourcePath":"/metrics""#, "GET /metrics", true),
        (r#""nonResourcePath":"/metrics""#, "GET /metrics/slis", false),
        (r#""nonResourcePath":"/metrics","readonly":true"#, "POST /metrics", false),
    ] {
        check(&spec(rest), alice(), request, allowed).await;
    }
}

#[tokio::test]
async fn lines_without_version_mean_everything_that_they_leave_out() {
    let (alice, nobody) = (user("alice", &[AUTHENTICATED]), user("system:anonymous", &[]));
    let check = async |line: &str, user: &UserInfo, request: &str, allowed: bool| {
        assert_eq!(allows(line, user, request).await, allowed, "{line}: {} {request}", user.name);
    };
    for line in ["{}", r#"{"user":"*"}"#, r#"{"group":"*"}"#, r#"{"user":"alice"}"#] {
        check(line, &alice, "DELETE /apis/apps/v1/namespaces/z/deployments/x", true).await;
        check(line, &alice, "GET /metrics", true).await;
        check(line, &nobody, "GET /metrics", false).await;
    }
    check(r#"{"user":"bob"}"#, &alice, "GET /metrics", false).await;
    check(r#"{"namespace":"a"}"#, &alice, "GET /api/v1/namespaces/a/pods", true).await;
    check(r#"{"namespace":"a"}"#, &alice, "GET /api/v1/namespaces/b/pods", false).await;
    check(r#"{"namespace":"a"}"#, &alice, "GET /metrics", false).await;
    check(r#"{"resource":"pods","readonly":true}"#, &alice, "GET /api/v1/pods", true).await;
    check(r#"{"resource":"pods","readonly":true}"#, &alice, "POST /api/v1/pods", false).await;
    let explicit = format!(r#"{{"apiVersion":"{V0}","kind":"Policy","user":"alice"}}"#);
    check(&explicit, &alice, "GET /metrics", true).await;
}

#[test]
fn comments_and_blank_lines_say_nothing_and_wrong_lines_are_named() {
    let text = format!("# who may what\n\n  \n{}\n  # more\r\n{}\n", v1(r#""user":"a""#), r#"{"user":"b"}"#);
    assert_eq!(Policies::parse(text.as_bytes()).expect("policies").policies.len(), 2);
    assert_eq!(Policies::parse(b""), Ok(Policies::default()));
    let check = |line: &str, wanted: &str| {
        let failure = Policies::parse(format!("\n{line}\n").as_bytes()).expect_err(line);
        assert!(failure.starts_with(&format!(", line 2: {line}: ")) && failure.contains(wanted), "{failure}");
    };
    check("{", "yaml: ");
    check("[]", "expected an object");
    check("{\"user\": 3}", "user: invalid type: integer `3`, expected a string");
    check(&v1(r#""readonly":"yes""#), "spec.readonly: invalid type: string");
    check(
        r#"{"kind":"Policy","apiVersion":"x/v1"}"#,
        "no kind \"Policy\" is registered for version \"x/v1\"",
    );
    check(&format!(r#"{{"kind":"Pod","apiVersion":"{V1BETA1}"}}"#), "no kind \"Pod\" is registered");
    let long = format!("{{\"user\":\"{}\"}}", "x".repeat(MAXIMAL_LINE));
    assert_eq!(Policies::parse(long.as_bytes()), Err(": bufio.Scanner: token too long".to_owned()));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "[]").expect("written");
    let failure = Policies::read(file.path()).expect_err("no policy");
    let wanted = format!("error reading policy file {}, line 1: []: ", file.path().display());
    assert!(failure.starts_with(&wanted), "{failure}");
}

#[tokio::test]
async fn rules_can_be_listed() {
    let lines = [
        v1(r#""user":"alice","resource":"pods","namespace":"a","readonly":true"#),
        v1(r#""user":"alice","resource":"*","namespace":"b","apiGroup":"*""#),
        v1(r#""user":"alice","nonResourcePath":"/x","namespace":"*""#),
        v1(r#""user":"alice","nonResourcePath":"/y""#),
        v1(r#""user":"bob","resource":"*","namespace":"*""#),
    ];
    let policies = Policies::parse(lines.join("\n").as_bytes()).expect("policies");
    let texts = |list: &[&str]| list.iter().map(|text| (*text).into()).collect::<Vec<_>>();
    let pods = Rule {
        verbs: texts(&["get", "list", "watch"]),
        api_groups: texts(&[""]),
        resources: texts(&["pods"]),
        ..Rule::default()
    };
    let path = Rule { verbs: texts(&["*"]), non_resource_urls: texts(&["/x"]), ..Rule::default() };
    let rules = policies.rules_for(&user("alice", &[]), "a").await;
    assert_eq!(rules, Rules { rules: vec![pods, path], ..Rules::default() });
    assert_eq!(policies.rules_for(&user("carol", &[]), "a").await, Rules::default());
}
