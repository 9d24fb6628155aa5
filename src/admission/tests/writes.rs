//! Namespaces, nodes, classes.

use super::*;

#[tokio::test]
async fn namespaces_must_exist_and_not_terminate() {
    let bench = Bench::new(&["NamespaceLifecycle"]);
    bench.create("configmaps", r#"{"metadata":{"name":"a"}}"#).await.expect("an active namespace");
    bench.put("namespaces", r#"{"metadata":{"name":"ns"},"status":{"phase":"Terminating"}}"#);
    let why = "unable to create new content in namespace ns because it is being terminated";
    for (new, name) in [
        (r#"{"metadata":{"name":"a"}}"#, "a"),
        (r#"{"metadata":{"generateName":"a-"}}"#, "a-"),
        (r#"{"metadata":{}}"#, "Unknown"),
    ] {
        let status = bench.create("configmaps", new).await.expect_err("it terminates");
        assert_eq!(status.message(), format!("configmaps {name:?} is forbidden: {why}"));
        let cause = &status.details().expect("details").causes[0];
        assert_eq!(
            (cause.reason.as_str(), cause.message.as_str(), cause.field.as_str()),
            ("NamespaceTerminating", "namespace ns is being terminated", "metadata.namespace")
        );
    }
    bench.updates("configmaps", r#"{"metadata":{"name":"a"}}"#, r#"{"metadata":{"name":"a"}}"#, "").await;
    bench.create("authorization.k8s.io/localsubjectaccessreviews", "{}").await.expect("a review");
    bench.objects.0.lock().clear();
    bench.refuses("configmaps", r#"{"metadata":{"name":"a"}}"#, 404, r#"namespaces "ns" not found"#).await;
}

#[tokio::test]
async fn some_namespaces_stay() {
    let bench = Bench::new(&["NamespaceLifecycle"]);
    for (name, message) in [
        ("default", r#"namespaces "default" is forbidden: this namespace may not be deleted"#),
        ("kube-system", r#"namespaces "kube-system" is forbidden: this namespace may not be deleted"#),
        ("kube-public", r#"namespaces "kube-public" is forbidden: this namespace may not be deleted"#),
        ("kube-node-lease", ""),
    ] {
        let old = format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
        let done = bench.write(Operation::Delete, "namespaces", None, Some(&old)).await;
        assert_eq!(done.err().map(|s| s.message().to_owned()).unwrap_or_default(), message);
    }
}

#[tokio::test]
async fn new_nodes_are_tainted_once() {
    let bench = Bench::new(&["TaintNodesByCondition"]);
    let taint = r#"[{"effect":"NoSchedule","key":"node.kubernetes.io/not-ready"}]"#;
    bench.creates("nodes", r#"{"metadata":{"name":"n"}}"#, &["spec", "taints"], taint).await;
    bench.creates("nodes", &format!(r#"{{"spec":{{"taints":{taint}}}}}"#), &["spec", "taints"], taint).await;
}

#[tokio::test]
async fn only_one_priority_class_is_the_default() {
    let bench = Bench::new(&["Priority"]);
    let classes = "scheduling.k8s.io/priorityclasses";
    let class = r#"{"metadata":{"name":"one"},"value":5,"globalDefault":true}"#;
    bench.create(classes, class).await.expect("the first");
    bench.put("priorityclasses", class);
    let why = "PriorityClass one is already marked as default. Only one default can exist";
    let other = r#"{"metadata":{"name":"two"},"globalDefault":true}"#;
    let message = format!("priorityclasses.scheduling.k8s.io \"two\" is forbidden: {why}");
    bench.refuses(classes, other, 403, &message).await;
    bench.updates(classes, class, class, "").await;
    bench.updates(classes, other, other, &message).await;
}
