//! Who owns what requests write, and server-side apply.

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;

use super::verbs::{Cluster, MAPS};

const APPLY: &str = "Content-Type: application/apply-patch+yaml";
const MERGE: &str = "Content-Type: application/merge-patch+json";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/n/deployments";

/// The owners of an object: manager, operation, subresource and fields.
fn owners(body: &Value) -> Vec<String> {
    let entries = body.at(&["metadata", "managedFields"]).and_then(Value::as_array).unwrap_or_default();
    let show = |entry: &Value| {
        let mut fields = Vec::new();
        json::encode_untyped(entry.get("fieldsV1").unwrap_or(&Value::Null), &mut fields);
        let text = |key| entry.str_at(&[key]);
        let subresource = text("subresource");
        let separator = if subresource.is_empty() { "" } else { " " };
        let fields = String::from_utf8_lossy(&fields);
        format!("{} {}{separator}{subresource} {fields}", text("manager"), text("operation"))
    };
    entries.iter().map(show).collect()
}

fn map(data: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a"}},"data":{data}}}"#)
}

#[tokio::test]
async fn every_write_notes_its_manager() {
    let cluster = Cluster::new().await;
    let made = cluster.ok(&format!("POST {MAPS}"), &map(r#"{"k":"v"}"#)).await;
    assert_eq!(owners(&made.body), [r#"test Update {"f:data":{".":{},"f:k":{}}}"#]);
    let put = cluster.ok(&format!("PUT {MAPS}/a?fieldManager=putter"), &map(r#"{"k":"w"}"#)).await;
    // Entries are in the order of their times, and a second may begin between the writes.
    let mut both = owners(&put.body);
    both.sort();
    assert_eq!(both, [r#"putter Update {"f:data":{"f:k":{}}}"#, r#"test Update {"f:data":{}}"#]);
    let line = format!("PATCH {MAPS}/a?fieldManager=patcher | {MERGE}");
    let patched = cluster.ok(&line, r#"{"data":{"j":"x"}}"#).await;
    assert!(owners(&patched.body).contains(&r#"patcher Update {"f:data":{"f:j":{}}}"#.to_owned()));
    let reset =
        cluster.ok(&format!("PATCH {MAPS}/a | {MERGE}"), r#"{"metadata":{"managedFields":[]}}"#).await;
    assert!(owners(&reset.body).is_empty());
    let put = r#"{"metadata":{"name":"a","managedFields":[]},"data":{"k":"w"}}"#;
    let put = cluster.ok(&format!("PUT {MAPS}/a"), put).await;
    assert!(owners(&put.body).is_empty(), "what is not tracked stays so until it is applied to");
    let body = |more: &str| format!(r#"{{"metadata":{{"name":"b"{more}}},"data":{{"k":"v"}}}}"#);
    cluster.ok(&format!("POST {MAPS}"), &body("")).await;
    let kept = cluster.ok(&format!("PUT {MAPS}/b"), &body("")).await;
    assert_eq!(owners(&kept.body).len(), 1);
    let reset = cluster.ok(&format!("PUT {MAPS}/b"), &body(r#","managedFields":[]"#)).await;
    assert!(owners(&reset.body).is_empty());
    cluster.close().await;
}

#[tokio::test]
async fn applies_create_and_share_and_conflict() {
    let cluster = Cluster::new().await;
    let line = |manager: &str| format!("PATCH {MAPS}/a?fieldManager={manager} | {APPLY}");
    let dry = format!("PATCH {MAPS}/a?fieldManager=one&dryRun=All | {APPLY}");
    assert_eq!(cluster.ok(&dry, &map(r#"{"k":"v"}"#)).await.code, 201);
    let made = cluster.ok(&line("one"), &map(r#"{"k":"v","j":"w"}"#)).await;
    assert_eq!(made.code, 201);
    assert_eq!(owners(&made.body), [r#"one Apply {"f:data":{"f:j":{},"f:k":{}}}"#]);
    let again = cluster.ok(&line("one"), &map(r#"{"k":"v","j":"w"}"#)).await;
    let version = |body: &Value| body.str_at(&["metadata", "resourceVersion"]).to_owned();
    assert_eq!((again.code, version(&again.body)), (200, version(&made.body)));
    let conflict = "Apply failed with 1 conflict: conflict with \"one\": .data.k";
    cluster.refused(&line("two"), &map(r#"{"k":"x"}"#), 409, conflict).await;
    cluster.ok(&line("two&force=true"), &map(r#"{"k":"x"}"#)).await;
    let left = cluster.ok(&line("one"), &map(r#"{}"#)).await;
    assert_eq!(left.body.str_at(&["data", "k"]), "x");
    assert_eq!(left.body.at(&["data", "j"]), None, "no one owns it any more");
    cluster.close().await;
}

#[tokio::test]
async fn applies_are_refused_in_the_words_of_upstream() {
    let cluster = Cluster::new().await;
    let line = format!("PATCH {MAPS}/a?fieldManager=one | {APPLY}");
    let check = async |body: &str, code, message: &str| cluster.refused(&line, body, code, message).await;
    let typed = "failed to create typed patch object (/a; /v1, Kind=ConfigMap): ";
    check(
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"nope":1}"#,
        500,
        &format!("{typed}.nope: field not declared in schema"),
    )
    .await;
    check(r#"{"kind":"ConfigMap"}"#, 400, "invalid object type: /, Kind=ConfigMap").await;
    check(
        "[]",
        400,
        "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal \
                      array into Go value of type map[string]interface {}",
    )
    .await;
    check(
        "apiVersion: v1\nkind: ConfigMap\n  bad: indent\n",
        400,
        "error decoding YAML: error converting YAML to JSON: yaml: line 3: mapping values are not allowed in this context",
    )
    .await;
    let nameless = r#"{"apiVersion":"v1","kind":"ConfigMap"}"#;
    let why = "the name of the object (a based on URL) was undeterminable: name must be provided";
    check(nameless, 400, why).await;
    let unnamed = cluster.send(&format!("PATCH {MAPS}/a | {APPLY}"), &map("{}")).await;
    assert_eq!(unnamed.code, 422, "the manager is not named");
    let cbor = format!("PATCH {MAPS}/a?fieldManager=one | Content-Type: application/apply-patch+cbor");
    assert_eq!(cluster.send(&cbor, "").await.code, 415);
    cluster.close().await;
}

#[tokio::test]
async fn subresources_have_owners_of_their_own() {
    let cluster = Cluster::new().await;
    let spec = r#""spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
        "spec":{"containers":[{"name":"c","image":"i"}]}}}"#;
    let deployment =
        format!(r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"d"}},{spec}}}"#);
    cluster.ok(&format!("PATCH {DEPLOYMENTS}/d?fieldManager=one | {APPLY}"), &deployment).await;
    let status = r#"{"status":{"replicas":1},"spec":{"replicas":7}}"#;
    let status =
        cluster.ok(&format!("PATCH {DEPLOYMENTS}/d/status?fieldManager=ctl | {MERGE}"), status).await;
    let ctl = r#"ctl Update status {"f:status":{"f:replicas":{}}}"#;
    assert!(owners(&status.body).contains(&ctl.to_owned()), "{:?}", owners(&status.body));
    let scale = r#"{"spec":{"replicas":4}}"#;
    cluster.ok(&format!("PATCH {DEPLOYMENTS}/d/scale?fieldManager=hpa | {MERGE}"), scale).await;
    let read = cluster.ok(&format!("GET {DEPLOYMENTS}/d"), "").await;
    let hpa = r#"hpa Update scale {"f:spec":{"f:replicas":{}}}"#;
    assert!(owners(&read.body).contains(&hpa.to_owned()), "{:?}", owners(&read.body));
    let conflict = "Apply failed with 1 conflict: conflict with \"hpa\" with subresource \"scale\" using apps/v1: \
                    .spec.replicas";
    cluster
        .refused(&format!("PATCH {DEPLOYMENTS}/d?fieldManager=one | {APPLY}"), &deployment, 409, conflict)
        .await;
    let scale =
        r#"{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replicas":5}}"#;
    let line = format!("PATCH {DEPLOYMENTS}/d/scale?fieldManager=s&force=true | {APPLY}");
    let scaled = cluster.ok(&line, scale).await;
    assert_eq!(scaled.body.at(&["spec", "replicas"]), Some(&Value::Int(5)));
    cluster.close().await;
}

#[tokio::test]
async fn what_is_in_two_versions_has_one_manager() {
    let cluster = Cluster::new().await;
    let path = "autoscaling/%v/namespaces/n/horizontalpodautoscalers/h?fieldManager=one";
    let body = |version: &str, more: &str| {
        format!(
            r#"{{"apiVersion":"autoscaling/{version}","kind":"HorizontalPodAutoscaler","metadata":{{"name":"h"}},
                "spec":{{"maxReplicas":3,"scaleTargetRef":{{"apiVersion":"apps/v1","kind":"Deployment","name":"d"}}{more}}}}}"#
        )
    };
    let line = |version: &str| format!("PATCH /apis/{} | {APPLY}", path.replace("%v", version));
    cluster.ok(&line("v2"), &body("v2", r#","minReplicas":2"#)).await;
    let v1 = cluster.ok(&line("v1"), &body("v1", "")).await;
    let found = owners(&v1.body);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(v1.body.at(&["spec", "minReplicas"]).is_none_or(|v| *v != Value::Int(2)), "no one owns it");
    cluster.close().await;
}

#[tokio::test]
async fn strings_of_secrets_are_owned_as_data() {
    let cluster = Cluster::new().await;
    let secret = r#"{"metadata":{"name":"s"},"stringData":{"k":"v"},"type":"Opaque"}"#;
    let made = cluster.ok("POST /api/v1/namespaces/n/secrets", secret).await;
    assert_eq!(owners(&made.body), [r#"test Update {"f:data":{".":{},"f:k":{}},"f:type":{}}"#]);
    cluster.close().await;
}

#[tokio::test]
async fn whoever_writes_first_owns_the_defaults() {
    let cluster = Cluster::new().await;
    let strategy =
        r#""f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},"f:type":{}}"#;
    let body = |name: &str, spec: &str| {
        format!(
            r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{name}"}},"spec":{{"selector":{{"matchLabels":{{"a":"b"}}}},
            "template":{{"metadata":{{"labels":{{"a":"b"}}}},"spec":{{"containers":[{{"name":"c","image":"i"}}]}}}}{spec}}}}}"#
        )
    };
    let made = cluster.ok(&format!("POST {DEPLOYMENTS}"), &body("a", "")).await;
    let all = owners(&made.body).concat();
    assert!(all.contains(strategy) && all.contains(r#""f:imagePullPolicy":{}"#), "{all}");
    // What a patch takes away comes back as a default.
    let line = format!("PATCH {DEPLOYMENTS}/a?fieldManager=patcher | {MERGE}");
    let patched = cluster.ok(&line, r#"{"spec":{"strategy":null,"replicas":null}}"#).await;
    assert_eq!(patched.body.at(&["spec", "replicas"]), Some(&Value::Int(1)));
    assert_eq!(patched.body.str_at(&["spec", "strategy", "type"]), "RollingUpdate");
    assert_eq!(owners(&patched.body).len(), 1, "nothing changed");
    // Who applies owns what it says alone.
    let line = format!("PATCH {DEPLOYMENTS}/b?fieldManager=one | {APPLY}");
    let applied = cluster.ok(&line, &body("b", r#","replicas":2"#)).await;
    assert_eq!(applied.body.at(&["spec", "revisionHistoryLimit"]), Some(&Value::Int(10)));
    let all = owners(&applied.body).concat();
    assert!(all.contains(r#""f:replicas":{}"#) && !all.contains("f:strategy"), "{all}");
    cluster.close().await;
}

#[tokio::test]
async fn a_claim_reference_is_owned_by_its_members() {
    let cluster = Cluster::new().await;
    let body = r#"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"v"},"spec":{"accessModes":["ReadWriteOnce"],
        "capacity":{"storage":"1Gi"},"hostPath":{"path":"/x"},"claimRef":{"namespace":"n","name":"c"}}}"#;
    let made = cluster.ok("POST /api/v1/persistentvolumes", body).await;
    let all = owners(&made.body).concat();
    assert!(all.contains(r#""f:claimRef":{".":{},"f:name":{},"f:namespace":{}}"#), "{all}");
    cluster.close().await;
}
