use super::*;

#[tokio::test]
async fn updates_compare_resource_versions() {
    let cluster = Cluster::new().await;
    let first = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let versioned = |version: &str, data: &str| {
        format!(r#"{{"metadata":{{"name":"a","resourceVersion":"{version}"}},"data":{{"k":"{data}"}}}}"#)
    };
    let put = async |text: String| cluster.put("configmaps", cluster.context("ns"), &text).await;
    let (second, created) = put(versioned(first.resource_version(), "1")).await.unwrap();
    assert!(!created);
    let status = put(versioned(first.resource_version(), "2")).await.unwrap_err();
    let conflict = r#"Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again"#;
    assert_eq!(said(&status), (409, "Conflict", conflict));
    // Without a version, a ConfigMap is replaced whatever it was.
    let (third, _) = put(r#"{"metadata":{"name":"a"},"data":{"k":"3"}}"#.into()).await.unwrap();
    assert_ne!(third.resource_version(), second.resource_version());
    let status = put(versioned("x1", "4")).await.unwrap_err();
    assert_eq!(said(&status), (500, "", "strconv.ParseUint: parsing \"x1\": invalid syntax"));
    cluster.close().await;
}

#[tokio::test]
async fn updates_that_change_nothing_write_nothing() {
    let cluster = Cluster::new().await;
    let before =
        cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#).await.unwrap();
    let text = r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#;
    let (after, _) = cluster.put("configmaps", cluster.context("ns"), text).await.unwrap();
    assert_eq!(before, after);
    cluster.close().await;
}

#[tokio::test]
async fn puts_to_missing_names_create_what_may_be_created_so() {
    let cluster = Cluster::new().await;
    let lease = "coordination.k8s.io/leases";
    let text = r#"{"metadata":{"name":"l","resourceVersion":"77"},"spec":{"holderIdentity":"x"}}"#;
    let (object, created) = cluster.put(lease, cluster.context("ns"), text).await.unwrap();
    assert!(created && !object.uid().is_empty());
    let check = async |resource: &str, text: &str, context: WriteContext<'_>, expected: (u16, &str, &str)| {
        let status = cluster.put(resource, context, text).await.unwrap_err();
        assert_eq!(said(&status), expected, "{text}");
    };
    check(
        "configmaps",
        r#"{"metadata":{"name":"m"}}"#,
        cluster.context("ns"),
        (404, "NotFound", r#"configmaps "m" not found"#),
    )
    .await;
    check(
        lease,
        r#"{"metadata":{"name":"l"}}"#,
        cluster.context("ns"),
        (
            422,
            "Invalid",
            r#"leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"#,
        ),
    )
    .await;
    check(
        lease,
        r#"{"metadata":{"name":"m","uid":"u"}}"#,
        cluster.context("ns"),
        (
            409,
            "Conflict",
            r#"Operation cannot be fulfilled on leases.coordination.k8s.io "m": StorageError: invalid object, Code: 4, Key: /registry/leases/ns/m, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: u, UID in object meta: "#,
        ),
    )
    .await;
    // Server-side apply creates any kind, but never through a subresource.
    let context = WriteContext { create_missing: true, ..cluster.context("ns") };
    let (_, created) = cluster.put("configmaps", context, r#"{"metadata":{"name":"m"}}"#).await.unwrap();
    assert!(created);
    let context = WriteContext { create_missing: true, subresource: "status", ..cluster.context("ns") };
    check("pods", r#"{"metadata":{"name":"m"}}"#, context, (404, "NotFound", r#"pods "m" not found"#)).await;
    cluster.close().await;
}

#[tokio::test]
async fn immutable_metadata_stays() {
    let cluster = Cluster::new().await;
    let before = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let text = r#"{"metadata":{"name":"a","creationTimestamp":"2001-01-01T00:00:00Z","generation":9},"data":{"k":"v"}}"#;
    let (after, _) = cluster.put("configmaps", cluster.context("ns"), text).await.unwrap();
    assert_eq!(
        (after.uid(), after.creation_timestamp(), after.generation()),
        (before.uid(), before.creation_timestamp(), 0)
    );
    let status = cluster
        .patch("configmaps", cluster.context("ns"), "a", |object| object.set_uid("other"))
        .await
        .unwrap_err();
    let text = r#"ConfigMap "a" is invalid: metadata.uid: Invalid value: "other": field is immutable"#;
    assert_eq!(said(&status), (422, "Invalid", text));
    assert_eq!(status.details().unwrap().causes.len(), 2, "upstream lists the cause twice");
    let text = r#"{"metadata":{"name":"a","uid":"other"}}"#;
    let status = cluster.put("configmaps", cluster.context("ns"), text).await.unwrap_err();
    assert!(status.message().contains("Precondition failed: UID in precondition: other"), "{status}");
    cluster.close().await;
}

#[tokio::test]
async fn generations_rise_with_what_counts() {
    let cluster = Cluster::new().await;
    let deployments = "apps/deployments";
    cluster.create(deployments, "ns", r#"{"metadata":{"name":"a"},"spec":{"replicas":1}}"#).await.unwrap();
    let check = async |change: fn(&mut Object), expected: i64| {
        let object = cluster.patch(deployments, cluster.context("ns"), "a", change).await.unwrap();
        assert_eq!(object.generation(), expected);
    };
    check(|o| o.set_labels([("x".into(), "y".into())].into_iter().collect()), 1).await;
    check(|o| o.set_annotation("n", Some("m")), 2).await;
    check(|o| set(o, &["spec", "replicas"], "2"), 3).await;
    check(|o| o.set_generation(50), 3).await;
    check(|o| set(o, &["status", "replicas"], "7"), 3).await;
    assert_eq!(cluster.get(deployments, "ns", "a").await.unwrap().at(&["status", "replicas"]), None);
    cluster.close().await;
}

#[tokio::test]
async fn status_writes_change_nothing_else() {
    let cluster = Cluster::new().await;
    let check = async |resource: &str, kept: &[&'static str]| {
        cluster
            .create(
                resource,
                "ns",
                r#"{"metadata":{"name":"a","labels":{"l":"old"},"annotations":{"a":"old"}}}"#,
            )
            .await
            .unwrap();
        let context = WriteContext { subresource: "status", ..cluster.context("ns") };
        let object = cluster
            .patch(resource, context, "a", |object| {
                set(object, &["spec", "new"], "true");
                set(object, &["status", "observedGeneration"], "5");
                set(object, &["metadata", "labels"], r#"{"l":"new"}"#);
                set(object, &["metadata", "annotations"], r#"{"a":"new"}"#);
            })
            .await
            .unwrap();
        assert_eq!(object.at(&["spec", "new"]), None, "{resource}");
        assert_eq!(
            object.at(&["status", "observedGeneration"]).and_then(Value::as_i64),
            Some(5),
            "{resource}"
        );
        for key in ["labels", "annotations"] {
            let expected = if kept.contains(&key) { "old" } else { "new" };
            let map = object.at(&["metadata", key]).and_then(Value::as_object).unwrap();
            assert_eq!(map.iter().next().unwrap().1.as_str(), Some(expected), "{resource} {key}");
        }
    };
    check("apps/statefulsets", &[]).await;
    check("apps/deployments", &["labels"]).await;
    cluster.close().await;
}

#[tokio::test]
async fn creations_drop_the_status() {
    let cluster = Cluster::new().await;
    let text = r#"{"metadata":{"name":"a"},"status":{"replicas":3}}"#;
    let object = cluster.create("apps/replicasets", "ns", text).await.unwrap();
    assert_eq!(object.at(&["status", "replicas"]).and_then(Value::as_i64), Some(0));
    let text = r#"{"metadata":{"name":"a"},"status":{"phase":"Running"}}"#;
    let object = cluster.create("nodes", "", text).await.unwrap();
    assert_eq!(object.str_at(&["status", "phase"]), "Running", "nodes come with a status");
    cluster.close().await;
}

#[tokio::test]
async fn changes_are_asked_again_when_the_object_changed_meanwhile() {
    let cluster = Cluster::new().await;
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"},"data":{"n":"0"}}"#).await.unwrap();
    let add = async || {
        cluster
            .patch("configmaps", cluster.context("ns"), "a", |object| {
                let n: u32 = object.str_at(&["data", "n"]).parse().unwrap();
                set(object, &["data", "n"], &format!(r#""{}""#, n + 1));
            })
            .await
            .unwrap();
    };
    futures::future::join_all((0..16).map(|_| add())).await;
    let object = cluster.get("configmaps", "ns", "a").await.unwrap();
    assert_eq!(object.str_at(&["data", "n"]), "16");
    cluster.close().await;
}

#[tokio::test]
async fn dry_runs_return_what_would_be() {
    let cluster = Cluster::new().await;
    let before = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let context = WriteContext { dry_run: true, ..cluster.context("ns") };
    let (object, _) =
        cluster.put("configmaps", context, r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#).await.unwrap();
    assert_eq!(object.str_at(&["data", "k"]), "v");
    assert_eq!(object.resource_version(), before.resource_version());
    assert_eq!(cluster.get("configmaps", "ns", "a").await.unwrap(), before);
    cluster.close().await;
}

#[tokio::test]
async fn what_is_too_large_with_its_managed_fields_goes_without() {
    let cluster = Cluster::new().await;
    let keys: Vec<String> = (0..80_000).map(|i| format!("\"f:data-{i:012}\":{{}}")).collect();
    let text = format!(
        r#"{{"metadata":{{"name":"a","managedFields":[{{"manager":"m","operation":"Update","apiVersion":"v1",
           "fieldsType":"FieldsV1","fieldsV1":{{"f:data":{{{}}}}}}}]}},"data":{{"k":"v"}}}}"#,
        keys.join(",")
    );
    let object = cluster.create("configmaps", "ns", &text).await.unwrap();
    assert_eq!((object.managed_fields().len(), object.str_at(&["data", "k"])), (0, "v"));
    let (object, _) = cluster.put("configmaps", cluster.context("ns"), &text).await.unwrap();
    assert_eq!(object.managed_fields().len(), 0);
    // An apply is about them: it fails.
    let context = WriteContext { create_missing: true, ..cluster.context("ns") };
    let status = cluster.put("configmaps", context, &text).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (500, "etcdserver: request is too large"));
    cluster.close().await;
}
