use keelson_apimachinery::codec::{envelope, protobuf};

use super::*;

/// What storage holds of an object, without any defaults.
fn message(cluster: &Cluster, resource: &str, text: &str) -> Vec<u8> {
    let (schema, resource) = (keelson_api::schema(), cluster.store(resource).resource());
    let tree = json::decode(schema, resource.type_id, text.as_bytes()).unwrap().value;
    let message = protobuf::encode(schema, resource.type_id, &tree).unwrap();
    let slash = if resource.group.is_empty() { "" } else { "/" };
    envelope::seal(&format!("{}{slash}{}", resource.group, resource.version), &resource.kind, &message)
}

#[tokio::test]
async fn objects_of_older_releases_get_defaults_when_they_change() {
    let cluster = Cluster::new().await;
    let text = r#"{"metadata":{"name":"d","namespace":"ns","uid":"u","creationTimestamp":"2020-01-01T00:00:00Z"},
        "spec":{"selector":{"matchLabels":{"a":"b"}},
        "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}"#;
    let value = message(&cluster, "apps/deployments", text);
    cluster.storage.create("deployments/ns/d", value.into(), None).await.unwrap();
    let mut seen = None;
    let changed = cluster
        .patch("apps/deployments", cluster.context("ns"), "d", |object| {
            seen = object.at(&["spec", "replicas"]).cloned();
            object.set_annotation("a", Some("b"));
        })
        .await
        .unwrap();
    assert_eq!(seen, Some(Value::Int(1)), "a change sees the defaults");
    assert_eq!(changed.str_at(&["spec", "strategy", "type"]), "RollingUpdate");
    cluster.close().await;
}

#[tokio::test]
async fn reads_show_defaults_that_are_never_stored() {
    let cluster = Cluster::new().await;
    // Whether an object's bytes can't be shown as they are, and what its tree shows at a path.
    let check = async |resource: &str, key: &str, text: &str, path: &[&str], expected: Option<&str>| {
        let value = message(&cluster, resource, text);
        cluster.storage.create(key, value.into(), None).await.unwrap();
        let store = cluster.store(resource);
        let stored = store.get(Some("ns"), key.rsplit('/').next().unwrap()).await.unwrap();
        let incomplete = stored.message(store.resource()).unwrap().is_none();
        assert_eq!(incomplete, expected.is_some(), "{key}");
        if let Some(expected) = expected {
            let tree = cluster.tree(resource, &stored);
            assert_eq!(tree.str_at(path), expected, "{key}");
        }
    };
    let claims = "persistentvolumeclaims";
    let phase = ["status", "phase"];
    let new = r#"{"metadata":{"name":"a","namespace":"ns"}}"#;
    check(claims, "persistentvolumeclaims/ns/a", new, &phase, Some("Pending")).await;
    let bound = r#"{"metadata":{"name":"b","namespace":"ns"},"status":{"phase":"Bound"}}"#;
    check(claims, "persistentvolumeclaims/ns/b", bound, &phase, None).await;

    let label = ["metadata", "labels", "l"];
    let new =
        r#"{"metadata":{"name":"a","namespace":"ns"},"spec":{"template":{"metadata":{"labels":{"l":"v"}}}}}"#;
    check("batch/jobs", "jobs/ns/a", new, &label, Some("v")).await;
    let own = r#"{"metadata":{"name":"b","namespace":"ns","labels":{"l":"w"}},"spec":{"template":{"metadata":{"labels":{"l":"v"}}}}}"#;
    check("batch/jobs", "jobs/ns/b", own, &label, None).await;
    check("batch/jobs", "jobs/ns/c", r#"{"metadata":{"name":"c","namespace":"ns"}}"#, &label, None).await;

    let sets = "apps/statefulsets";
    let with = r#"{"metadata":{"name":"a","namespace":"ns"},"spec":{"volumeClaimTemplates":[{"metadata":{"name":"c"}}]}}"#;
    check(sets, "statefulsets/ns/a", with, &["spec", "podManagementPolicy"], Some("OrderedReady")).await;
    let set = cluster.get(sets, "ns", "a").await.unwrap();
    let claims = set.at(&["spec", "volumeClaimTemplates"]).and_then(Value::as_array).unwrap();
    assert_eq!(claims[0].str_at(&["kind"]), "PersistentVolumeClaim");
    check(sets, "statefulsets/ns/b", r#"{"metadata":{"name":"b","namespace":"ns"}}"#, &[], None).await;

    let selected = ListOptions { label_selector: "l=v".into(), ..ListOptions::default() };
    assert_eq!(cluster.names("batch/jobs", "ns", &selected).await.unwrap(), ["a"]);
    cluster.close().await;
}

#[tokio::test]
async fn labels_of_a_jobs_template_are_its_own_by_default() {
    let cluster = Cluster::new().await;
    let check = async |metadata: &str, template: &str, expected: &[&str]| {
        let text = format!(r#"{{"metadata":{metadata},"spec":{{"template":{{"metadata":{template}}}}}}}"#);
        let job = cluster.create("batch/jobs", "ns", &text).await.unwrap();
        let labels: Vec<&str> = job.labels().into_iter().flat_map(keelson_apimachinery::Map::keys).collect();
        assert_eq!(labels, expected, "{text}");
    };
    let set =
        ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];
    check(r#"{"name":"a"}"#, "{}", &set).await;
    let with_own = [&set[..], &["l"]].concat();
    check(r#"{"name":"b","labels":{"l":"v"}}"#, r#"{"labels":{"l":"v"}}"#, &with_own).await;
    check(r#"{"name":"c","labels":{"m":"v"}}"#, r#"{"labels":{"l":"v"}}"#, &["m"]).await;
    cluster.close().await;
}

#[tokio::test]
async fn taints_of_devices_are_dated() {
    let cluster = Cluster::new().await;
    let slices = "resource.k8s.io/resourceslices";
    let text = r#"{"metadata":{"name":"a"},"spec":{"driver":"d","allNodes":true,"pool":{"name":"p","generation":1,"resourceSliceCount":1},
        "devices":[{"name":"d","taints":[{"key":"k","effect":"NoSchedule"},
        {"key":"l","effect":"NoSchedule","timeAdded":"2020-01-01T00:00:00Z"}]}]}}"#;
    let slice = cluster.create(slices, "", text).await.unwrap();
    let devices = slice.at(&["spec", "devices"]).and_then(Value::as_array).unwrap();
    let taints = devices[0].get("taints").and_then(Value::as_array).unwrap();
    assert!(taints[0].str_at(&["timeAdded"]).ends_with('Z'));
    assert_eq!(taints[1].str_at(&["timeAdded"]), "2020-01-01T00:00:00Z");
    cluster.close().await;
}

#[tokio::test]
async fn names_outside_of_the_cluster_have_no_internal_traffic() {
    let cluster = Cluster::new().await;
    let text = r#"{"metadata":{"name":"s"},"spec":{"type":"ClusterIP","sessionAffinity":"None",
        "internalTrafficPolicy":"Cluster","ports":[{"port":80,"protocol":"TCP","targetPort":80}]}}"#;
    cluster.create("services", "ns", text).await.unwrap();
    let changed = cluster
        .patch("services", cluster.context("ns"), "s", |service| {
            set(service, &["spec", "type"], r#""ExternalName""#);
            set(service, &["spec", "externalName"], r#""a.example""#);
        })
        .await
        .unwrap();
    assert_eq!(changed.at(&["spec", "internalTrafficPolicy"]), None);
    cluster.close().await;
}
