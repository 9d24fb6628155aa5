use super::*;

const UID: &str = "00000000-0000-0000-0000-000000000001";

#[tokio::test]
async fn creations_fill_in_what_only_the_server_sets() {
    let cluster = Cluster::new().await;
    let sent = format!(
        r#"{{"metadata":{{"name":"a","uid":"{UID}","creationTimestamp":"2001-01-01T00:00:00Z",
            "deletionTimestamp":"2001-01-01T00:00:00Z","deletionGracePeriodSeconds":3,"selfLink":"/x"}},
            "data":{{"k":"v"}}}}"#
    );
    let object = cluster.create("configmaps", "ns", &sent).await.unwrap();
    assert_eq!((object.name(), object.namespace()), ("a", "ns"));
    assert_eq!(object.uid().len(), 36);
    assert_ne!(object.uid(), UID);
    assert!(object.creation_timestamp().unwrap() > "2020");
    assert_eq!(object.deletion_timestamp(), None);
    assert_eq!(object.deletion_grace_period_seconds(), None);
    assert_eq!(object.self_link(), "");
    assert!(object.resource_version().parse::<u64>().unwrap() > 0);
    assert_eq!(object, cluster.get("configmaps", "ns", "a").await.unwrap());
    cluster.close().await;
}

#[tokio::test]
async fn generations_follow_the_kind() {
    let cluster = Cluster::new().await;
    let check = async |resource: &str, namespace: &str, text: &str, expected: i64| {
        let object = cluster.create(resource, namespace, text).await.unwrap();
        assert_eq!(object.generation(), expected, "{resource}");
    };
    check("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#, 0).await;
    check("configmaps", "ns", r#"{"metadata":{"name":"b","generation":4}}"#, 4).await;
    check("apps/deployments", "ns", r#"{"metadata":{"name":"a","generation":7}}"#, 1).await;
    check("pods", "ns", r#"{"metadata":{"name":"a"}}"#, 1).await;
    check("scheduling.k8s.io/priorityclasses", "", r#"{"metadata":{"name":"a"},"value":1}"#, 1).await;
    check("storage.k8s.io/csidrivers", "", r#"{"metadata":{"name":"a"}}"#, 0).await;
    cluster.close().await;
}

#[tokio::test]
async fn names_are_generated_and_tried_again() {
    let cluster = Cluster::new().await;
    let text = format!(r#"{{"metadata":{{"generateName":"{}"}}}}"#, "x".repeat(100));
    let object = cluster.create("configmaps", "ns", &text).await.unwrap();
    assert_eq!(object.name().len(), 63);
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let object =
            cluster.create("configmaps", "ns", r#"{"metadata":{"generateName":"web-"}}"#).await.unwrap();
        assert_eq!((object.generate_name(), object.name().len()), ("web-", 9));
        assert!(names.insert(object.name().to_owned()));
    }
    cluster.close().await;
}

#[tokio::test]
async fn creations_are_refused_with_upstreams_texts() {
    let cluster = Cluster::new().await;
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    cluster
        .create("configmaps", "ns", r#"{"metadata":{"name":"dying","finalizers":["x/y"]}}"#)
        .await
        .unwrap();
    cluster.delete("configmaps", "ns", "dying", &DeleteOptions::default()).await.unwrap();
    let check = async |resource: &str, namespace: &str, text: &str, expected: (u16, &str, &str)| {
        let status = cluster.create(resource, namespace, text).await.unwrap_err();
        assert_eq!(said(&status), expected, "{text}");
    };
    check(
        "configmaps",
        "ns",
        r#"{"metadata":{"name":"a"}}"#,
        (409, "AlreadyExists", r#"configmaps "a" already exists"#),
    )
    .await;
    check(
        "configmaps",
        "ns",
        r#"{"metadata":{"name":"dying"}}"#,
        (409, "AlreadyExists", r#"object is being deleted: configmaps "dying" already exists"#),
    )
    .await;
    check(
        "configmaps",
        "ns",
        r#"{"metadata":{"name":"b","resourceVersion":"5"}}"#,
        (500, "", "resourceVersion should not be set on objects to be created"),
    )
    .await;
    check(
        "configmaps",
        "ns",
        r#"{"metadata":{"name":"b","namespace":"elsewhere"}}"#,
        (
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    )
    .await;
    check(
        "configmaps",
        "ns",
        r#"{"metadata":{}}"#,
        (
            422,
            "Invalid",
            r#"ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required"#,
        ),
    )
    .await;
    check(
        "services",
        "ns",
        r#"{"metadata":{"name":"a.b"}}"#,
        (
            422,
            "Invalid",
            r#"Service "a.b" is invalid: metadata.name: Invalid value: "a.b": must not contain dots"#,
        ),
    )
    .await;
    check(
        "rbac.authorization.k8s.io/roles",
        "ns",
        r#"{"metadata":{"name":"a/b"}}"#,
        (
            422,
            "Invalid",
            r#"Role.rbac.authorization.k8s.io "a/b" is invalid: metadata.name: Invalid value: "a/b": may not contain '/'"#,
        ),
    )
    .await;
    check(
        "configmaps",
        "ns",
        r#"{"metadata":{"name":"b","finalizers":["nodomain"]}}"#,
        (
            422,
            "Invalid",
            r#"ConfigMap "b" is invalid: metadata.finalizers[0]: Invalid value: "nodomain": name is neither a standard finalizer name nor is it fully qualified"#,
        ),
    )
    .await;
    cluster.close().await;
}

#[tokio::test]
async fn dry_runs_write_nothing() {
    let cluster = Cluster::new().await;
    let object = cluster.object("configmaps", r#"{"metadata":{"name":"a"}}"#);
    let store = cluster.store("configmaps");
    let context = WriteContext { dry_run: true, ..cluster.context("ns") };
    let stored = store.create(&context, object.clone(), &NoAdmission).await.unwrap();
    assert_eq!(stored.revision, 0);
    assert_eq!(cluster.tree("configmaps", &stored).resource_version(), "");
    assert_eq!(cluster.get("configmaps", "ns", "a").await.unwrap_err().code(), 404);
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let status = store.create(&context, object, &NoAdmission).await.unwrap_err();
    assert_eq!(status.reason(), "AlreadyExists");
    cluster.close().await;
}

#[tokio::test]
async fn validating_admission_comes_before_the_write() {
    let cluster = Cluster::new().await;
    let object = cluster.object("configmaps", r#"{"metadata":{"name":"a"}}"#);
    let store = cluster.store("configmaps");
    let status = store.create(&cluster.context("ns"), object, &Refuse).await.unwrap_err();
    assert_eq!(status.message(), "forbidden: Create");
    assert_eq!(cluster.get("configmaps", "ns", "a").await.unwrap_err().code(), 404);
    cluster.close().await;
}
