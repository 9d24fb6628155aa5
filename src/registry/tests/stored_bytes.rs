use keelson_apimachinery::codec::envelope;

use super::*;

/// A protobuf field: tag and length before the bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).expect("a short field")];
    out.extend_from_slice(bytes);
    out
}

#[tokio::test]
async fn stored_bytes_are_those_of_kube_apiserver() {
    let cluster = Cluster::new().await;
    let object =
        cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#).await.unwrap();
    let stored = cluster.storage.get("configmaps/ns/a").await.unwrap().expect("kube-apiserver's key");
    assert_eq!(stored.revision.to_string(), object.resource_version());
    // The object meta as Go writes it: empty strings are there, resourceVersion and selfLink empty.
    let seconds: i64 = object.creation_timestamp().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    let mut time = vec![0x08];
    let mut rest = u64::try_from(seconds).unwrap();
    while rest >= 0x80 {
        time.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    time.push(rest as u8);
    time.extend([0x10, 0]);
    let mut meta = Vec::new();
    for (number, text) in [(1, "a"), (2, ""), (3, "ns"), (4, ""), (5, object.uid()), (6, "")] {
        meta.extend(field(number, text.as_bytes()));
    }
    meta.extend([0x38, 0]);
    meta.extend(field(8, &time));
    let entry = [field(1, b"k"), field(2, b"v")].concat();
    let message = [field(1, &meta), field(2, &entry)].concat();
    let type_meta = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
    let expected =
        [b"k8s\0".to_vec(), field(1, &type_meta), field(2, &message), field(3, b""), field(4, b"")].concat();
    assert_eq!(stored.value, expected);
    cluster.close().await;
}

#[tokio::test]
async fn keys_and_kinds_in_storage_are_those_of_kube_apiserver() {
    let cluster = Cluster::new().await;
    let named = r#"{"metadata":{"name":"a"}}"#;
    let check = async |resource: &str, namespace: &str, key: &str, api_version: &str, kind: &str| {
        let text = if resource.ends_with("customresourcedefinitions") {
            r#"{"metadata":{"name":"a"},"spec":{"versions":[{"name":"v1","storage":true}]}}"#
        } else {
            named
        };
        cluster.create(resource, namespace, text).await.unwrap_or_else(|error| panic!("{resource}: {error}"));
        let stored = cluster.storage.get(key).await.unwrap().unwrap_or_else(|| panic!("nothing at {key}"));
        let envelope = envelope::open(&stored.value).unwrap();
        assert_eq!((envelope.api_version, envelope.kind), (api_version, kind), "{resource}");
    };
    check("pods", "ns", "pods/ns/a", "v1", "Pod").await;
    check("nodes", "", "minions/a", "v1", "Node").await;
    check("services", "ns", "services/specs/ns/a", "v1", "Service").await;
    check("endpoints", "ns", "services/endpoints/ns/a", "v1", "Endpoints").await;
    check("replicationcontrollers", "ns", "controllers/ns/a", "v1", "ReplicationController").await;
    check("events.k8s.io/events", "ns", "events/ns/a", "v1", "Event").await;
    check("apps/deployments", "ns", "deployments/ns/a", "apps/v1", "Deployment").await;
    check("networking.k8s.io/ingresses", "ns", "ingress/ns/a", "networking.k8s.io/v1", "Ingress").await;
    check(
        "autoscaling/horizontalpodautoscalers",
        "ns",
        "horizontalpodautoscalers/ns/a",
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
    )
    .await;
    check(
        "apiextensions.k8s.io/customresourcedefinitions",
        "",
        "apiextensions.k8s.io/customresourcedefinitions/a",
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
    )
    .await;
    check(
        "apiregistration.k8s.io/apiservices",
        "",
        "apiregistration.k8s.io/apiservices/a",
        "apiregistration.k8s.io/v1",
        "APIService",
    )
    .await;
    cluster.close().await;
}

#[tokio::test]
async fn json_that_an_older_cluster_stored_is_read_and_rewritten() {
    let cluster = Cluster::new().await;
    let json = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"old","namespace":"ns","uid":"u","labels":{"l":"x"},"creationTimestamp":"2020-01-01T00:00:00Z"},"data":{"k":"v"}}"#;
    cluster.storage.create("configmaps/ns/old", json.into(), None).await.unwrap();
    let object = cluster.get("configmaps", "ns", "old").await.unwrap();
    assert_eq!((object.name(), object.str_at(&["data", "k"])), ("old", "v"));
    let options = ListOptions { label_selector: "l=x".into(), ..ListOptions::default() };
    assert_eq!(cluster.names("configmaps", "ns", &options).await.unwrap(), ["old"]);
    let options = ListOptions { label_selector: "l=y".into(), ..ListOptions::default() };
    assert!(cluster.names("configmaps", "ns", &options).await.unwrap().is_empty());
    cluster
        .patch("configmaps", cluster.context("ns"), "old", |o| o.set_annotation("a", Some("b")))
        .await
        .unwrap();
    let stored = cluster.storage.get("configmaps/ns/old").await.unwrap().unwrap();
    assert!(stored.value.starts_with(b"k8s\0"));
    cluster.close().await;
}

#[tokio::test]
async fn events_are_kept_for_a_while_only() {
    let cluster = Cluster::with(|config| config.event_ttl = Duration::from_secs(1)).await;
    cluster.create("events", "ns", r#"{"metadata":{"name":"e"}}"#).await.unwrap();
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"m"}}"#).await.unwrap();
    eventually("the event's end", async || {
        cluster.get("events", "ns", "e").await.is_err_and(|status| status.code() == 404)
    })
    .await;
    assert!(cluster.get("configmaps", "ns", "m").await.is_ok());
    cluster.close().await;
}
