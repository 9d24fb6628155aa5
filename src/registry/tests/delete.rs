use super::*;

fn grace(seconds: i64) -> DeleteOptions {
    DeleteOptions { grace_period_seconds: Some(seconds), ..DeleteOptions::default() }
}

fn policy(policy: &str) -> DeleteOptions {
    DeleteOptions { propagation_policy: Some(policy.into()), ..DeleteOptions::default() }
}

#[tokio::test]
async fn deletions_remove_at_once_without_finalizers() {
    let cluster = Cluster::new().await;
    let before = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let deleted = cluster.delete("configmaps", "ns", "a", &DeleteOptions::default()).await.unwrap();
    assert!(deleted.gone && !deleted.answer_object);
    assert!(deleted.object.revision > before.resource_version().parse().unwrap());
    let status = cluster.delete("configmaps", "ns", "a", &DeleteOptions::default()).await.unwrap_err();
    assert_eq!(said(&status), (404, "NotFound", r#"configmaps "a" not found"#));
    let check = async |resource: &str, text: &str| {
        cluster.create(resource, "ns", text).await.unwrap();
        let deleted = cluster.delete(resource, "ns", "a", &DeleteOptions::default()).await.unwrap();
        assert!(deleted.gone && deleted.answer_object, "{resource}");
    };
    check("serviceaccounts", r#"{"metadata":{"name":"a"}}"#).await;
    check("pods", r#"{"metadata":{"name":"a"}}"#).await;
    check("resource.k8s.io/resourceclaims", r#"{"metadata":{"name":"a"}}"#).await;
    cluster.close().await;
}

#[tokio::test]
async fn finalizers_keep_an_object_until_they_are_gone() {
    let cluster = Cluster::new().await;
    let text = r#"{"metadata":{"name":"a","finalizers":["x/one","x/two"]}}"#;
    cluster.create("configmaps", "ns", text).await.unwrap();
    let deleted = cluster.delete("configmaps", "ns", "a", &DeleteOptions::default()).await.unwrap();
    assert!(!deleted.gone && deleted.answer_object);
    let marked = cluster.tree("configmaps", &deleted.object);
    assert!(marked.deletion_timestamp().is_some());
    assert_eq!(marked.deletion_grace_period_seconds(), Some(0));
    // Again: nothing changes.
    let again = cluster.delete("configmaps", "ns", "a", &DeleteOptions::default()).await.unwrap();
    assert_eq!(again.object, deleted.object);
    let status = cluster
        .patch("configmaps", cluster.context("ns"), "a", |o| o.set_finalizers(["x/one", "x/two", "x/three"]))
        .await
        .unwrap_err();
    assert_eq!(
        status.message(),
        "ConfigMap \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"x/three\"}"
    );
    // The mark can't be taken back.
    let object = cluster
        .patch("configmaps", cluster.context("ns"), "a", |o| {
            o.set_deletion_timestamp(None);
            o.set_finalizers(["x/one"]);
        })
        .await
        .unwrap();
    assert_eq!(object.deletion_timestamp(), marked.deletion_timestamp());
    let object = cluster
        .patch("configmaps", cluster.context("ns"), "a", |o| o.set_finalizers(Vec::<Value>::new()))
        .await
        .unwrap();
    assert_eq!(object.finalizers().count(), 0);
    assert_eq!(cluster.get("configmaps", "ns", "a").await.unwrap_err().code(), 404);
    cluster.close().await;
}

#[tokio::test]
async fn propagation_sets_and_removes_the_collectors_finalizers() {
    let cluster = Cluster::new().await;
    let deployments = "apps/deployments";
    let finalizers = |object: &Object| object.finalizers().map(str::to_owned).collect::<Vec<_>>();
    let check = async |options: DeleteOptions, expected: &[&str], generation: i64| {
        let deleted = cluster.delete(deployments, "ns", "a", &options).await.unwrap();
        let object = cluster.tree(deployments, &deleted.object);
        assert_eq!(
            (finalizers(&object), object.generation()),
            (expected.iter().map(|s| s.to_string()).collect(), generation)
        );
        deleted.gone
    };
    cluster.create(deployments, "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    assert!(!check(policy("Foreground"), &["foregroundDeletion"], 2).await);
    assert!(!check(policy("Orphan"), &["orphan"], 2).await);
    assert!(!check(DeleteOptions::default(), &["orphan"], 2).await);
    let options = DeleteOptions { orphan_dependents: Some(true), ..DeleteOptions::default() };
    assert!(!check(options, &["orphan"], 2).await);
    let deleted = cluster.delete(deployments, "ns", "a", &policy("Background")).await.unwrap();
    assert!(deleted.gone && !deleted.answer_object);
    // Jobs and replication controllers orphan by default, and jobs warn.
    let check = async |resource: &str, warnings: usize| {
        cluster.create(resource, "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
        let deleted = cluster.delete(resource, "ns", "a", &DeleteOptions::default()).await.unwrap();
        assert_eq!(finalizers(&cluster.tree(resource, &deleted.object)), ["orphan"], "{resource}");
        assert_eq!(cluster.warnings.take().len(), warnings, "{resource}");
    };
    check("batch/jobs", 1).await;
    check("replicationcontrollers", 0).await;
    // Events have no dependents.
    cluster.create("events", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    assert!(cluster.delete("events", "ns", "a", &policy("Foreground")).await.unwrap().gone);
    cluster.close().await;
}

#[tokio::test]
async fn without_a_collector_nothing_waits_for_it() {
    let cluster = Cluster::with(|config| config.garbage_collector = false).await;
    for resource in ["configmaps", "replicationcontrollers"] {
        for options in [policy("Foreground"), policy("Orphan"), DeleteOptions::default()] {
            cluster.create(resource, "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
            assert!(
                cluster.delete(resource, "ns", "a", &options).await.unwrap().gone,
                "{resource}: {options:?}"
            );
        }
        // What others wait for stays.
        let text = r#"{"metadata":{"name":"a","finalizers":["a.example/b"]}}"#;
        cluster.create(resource, "ns", text).await.unwrap();
        let deleted = cluster.delete(resource, "ns", "a", &policy("Orphan")).await.unwrap();
        let object = cluster.tree(resource, &deleted.object);
        assert_eq!(object.finalizers().collect::<Vec<_>>(), ["a.example/b"], "{resource}");
    }
    cluster.close().await;
}

#[tokio::test]
async fn preconditions_and_options_are_checked() {
    let cluster = Cluster::new().await;
    let object = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let check = async |options: DeleteOptions, code: u16, text: String| {
        let status = cluster.delete("configmaps", "ns", "a", &options).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, text.as_str()));
    };
    let options = DeleteOptions { precondition_uid: Some("u".into()), ..DeleteOptions::default() };
    let text = format!(
        "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (u) does not match the UID in record ({}). The object might have been deleted and then recreated",
        object.uid()
    );
    check(options, 409, text).await;
    let options =
        DeleteOptions { precondition_resource_version: Some("1".into()), ..DeleteOptions::default() };
    let text = format!(
        "Operation cannot be fulfilled on ConfigMap \"a\": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record ({}). The object might have been modified",
        object.resource_version()
    );
    check(options, 409, text).await;
    let text = "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set";
    check(DeleteOptions { orphan_dependents: Some(true), ..policy("Orphan") }, 422, text.into()).await;
    let options = DeleteOptions {
        precondition_uid: Some(object.uid().into()),
        precondition_resource_version: Some(object.resource_version().into()),
        ..DeleteOptions::default()
    };
    assert!(cluster.delete("configmaps", "ns", "a", &options).await.unwrap().gone);
    cluster.close().await;
}

#[tokio::test]
async fn bound_pods_end_gracefully() {
    let cluster = Cluster::new().await;
    let text = r#"{"metadata":{"name":"p"},"spec":{"nodeName":"n","terminationGracePeriodSeconds":45}}"#;
    cluster.create("pods", "ns", text).await.unwrap();
    let check = async |options: DeleteOptions, period: i64, gone: bool| {
        let deleted = cluster.delete("pods", "ns", "p", &options).await.unwrap();
        let object = cluster.tree("pods", &deleted.object);
        assert_eq!(object.deletion_grace_period_seconds(), Some(period));
        assert_eq!((deleted.gone, deleted.answer_object, object.generation()), (gone, true, 2));
    };
    check(DeleteOptions::default(), 45, false).await;
    check(grace(20), 20, false).await;
    check(grace(90), 20, false).await;
    check(DeleteOptions::default(), 20, false).await;
    check(grace(0), 0, true).await;
    assert_eq!(cluster.get("pods", "ns", "p").await.unwrap_err().code(), 404);
    cluster.create("pods", "ns", text).await.unwrap();
    check(grace(-1), 1, false).await;
    cluster.close().await;
}

#[tokio::test]
async fn pods_that_nobody_runs_go_at_once() {
    let cluster = Cluster::new().await;
    cluster.create("pods", "ns", r#"{"metadata":{"name":"p"}}"#).await.unwrap();
    let deleted = cluster.delete("pods", "ns", "p", &grace(60)).await.unwrap();
    let object = cluster.tree("pods", &deleted.object);
    assert_eq!(
        (deleted.gone, object.deletion_grace_period_seconds(), object.generation()),
        (true, Some(0), 2)
    );
    // A finalizer keeps even those.
    cluster.create("pods", "ns", r#"{"metadata":{"name":"p","finalizers":["x/y"]}}"#).await.unwrap();
    assert!(!cluster.delete("pods", "ns", "p", &grace(0)).await.unwrap().gone);
    cluster
        .patch("pods", cluster.context("ns"), "p", |o| o.set_finalizers(Vec::<Value>::new()))
        .await
        .unwrap();
    assert_eq!(cluster.get("pods", "ns", "p").await.unwrap_err().code(), 404);
    cluster.close().await;
}

#[tokio::test]
async fn namespaces_terminate_and_wait_for_their_finalizer() {
    let cluster = Cluster::new().await;
    let options = DeleteOptions { precondition_uid: Some("u".into()), ..DeleteOptions::default() };
    let status = cluster.delete("namespaces", "", "ns", &options).await.unwrap_err();
    assert!(
        status.message().starts_with(
            "Operation cannot be fulfilled on namespaces \"ns\": Precondition failed: UID in precondition: u"
        ),
        "{status}"
    );
    for _ in 0..2 {
        let deleted = cluster.delete("namespaces", "", "ns", &DeleteOptions::default()).await.unwrap();
        let object = cluster.tree("namespaces", &deleted.object);
        assert!(!deleted.gone && deleted.answer_object);
        assert_eq!(object.str_at(&["status", "phase"]), "Terminating");
        assert_eq!((object.deletion_grace_period_seconds(), object.generation()), (None, 0));
    }
    // An update of the namespace itself can't take the finalizer away; its subresource can.
    let empty = |object: &mut Object| set(object, &["spec"], "{}");
    let object = cluster.patch("namespaces", cluster.context(""), "ns", empty).await.unwrap();
    assert!(object.at(&["spec", "finalizers"]).is_some());
    let context = WriteContext { subresource: "finalize", ..cluster.context("") };
    cluster.patch("namespaces", context, "ns", empty).await.unwrap();
    assert_eq!(cluster.get("namespaces", "", "ns").await.unwrap_err().code(), 404);
    cluster.close().await;
}

#[tokio::test]
async fn collections_are_deleted_by_page_and_selector() {
    for workers in [1, 4] {
        collection_is_deleted_by(workers).await;
    }
}

async fn collection_is_deleted_by(workers: usize) {
    let cluster = Cluster::with(|config| config.delete_workers = workers).await;
    for i in 0..30 {
        let text = format!(r#"{{"metadata":{{"name":"m{i:02}","labels":{{"odd":"{}"}}}}}}"#, i % 2);
        cluster.create("configmaps", "ns", &text).await.unwrap();
    }
    let store = cluster.store("configmaps");
    let context = cluster.context("ns");
    let delete = async |list: ListOptions| {
        store.delete_collection(&context, &list, &DeleteOptions::default(), &NoAdmission).await.unwrap()
    };
    let page = delete(ListOptions { limit: 2, ..ListOptions::default() }).await;
    assert_eq!((page.items.len(), page.remaining), (2, Some(28)));
    assert!(!page.continue_token.is_empty());
    let all = delete(ListOptions { label_selector: "odd=1".into(), ..ListOptions::default() }).await;
    assert_eq!((all.items.len(), all.continue_token.as_str()), (14, ""));
    assert_eq!(cluster.names("configmaps", "ns", &ListOptions::default()).await.unwrap().len(), 14);
    delete(ListOptions::default()).await;
    assert!(cluster.names("configmaps", "ns", &ListOptions::default()).await.unwrap().is_empty());
    cluster.close().await;
}

#[tokio::test]
async fn admission_and_dry_runs_keep_objects() {
    let cluster = Cluster::new().await;
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let store = cluster.store("configmaps");
    let options = DeleteOptions::default();
    let status = store.delete(&cluster.context("ns"), "a", &options, &Refuse).await.unwrap_err();
    assert_eq!(status.message(), "forbidden: Delete");
    let context = WriteContext { dry_run: true, ..cluster.context("ns") };
    assert!(store.delete(&context, "a", &options, &NoAdmission).await.unwrap().gone);
    let deleted = store.delete(&context, "a", &policy("Orphan"), &NoAdmission).await.unwrap();
    assert_eq!(cluster.tree("configmaps", &deleted.object).finalizers().collect::<Vec<_>>(), ["orphan"]);
    assert_eq!(cluster.get("configmaps", "ns", "a").await.unwrap().finalizers().count(), 0);
    cluster.close().await;
}

#[tokio::test]
async fn the_systems_priority_classes_stay() {
    let cluster = Cluster::new().await;
    let resource = "scheduling.k8s.io/priorityclasses";
    let class = r#"{"metadata":{"name":"mine"},"value":1}"#;
    cluster.create(resource, "", class).await.unwrap();
    cluster.delete(resource, "", "mine", &DeleteOptions::default()).await.unwrap();
    let status =
        cluster.delete(resource, "", "system-node-critical", &DeleteOptions::default()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (
            403,
            "priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: this is a system priority class and cannot be deleted"
        )
    );
    cluster.close().await;
}
