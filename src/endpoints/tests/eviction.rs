//! Evictions and their budgets.

use super::verbs::Cluster;
use keelson_apimachinery::Value;

const EVICTION: &str = r#"{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"}}"#;

/// A cluster with the bound pod `p`, in a phase and ready or not.
async fn with_pod(phase: &str, ready: &str) -> Cluster {
    let cluster = Cluster::new().await;
    let pod = r#"{"metadata":{"name":"p","labels":{"app":"e"}},"spec":{"nodeName":"n1","terminationGracePeriodSeconds":30,
        "restartPolicy":"Always","dnsPolicy":"ClusterFirst","containers":[{"name":"c","image":"i",
        "imagePullPolicy":"Always","terminationMessagePolicy":"File"}]}}"#;
    cluster.ok("POST /api/v1/namespaces/n/pods", pod).await;
    let status =
        format!(r#"{{"status":{{"phase":"{phase}","conditions":[{{"type":"Ready","status":"{ready}"}}]}}}}"#);
    let patch = "PATCH /api/v1/namespaces/n/pods/p/status | content-type: application/merge-patch+json";
    cluster.ok(patch, &status).await;
    cluster
}

async fn add_budget(cluster: &Cluster, name: &str, status: &str) {
    let budget = format!(
        r#"{{"metadata":{{"name":"{name}"}},"spec":{{"minAvailable":1,"selector":{{"matchLabels":{{"app":"e"}}}}}}}}"#
    );
    cluster.ok("POST /apis/policy/v1/namespaces/n/poddisruptionbudgets", &budget).await;
    let path = format!(
        "PATCH /apis/policy/v1/namespaces/n/poddisruptionbudgets/{name}/status | content-type: application/merge-patch+json"
    );
    cluster.ok(&path, &format!(r#"{{"status":{status}}}"#)).await;
}

async fn evict(cluster: &Cluster) -> (u16, String) {
    let answer = cluster.send("POST /api/v1/namespaces/n/pods/p/eviction", EVICTION).await;
    let cause = answer.body.at(&["details", "causes"]).and_then(Value::as_array).and_then(<[Value]>::first);
    let text = cause.map_or_else(|| answer.body.str_at(&["message"]), |cause| cause.str_at(&["message"]));
    (answer.code, text.to_owned())
}

const SETTLED: &str = r#"{"observedGeneration":1,"disruptionsAllowed":1,"currentHealthy":2,"desiredHealthy":1,"expectedPods":2}"#;
const EXHAUSTED: &str = r#"{"observedGeneration":1,"disruptionsAllowed":0,"currentHealthy":1,"desiredHealthy":1,"expectedPods":1}"#;
const UNSEEN: &str = r#"{"observedGeneration":0,"disruptionsAllowed":1,"currentHealthy":0,"desiredHealthy":1,"expectedPods":2}"#;

#[tokio::test]
async fn budgets_decide_over_evictions() {
    let check = async |phase: &str, ready: &str, budgets: &[&str], code: u16, text: &str| {
        let cluster = with_pod(phase, ready).await;
        for (i, status) in budgets.iter().enumerate() {
            add_budget(&cluster, &format!("b{i}"), status).await;
        }
        let evicted = evict(&cluster).await;
        assert_eq!(evicted, (code, text.to_owned()), "{phase} {ready} {budgets:?}");
        let pod = cluster.send("GET /api/v1/namespaces/n/pods/p", "").await;
        let leaves = pod.code == 404 || !pod.body.str_at(&["metadata", "deletionTimestamp"]).is_empty();
        assert_eq!(leaves, code == 201, "{phase} {ready} {budgets:?}");
        cluster.close().await;
    };
    check("Running", "True", &[], 201, "").await;
    check("Running", "True", &[SETTLED], 201, "").await;
    check(
        "Running",
        "True",
        &[UNSEEN],
        429,
        "The disruption budget b0 is still being processed by the server.",
    )
    .await;
    let exhausted = "The disruption budget b0 needs 1 healthy pods and has 1 currently";
    check("Running", "True", &[EXHAUSTED], 429, exhausted).await;
    check("Running", "False", &[EXHAUSTED], 201, "").await;
    check(
        "Running",
        "False",
        &[UNSEEN],
        429,
        "The disruption budget b0 is still being processed by the server.",
    )
    .await;
    check("Pending", "False", &[EXHAUSTED], 201, "").await;
    check("Succeeded", "False", &[EXHAUSTED, EXHAUSTED], 201, "").await;
    let two =
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    check("Running", "True", &[SETTLED, SETTLED], 500, two).await;
}

#[tokio::test]
async fn an_eviction_takes_from_the_budget_and_marks_the_pod() {
    let cluster = with_pod("Running", "True").await;
    add_budget(&cluster, "b", SETTLED).await;
    let dry_run = cluster.send("POST /api/v1/namespaces/n/pods/p/eviction?dryRun=All", EVICTION).await;
    assert_eq!(dry_run.code, 201);
    let budget = cluster.send("GET /apis/policy/v1/namespaces/n/poddisruptionbudgets/b", "").await.body;
    assert_eq!(budget.at(&["status", "disruptionsAllowed"]).and_then(Value::as_i64), Some(1));

    assert_eq!(evict(&cluster).await.0, 201);
    let budget = cluster.send("GET /apis/policy/v1/namespaces/n/poddisruptionbudgets/b", "").await.body;
    assert_eq!(budget.at(&["status", "disruptionsAllowed"]).and_then(Value::as_i64), Some(0));
    assert!(!budget.str_at(&["status", "disruptedPods", "p"]).is_empty(), "{budget:?}");
    let conditions = budget.at(&["status", "conditions"]).and_then(Value::as_array).unwrap();
    assert_eq!(conditions[0].str_at(&["reason"]), "InsufficientPods");
    let pod = cluster.send("GET /api/v1/namespaces/n/pods/p", "").await.body;
    let conditions = pod.at(&["status", "conditions"]).and_then(Value::as_array).unwrap();
    assert_eq!(conditions[1].str_at(&["reason"]), "EvictionByEvictionAPI");
    cluster.close().await;
}

#[tokio::test]
async fn preconditions_of_evictions_hold() {
    let cluster = with_pod("Running", "True").await;
    let check = async |options: &str, code: u16| {
        let body = EVICTION.replace("\"metadata\"", &format!("\"deleteOptions\":{options},\"metadata\""));
        let answer = cluster.send("POST /api/v1/namespaces/n/pods/p/eviction", &body).await;
        assert_eq!(answer.code, code, "{options}");
    };
    check(r#"{"preconditions":{"uid":"other"}}"#, 409).await;
    check(r#"{"preconditions":{"resourceVersion":"1"}}"#, 409).await;
    check(r#"{"gracePeriodSeconds":0,"dryRun":["All"]}"#, 201).await;
    check(r#"{"gracePeriodSeconds":0}"#, 201).await;
    check("{}", 404).await;
    cluster.close().await;
}
