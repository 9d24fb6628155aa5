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
        cluster
            .create(resource, namespace, named)
            .await
            .unwrap_or_else(|error| panic!("{resource}: {error}"));
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
async fn objects_are_stored_as_json_where_that_is_wanted() {
    let cluster = Cluster::with(|config| config.as_json = true).await;
    let text = r#"{"metadata":{"name":"a","labels":{"l":"y"}},"data":{"k":"v"}}"#;
    let object = cluster.create("configmaps", "ns", text).await.unwrap();
    let stored = cluster.storage.get("configmaps/ns/a").await.unwrap().unwrap();
    let value = std::str::from_utf8(&stored.value).unwrap();
    let head = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"ns","uid":""#;
    assert!(value.starts_with(head) && value.ends_with("\"data\":{\"k\":\"v\"}}\n"), "{value}");
    assert_eq!(cluster.get("configmaps", "ns", "a").await.unwrap(), object);
    let labelled = ListOptions { label_selector: "l=y".into(), ..ListOptions::default() };
    assert_eq!(cluster.names("configmaps", "ns", &labelled).await.unwrap(), ["a"]);
    // What is protobuf is read, and turned with its next write.
    let plain = Registry::new(Arc::clone(&cluster.storage), RegistryConfig::default());
    let store = plain.store("", "configmaps").unwrap();
    let context = cluster.context("ns");
    let old = cluster.object("configmaps", r#"{"metadata":{"name":"old"}}"#);
    store.create(&context, old, &NoAdmission).await.unwrap();
    let stored = cluster.storage.get("configmaps/ns/old").await.unwrap().unwrap();
    assert!(stored.value.starts_with(b"k8s\0"));
    cluster
        .patch("configmaps", cluster.context("ns"), "old", |o| o.set_annotation("a", Some("b")))
        .await
        .unwrap();
    let stored = cluster.storage.get("configmaps/ns/old").await.unwrap().unwrap();
    assert!(stored.value.starts_with(b"{"));
    plain.close().await;
    cluster.close().await;
}

const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";

#[tokio::test]
async fn definitions_and_api_services_are_stored_as_json() {
    let cluster = Cluster::new().await;
    let check = async |resource: &str, name: &str, text: &str, before: &str, after: &str| {
        let key = format!("{resource}/{name}");
        let object =
            cluster.create(resource, "", text).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        let stored = cluster.storage.get(&key).await.unwrap().unwrap_or_else(|| panic!("nothing at {key}"));
        let time = object.creation_timestamp().unwrap();
        let meta = format!(
            r#""metadata":{{"name":"{name}","uid":"{}","creationTimestamp":"{time}"}}"#,
            object.uid()
        );
        // `generation` stands between in kinds that count it.
        let value = std::str::from_utf8(&stored.value).unwrap();
        let value = value.replace(r#""generation":1,"#, "").replace(time, "T");
        assert_eq!(value, format!("{before}{meta}{after}\n").replace(time, "T"));
        assert_eq!(cluster.get(resource, "", name).await.unwrap(), object);
    };
    check(
        DEFINITIONS,
        "as.g.io",
        r#"{"metadata":{"name":"as.g.io"},"spec":{"group":"g.io","scope":"Cluster","names":{"plural":"as","kind":"A","singular":"a","listKind":"AList"},
          "conversion":{"strategy":"None"},"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
          "schema":{"openAPIV3Schema":{"type":"object"}},"additionalPrinterColumns":[{"name":"N","type":"string","jsonPath":".n"}]}]}}"#,
        r#"{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","#,
        r#","spec":{"group":"g.io","version":"v1","names":{"plural":"as","singular":"a","kind":"A","listKind":"AList"},"scope":"Cluster","validation":{"openAPIV3Schema":{"type":"object"}},"subresources":{"status":{}},"versions":[{"name":"v1","served":true,"storage":true}],"additionalPrinterColumns":[{"name":"N","type":"string","JSONPath":".n"}],"conversion":{"strategy":"None"},"preserveUnknownFields":false},"status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":["v1"]}}"#,
    )
    .await;
    check(
        "apiregistration.k8s.io/apiservices",
        "v1.g",
        r#"{"metadata":{"name":"v1.g"},"spec":{"group":"g","version":"v1","groupPriorityMinimum":1,"versionPriority":2,"insecureSkipTLSVerify":true,"service":{"namespace":"n","name":"s","port":443}}}"#,
        r#"{"kind":"APIService","apiVersion":"apiregistration.k8s.io/v1","#,
        r#","spec":{"service":{"namespace":"n","name":"s","port":443},"group":"g","version":"v1","insecureSkipTLSVerify":true,"groupPriorityMinimum":1,"versionPriority":2},"status":{}}"#,
    )
    .await;
    cluster.close().await;
}

#[tokio::test]
async fn definitions_are_read_in_every_form_and_rewritten() {
    let cluster = Cluster::new().await;
    let ty = |version: &str| {
        keelson_api::facts::kind("apiextensions.k8s.io", version, "CustomResourceDefinition").unwrap()
    };
    let (names, status) = (
        r#""names":{"plural":"as","singular":"a","kind":"A","listKind":"AList"},"scope":"Cluster""#,
        r#""status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":["v1"]}"#,
    );
    let meta = r#""metadata":{"name":"NAME","uid":"u","labels":{"l":"x"},"creationTimestamp":"2020-01-01T00:00:00Z"}"#;
    let whole = |version: &str, spec: &str| {
        format!(
            r#"{{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/{version}",{meta},"spec":{{"group":"g.io",{names},{spec}}},{status}}}"#
        )
    };
    let v1 = whole(
        "v1",
        r#""versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}},"additionalPrinterColumns":[{"name":"N","type":"string","jsonPath":".n"}]}],"conversion":{"strategy":"None"}"#,
    );
    let v1beta1 = whole(
        "v1beta1",
        r#""version":"v1","versions":[{"name":"v1","served":true,"storage":true}],"validation":{"openAPIV3Schema":{"type":"object"}},"additionalPrinterColumns":[{"name":"N","type":"string","JSONPath":".n"}],"conversion":{"strategy":"None"},"preserveUnknownFields":false"#,
    );
    let sealed = |version: &str, text: &str| {
        let value = json::decode(keelson_api::schema(), ty(version), text.as_bytes()).unwrap().value;
        let message =
            keelson_apimachinery::codec::protobuf::encode(keelson_api::schema(), ty(version), &value)
                .unwrap();
        envelope::seal(&format!("apiextensions.k8s.io/{version}"), "CustomResourceDefinition", &message)
    };
    let forms = [
        ("a", v1.replace("NAME", "a").into_bytes()),
        ("b", v1beta1.replace("NAME", "b").into_bytes()),
        ("c", format!("{}\n", v1beta1.replace("NAME", "c")).into_bytes()),
        ("d", sealed("v1", &v1.replace("NAME", "d"))),
        ("e", sealed("v1beta1", &v1beta1.replace("NAME", "e"))),
    ];
    for (name, value) in forms {
        let key = format!("{DEFINITIONS}/{name}");
        cluster.storage.create(&key, value.into(), None).await.unwrap();
        let mut expected = cluster.object(DEFINITIONS, &v1.replace("NAME", name));
        let object = cluster.get(DEFINITIONS, "", name).await.unwrap();
        expected.set_resource_version(object.resource_version());
        assert_eq!(object, expected, "{name}");
        let mut listing = Vec::new();
        let options = ListOptions { label_selector: "l=x".into(), ..ListOptions::default() };
        listing.extend(cluster.names(DEFINITIONS, "", &options).await.unwrap());
        assert!(listing.iter().any(|listed| listed == name), "{name} in {listing:?}");
        let patch = |o: &mut Object| o.set_annotation("a", Some("b"));
        cluster.patch(DEFINITIONS, cluster.context(""), name, patch).await.unwrap();
        let stored = cluster.storage.get(&key).await.unwrap().unwrap();
        let start = br#"{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","#;
        assert!(stored.value.starts_with(start) && stored.value.ends_with(b"}\n"), "{name}");
    }
    cluster.close().await;
}

#[tokio::test]
async fn objects_of_another_version_are_converted_when_they_are_read() {
    let cluster = Cluster::new().await;
    let text = r#"{"metadata":{"name":"old","namespace":"ns","uid":"u"},"spec":{"scaleTargetRef":{"kind":"D","name":"d"},"maxReplicas":3,"targetCPUUtilizationPercentage":70}}"#;
    let ty = keelson_api::facts::kind("autoscaling", "v1", "HorizontalPodAutoscaler").unwrap();
    let value = json::decode(keelson_api::schema(), ty, text.as_bytes()).unwrap().value;
    let message = keelson_apimachinery::codec::protobuf::encode(keelson_api::schema(), ty, &value).unwrap();
    let sealed = envelope::seal("autoscaling/v1", "HorizontalPodAutoscaler", &message);
    cluster.storage.create("horizontalpodautoscalers/ns/old", sealed.into(), None).await.unwrap();
    let object = cluster.get("autoscaling/horizontalpodautoscalers", "ns", "old").await.unwrap();
    let metric = object.at(&["spec", "metrics"]).and_then(Value::as_array).unwrap()[0].clone();
    assert_eq!(metric.at(&["resource", "target", "averageUtilization"]), Some(&Value::Int(70)));
    assert_eq!(object.api_version(), "autoscaling/v2");
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
