//! Tokens for service accounts.

use keelson_apimachinery::{Status, Value};

use super::verbs::{Answer, Cluster};

const ROBOT: &str = "POST /api/v1/namespaces/n/serviceaccounts/robot/token";

/// A cluster with an account and what its tokens may be bound to.
async fn cluster() -> Cluster {
    let cluster = Cluster::new().await;
    let of = "POST /api/v1/namespaces/n/";
    cluster.ok(&format!("{of}serviceaccounts"), r#"{"metadata":{"name":"robot"}}"#).await;
    cluster.ok(&format!("{of}serviceaccounts"), r#"{"metadata":{"name":"other"}}"#).await;
    cluster.ok(&format!("{of}secrets"), r#"{"metadata":{"name":"tie"}}"#).await;
    let pod = |name: &str, node: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"serviceAccountName":"robot","nodeName":"{node}",
            "containers":[{{"name":"c","image":"i"}}]}}}}"#
        )
    };
    cluster.ok(&format!("{of}pods"), &pod("placed", "known")).await;
    cluster.ok(&format!("{of}pods"), &pod("lost", "unknown")).await;
    cluster.ok("POST /api/v1/nodes", r#"{"metadata":{"name":"known"}}"#).await;
    cluster
}

fn bound(kind: &str, name: &str, more: &str) -> String {
    format!(
        r#"{{"spec":{{"boundObjectRef":{{"apiVersion":"v1","kind":"{kind}","name":"{name}"{more}}},
        "expirationSeconds":3607}}}}"#
    )
}

/// What the token of an answer says.
fn claims(answer: &Answer) -> serde_json::Value {
    use base64::Engine;
    let token = answer.body.str_at(&["status", "token"]);
    let payload = token.split('.').nth(1).expect("three parts");
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}

#[tokio::test]
async fn a_token_says_whose_it_is() {
    let cluster = cluster().await;
    let made = cluster.ok(ROBOT, "{}").await;
    assert_eq!((made.code, made.body.str_at(&["kind"])), (201, "TokenRequest"));
    assert_eq!(made.body.at(&["spec", "expirationSeconds"]), Some(&Value::Int(3600)));
    let audiences = Value::Array(vec!["https://issuer".into()]);
    assert_eq!(made.body.at(&["spec", "audiences"]), Some(&audiences));
    let account = cluster.ok("GET /api/v1/namespaces/n/serviceaccounts/robot", "").await;
    let uid = account.body.str_at(&["metadata", "uid"]);
    assert_eq!(made.body.str_at(&["metadata", "uid"]), uid);
    let said = claims(&made);
    assert_eq!(said["kubernetes.io"]["serviceaccount"], serde_json::json!({"name": "robot", "uid": uid}));
    assert_eq!(
        (&said["sub"], &said["aud"][0]),
        (&"system:serviceaccount:n:robot".into(), &"https://issuer".into())
    );

    // A dry run gets one, too.
    let dry = cluster.ok(&format!("{ROBOT}?dryRun=All"), "{}").await;
    assert_ne!(dry.body.str_at(&["status", "token"]), "");

    let longer = cluster.ok(ROBOT, r#"{"spec":{"audiences":["vault"],"expirationSeconds":7201}}"#).await;
    assert_eq!(longer.body.at(&["spec", "expirationSeconds"]), Some(&Value::Int(7200)));
    let warning = "299 - \"requested expiration of 7201 seconds shortened to 7200 seconds\"";
    assert_eq!(longer.warnings, [warning]);
    let said = claims(&longer);
    assert_eq!(said["exp"].as_i64().zip(said["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(7200));
    assert_eq!(said["aud"], serde_json::json!(["vault"]));
    cluster.close().await;
}

#[tokio::test]
async fn a_token_is_bound_to_what_is_there() {
    let cluster = cluster().await;
    let (year, usual) = (31_536_000, 3607);
    let check = async |kind: &str, name: &str, names: &[(&str, &str, bool)], lasts: i64| {
        let made = cluster.ok(ROBOT, &bound(kind, name, "")).await;
        assert_eq!(made.body.at(&["spec", "expirationSeconds"]), Some(&Value::Int(usual)), "{kind}");
        let said = claims(&made);
        assert_eq!(said["exp"].as_i64().zip(said["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(lasts));
        let private = said["kubernetes.io"].as_object().expect("claims");
        for (member, name, has_uid) in names {
            assert_eq!(private[*member]["name"], *name);
            assert_eq!(private[*member].get("uid").is_some(), *has_uid, "{member}");
        }
        // The namespace and the account, and when to warn.
        let more = if lasts == year { 3 } else { 2 };
        assert_eq!(private.len(), names.len() + more, "{private:?}");
    };
    check("Secret", "tie", &[("secret", "tie", true)], usual).await;
    check("Node", "known", &[("node", "known", true)], usual).await;
    check("Pod", "placed", &[("pod", "placed", true), ("node", "known", true)], year).await;
    check("Pod", "lost", &[("pod", "lost", true), ("node", "unknown", false)], year).await;
    cluster.close().await;
}

#[tokio::test]
async fn requests_are_checked() {
    let cluster = cluster().await;
    let check = async |line: &str, body: &str, code: u16, message: &str| {
        cluster.refused(line, body, code, message).await;
    };
    let invalid =
        |name: &str, why: &str| format!("TokenRequest.authentication.k8s.io {name:?} is invalid: {why}");
    for (seconds, why) in [
        ("599", "may not specify a duration less than 10 minutes"),
        ("-1", "may not specify a duration less than 10 minutes"),
        ("4294967297", "may not specify a duration larger than 2^32 seconds"),
    ] {
        let body = format!(r#"{{"spec":{{"expirationSeconds":{seconds}}}}}"#);
        let why = format!("spec.expirationSeconds: Invalid value: {seconds}: {why}");
        check(ROBOT, &body, 422, &invalid("", &why)).await;
    }
    let why = "metadata.name: Invalid value: \"x\": must match the service account name if specified";
    check(ROBOT, r#"{"metadata":{"name":"x"}}"#, 422, &invalid("robot", why)).await;
    let other = "the namespace of the provided object does not match the namespace sent on the request";
    check(ROBOT, r#"{"metadata":{"namespace":"x"}}"#, 400, other).await;
    let none = ROBOT.replace("robot", "none");
    check(&none, "{}", 404, Status::not_found("", "serviceaccounts", "none").message()).await;
    for (kind, plural) in [("Pod", "pods"), ("Secret", "secrets"), ("Node", "nodes")] {
        let missing = Status::not_found("", plural, "none");
        check(ROBOT, &bound(kind, "none", ""), 404, missing.message()).await;
    }
    let why = "cannot bind token to object of type /v1, Kind=ConfigMap";
    check(ROBOT, &bound("ConfigMap", "x", ""), 400, why).await;
    let of_other =
        "cannot bind token for serviceaccount \"other\" to pod running with different serviceaccount name.";
    check(&ROBOT.replace("robot", "other"), &bound("Pod", "placed", ""), 400, of_other).await;

    let answer = cluster.send(ROBOT, &bound("Secret", "tie", r#","uid":"u""#)).await;
    let message = answer.body.str_at(&["message"]);
    assert!(
        message.starts_with("Operation cannot be fulfilled on Secret \"tie\": the UID in the bound object")
    );
    assert_eq!(answer.code, 409);
    let answer = cluster.send(ROBOT, r#"{"metadata":{"uid":"u"}}"#).await;
    let message = answer.body.str_at(&["message"]);
    let begin =
        "Operation cannot be fulfilled on TokenRequest.authentication.k8s.io \"robot\": the UID in the token";
    assert!(message.starts_with(begin), "{message}");
    assert_eq!(answer.code, 409);
    cluster.close().await;
}

#[tokio::test]
async fn nobody_knows_other_tokens() {
    let cluster = Cluster::new().await;
    let line = "POST /apis/authentication.k8s.io/v1/tokenreviews";
    let answer = cluster.ok(line, r#"{"spec":{"token":"nonsense"}}"#).await;
    assert_eq!(answer.body.str_at(&["status", "error"]), "invalid bearer token");
    assert_eq!(answer.body.at(&["status", "authenticated"]), None);
    cluster.refused(line, "{}", 400, "token is required for TokenReview in authentication").await;
    cluster.close().await;
}
