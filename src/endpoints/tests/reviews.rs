//! Access reviews: what the authorizer is asked, and what of its verdict the client sees.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Value;

use super::verbs::Cluster;
use crate::authz::{Attributes, Authorizer, Decision, Verdict};

/// Decides by the verb, and says what it was asked.
struct Telling;

#[async_trait]
impl Authorizer for Telling {
    async fn authorize(&self, a: &Attributes<'_>) -> Verdict {
        let fields = a.selectors.fields.requirements.iter();
        let fields: Vec<String> = fields.map(|r| format!("{}{:?}{}", r.field, r.operator, r.value)).collect();
        let labels: Vec<String> = a.selectors.labels.requirements.iter().map(ToString::to_string).collect();
        let what = match a.is_resource_request {
            true => format!(
                "{}.{}.{}/{} {}/{}",
                a.resource, a.version, a.group, a.subresource, a.namespace, a.name
            ),
            false => a.path.to_owned(),
        };
        let text = format!("{} {what} [{}] [{}]", a.user.name, fields.join(","), labels.join(","));
        match a.verb {
            "allow" => Verdict::new(Decision::Allow, text),
            "deny" => Verdict::failed(Decision::Deny, "broken"),
            "fail" => Verdict { reason: text.into(), ..Verdict::failed(Decision::NoOpinion, "broken") },
            _ => Verdict::new(Decision::NoOpinion, text),
        }
    }
}

async fn cluster() -> Cluster {
    Cluster::with_authorizer(Arc::new(Telling)).await
}

/// The members of a review's status: `allowed denied reason evaluationError`.
fn told(status: Option<&Value>) -> (bool, bool, &str, &str) {
    let status = status.expect("a status");
    let flag = |key: &str| status.get(key).and_then(Value::as_bool).unwrap_or(false);
    (flag("allowed"), flag("denied"), status.str_at(&["reason"]), status.str_at(&["evaluationError"]))
}

#[tokio::test]
async fn reviews_ask_and_tell_all() {
    let cluster = cluster().await;
    let check = async |spec: &str, expected: (bool, bool, &str, &str)| {
        let answer = cluster
            .ok(
                "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                &format!(r#"{{"spec":{{{spec}}}}}"#),
            )
            .await;
        assert_eq!(told(answer.body.get("status")), expected, "{spec}");
    };
    let of = |rest: &str| format!(r#""resourceAttributes":{{"verb":"allow","resource":"pods"{rest}}}"#);
    check(&of(""), (true, false, "admin pods.*./ / [] []", "")).await;
    let all = r#","group":"g","version":"v2","subresource":"s","namespace":"n","name":"x""#;
    check(&of(all), (true, false, "admin pods.v2.g/s n/x [] []", "")).await;
    let deny = of("").replace("allow", "deny");
    check(&deny, (false, true, "", "broken")).await;
    check(&of("").replace("allow", "fail"), (false, false, "admin pods.*./ / [] []", "broken")).await;
    check(r#""nonResourceAttributes":{"verb":"get","path":"/x"}"#, (false, false, "admin /x [] []", ""))
        .await;

    let selected =
        |fields: &str, labels: &str| of(&format!(r#","fieldSelector":{fields},"labelSelector":{labels}"#));
    check(
        &selected(r#"{"rawSelector":"a=1,b!=2"}"#, r#"{"rawSelector":"x in (1,2),!y"}"#),
        (true, false, "admin pods.*./ / [aEquals1,bNotEquals2] [x in (1,2),!y]", ""),
    )
    .await;
    check(
        &selected(
            r#"{"requirements":[{"key":"a","operator":"In","values":["1"]},{"key":"b","operator":"NotIn","values":["2"]}]}"#,
            r#"{"requirements":[{"key":"x","operator":"In","values":["1","2"]},{"key":"y","operator":"Exists"}]}"#,
        ),
        (true, false, "admin pods.*./ / [aEquals1,bNotEquals2] [x in (1,2),y]", ""),
    )
    .await;
    let ignored = |which: &str, partially: &str| {
        format!("spec.resourceAttributes.{which} {partially}ignored due to parse error")
    };
    let both = format!("{}; {}", ignored("fieldSelector", ""), ignored("labelSelector", ""));
    check(
        &selected(r#"{"rawSelector":"a"}"#, r#"{"rawSelector":"x in"}"#),
        (true, false, "admin pods.*./ / [] []", &both),
    )
    .await;
    let both = format!(
        "broken; {}; {}",
        ignored("fieldSelector", "partially "),
        ignored("labelSelector", "partially ")
    );
    check(
        &selected(
            r#"{"requirements":[{"key":"a","operator":"In","values":["1"]},{"key":"b","operator":"Exists"},
                {"key":"c","operator":"In","values":["1","2"]},{"key":"d","operator":"Newer"}]}"#,
            r#"{"requirements":[{"key":"x","operator":"Newer","values":["1"]},{"key":"y","operator":"DoesNotExist"}]}"#,
        )
        .replace("allow", "fail"),
        (false, false, "admin pods.*./ / [aEquals1] [!y]", &both),
    )
    .await;
    cluster.close().await;
}

#[tokio::test]
async fn others_are_asked_about_by_name() {
    let cluster = cluster().await;
    let spec =
        r#"{"spec":{"user":"bob","resourceAttributes":{"verb":"allow","resource":"pods","namespace":"n"}}}"#;
    for resource in ["subjectaccessreviews", "namespaces/n/localsubjectaccessreviews"] {
        let answer = cluster.ok(&format!("POST /apis/authorization.k8s.io/v1/{resource}"), spec).await;
        assert_eq!(told(answer.body.get("status")), (true, false, "bob pods.*./ n/ [] []", ""), "{resource}");
    }
    cluster.close().await;
}

#[tokio::test]
async fn what_can_not_be_asked_is_refused_with_upstreams_texts() {
    let cluster = cluster().await;
    let check = async |resource: &str, spec: &str, message: &str| {
        let line = format!("POST /apis/authorization.k8s.io/v1/{resource}");
        cluster.refused(&line, &format!(r#"{{"spec":{{{spec}}}}}"#), 422, message).await;
    };
    let of = "selfsubjectaccessreviews";
    let selector =
        |which: &str, what: &str| format!(r#""resourceAttributes":{{"verb":"get","{which}":{what}}}"#);
    let at = "spec.resourceAttributes";
    check(
        of,
        &selector("fieldSelector", "{}"),
        &format!(
            ".authorization.k8s.io \"\" is invalid: {at}.fieldSelector.requirements: Required value: when \
             {at}.fieldSelector is specified, requirements or rawSelector is required"
        ),
    )
    .await;
    check(
        of,
        &selector("labelSelector", r#"{"rawSelector":"a","requirements":[{"key":"a","operator":"Exists"}]}"#),
        &format!(
            ".authorization.k8s.io \"\" is invalid: {at}.labelSelector.rawSelector: Invalid value: \"a\": may not \
             specified at the same time as requirements"
        ),
    )
    .await;
    check(
        of,
        &selector("fieldSelector", r#"{"requirements":[{"key":"","operator":"Exists","values":["x"]}]}"#),
        &format!(
            ".authorization.k8s.io \"\" is invalid: [{at}.fieldSelector.requirements[0].key: Required value: must be \
             specified, {at}.fieldSelector.requirements[0].values: Forbidden: may not be specified when `operator` is \
             'Exists' or 'DoesNotExist']"
        ),
    )
    .await;
    check(
        of,
        &selector("labelSelector", r#"{"requirements":[{"key":"a","operator":"In"}]}"#),
        &format!(
            ".authorization.k8s.io \"\" is invalid: {at}.labelSelector.requirements[0].values: Required value: must \
             be specified when `operator` is 'In' or 'NotIn'"
        ),
    )
    .await;
    let local = "namespaces/n/localsubjectaccessreviews";
    check(
        local,
        r#""user":"bob","resourceAttributes":{"verb":"get","namespace":"other"}"#,
        &format!(
            ".authorization.k8s.io \"\" is invalid: {at}.namespace: Invalid value: \"other\": must match \
             metadata.namespace"
        ),
    )
    .await;
    cluster.close().await;
}
