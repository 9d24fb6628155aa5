//! What is asked, and what is made of answers.

use std::path::Path;

use keelson_apimachinery::Value;

use super::*;
use crate::authn::token_cache::Cached;
use crate::outbound::kubeconfig;
use crate::outbound::testing::{Peer, Reply};

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// One that asks the peer; it goes by `api` and `spare`.
fn tokens(peer: &Peer, directory: &Path, version: Version) -> WebhookTokens {
    let webhook = kubeconfig::read(&peer.kubeconfig(directory)).expect("a kubeconfig");
    WebhookTokens::new(webhook, version, strings(&["api", "spare"]))
}

fn answer(version: Version, status: &str) -> String {
    let version = version.api_version();
    format!(
        r#"{{"kind":"TokenReview","apiVersion":"{version}","metadata":{{}},"spec":{{}},"status":{status}}}"#
    )
}

const ANN: &str = r#"{"authenticated":true,"user":{"username":"ann","uid":"7","groups":["devs"],
    "extra":{"scopes":["a","b"],"none":null}}}"#;

#[tokio::test]
async fn a_review_is_posted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for version in [Version::V1, Version::V1Beta1] {
        let peer = Peer::start(move |_, _| Reply::ok(answer(version, ANN))).await;
        let tokens = tokens(&peer, directory.path(), version);
        let believed = tokens.judge("se\"cret", &strings(&["api"])).await.expect("told").expect("known");
        let user = &believed.user;
        assert_eq!((user.name.as_str(), user.uid.as_str()), ("ann", "7"));
        assert_eq!((&user.groups, &believed.audiences), (&strings(&["devs"]), &strings(&["api"])));
        assert_eq!(user.extra["scopes"], ["a", "b"]);
        let asked = peer.asked();
        let [asked] = asked.as_slice() else { panic!("one request: {asked:?}") };
        let tree = asked.tree();
        assert_eq!(
            (tree.str_at(&["kind"]), tree.str_at(&["apiVersion"])),
            ("TokenReview", version.api_version())
        );
        assert_eq!(tree.str_at(&["spec", "token"]), "se\"cret");
        assert_eq!(tree.at(&["spec", "audiences"]), Some(&Value::Array(vec!["api".into()])));
        assert_eq!((asked.head.method.as_str(), asked.header("content-type")), ("POST", "application/json"));
    }
}

#[tokio::test]
async fn answers_are_read_with_care() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let peer = Peer::start(|_, _| Reply::ok("")).await;
    let tokens = tokens(&peer, directory.path(), Version::V1);
    let check = |answer: &str, audiences: &[&str], wanted: Result<Option<(&str, &[&str])>, &str>| {
        let read = tokens.read(answer.as_bytes(), &strings(audiences));
        match (read, wanted) {
            (Ok(None), Ok(None)) => {}
            (Ok(Some(believed)), Ok(Some((name, audiences)))) => {
                assert_eq!(
                    (believed.user.name.as_str(), believed.audiences),
                    (name, strings(audiences)),
                    "{answer}"
                );
            }
            (Err(why), Err(wanted)) => assert!(why.contains(wanted), "{why}"),
            (read, _) => panic!("{answer}: {read:?}, not {wanted:?}"),
        }
    };
    let of = |status: &str| answer(Version::V1, status);
    check(&of(ANN), &["api"], Ok(Some(("ann", &["api"]))));
    check(&of(ANN), &["x", "spare", "api"], Ok(Some(("ann", &["api", "spare"]))));
    check(&of(ANN), &["x"], Ok(None));
    let for_some = |names: &str| {
        of(&format!(r#"{{"authenticated":true,"user":{{"username":"ann"}},"audiences":[{names}]}}"#))
    };
    check(&for_some(r#""b","x","a""#), &["a", "b"], Ok(Some(("ann", &["b", "a"]))));
    check(&for_some(r#""x""#), &["api"], Ok(None));
    check(&for_some(""), &["api"], Ok(Some(("ann", &["api"]))));
    check(&of(r#"{"authenticated":true}"#), &["api"], Ok(Some(("", &["api"]))));
    check(&of("{}"), &["api"], Ok(None));
    check(&of("null"), &["api"], Ok(None));
    check("{}", &["api"], Ok(None));
    check(&of(r#"{"error":"no such user"}"#), &["api"], Err("no such user"));
    check(&of(r#"{"error":"ignored","audiences":["x"]}"#), &["api"], Ok(None));
    check(&of(r#"{"authenticated":"yes"}"#), &["api"], Err("can't be read"));
    check(&of(r#"{"authenticated":true,"user":{"extra":{"a":[1]}}}"#), &["api"], Err("a is of another type"));
    check(&of(r#"{"user":[]}"#), &["api"], Err("user is of another type"));
    check(&of("[true]"), &["api"], Err("status is of another type"));
    check(&answer(Version::V1Beta1, ANN), &["api"], Err("no TokenReview of authentication.k8s.io/v1"));
    check(r#"{"kind":"Status","apiVersion":"v1"}"#, &["api"], Err("is a \"Status\" of \"v1\""));
    for broken in ["", "[]", "no", "{", "null"] {
        check(broken, &["api"], Err("can't be read"));
    }
}

#[tokio::test]
async fn failures_are_told_and_not_kept() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let peer = Peer::start(|number, _| match number {
        0 => Reply::Answer(403, "no".to_owned()),
        1 => Reply::ok(answer(Version::V1, r#"{"error":"come again"}"#)),
        2 => Reply::ok(answer(Version::V1, ANN)),
        3 => Reply::ok(answer(Version::V1, "{}")),
        _ => Reply::Answer(400, "too many".to_owned()),
    })
    .await;
    let tokens = Arc::new(tokens(&peer, directory.path(), Version::V1));
    let long = Duration::from_secs(3600);
    let cached = Cached::new(tokens, strings(&["api"]), long, long);
    let audiences = strings(&["api"]);
    let why = cached.judge("one", &audiences).await.expect_err("it is forbidden");
    assert_eq!(why, "forbidden: \"no\"");
    assert_eq!(cached.judge("one", &audiences).await.expect_err("an error"), "come again");
    for _ in 0..2 {
        let believed = cached.judge("one", &audiences).await.expect("told").expect("known");
        assert_eq!(believed.user.name, "ann");
        assert!(cached.judge("two", &audiences).await.expect("told").is_none());
    }
    assert_eq!(peer.asked().len(), 4);
    assert!(cached.recall("one").is_some() && cached.recall("two").is_none());
}
