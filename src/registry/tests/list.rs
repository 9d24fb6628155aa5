use super::*;
use crate::registry::Caches;

async fn filled() -> Cluster {
    filled_with(|_| {}).await
}

async fn filled_with(change: impl FnOnce(&mut RegistryConfig)) -> Cluster {
    let cluster = Cluster::with(change).await;
    for name in ["c", "a", "e", "b", "d"] {
        let odd = if "ace".contains(name) { "yes" } else { "no" };
        let text = format!(r#"{{"metadata":{{"name":"{name}","labels":{{"odd":"{odd}"}}}}}}"#);
        cluster.create("configmaps", "ns", &text).await.unwrap();
    }
    cluster
}

fn paged(limit: i64, token: &str) -> ListOptions {
    ListOptions { limit, continue_token: token.into(), ..ListOptions::default() }
}

#[tokio::test]
async fn lists_are_sorted_and_paged_over_one_snapshot() {
    let cluster = filled().await;
    let store = cluster.store("configmaps");
    assert_eq!(
        cluster.names("configmaps", "ns", &ListOptions::default()).await.unwrap(),
        ["a", "b", "c", "d", "e"]
    );
    let first = store.list(Some("ns"), &paged(2, "")).await.unwrap();
    assert_eq!((first.items.len(), first.remaining), (2, Some(3)));
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"bb"}}"#).await.unwrap();
    cluster.delete("configmaps", "ns", "d", &DeleteOptions::default()).await.unwrap();
    let second = store.list(Some("ns"), &paged(2, &first.continue_token)).await.unwrap();
    let names: Vec<_> = second.items.iter().map(|i| store.name_of(i).unwrap().1).collect();
    assert_eq!((names, second.remaining), (vec!["c".to_owned(), "d".to_owned()], Some(1)));
    assert_eq!(second.revision, first.revision);
    let third = store.list(Some("ns"), &paged(2, &second.continue_token)).await.unwrap();
    assert_eq!((third.items.len(), third.remaining, third.continue_token.as_str()), (1, None, ""));
    for limit in [0, -1, 500] {
        let all = store.list(Some("ns"), &paged(limit, "")).await.unwrap();
        assert_eq!((all.items.len(), all.continue_token.as_str()), (5, ""), "limit {limit}");
    }
    cluster.close().await;
}

#[tokio::test]
async fn pages_are_filled_although_selectors_drop_items() {
    let cluster = filled().await;
    let store = cluster.store("configmaps");
    let selecting = |token: &str| ListOptions { label_selector: "odd=yes".into(), ..paged(2, token) };
    let first = store.list(Some("ns"), &selecting("")).await.unwrap();
    let names: Vec<_> = first.items.iter().map(|i| store.name_of(i).unwrap().1).collect();
    assert_eq!((names, first.remaining), (vec!["a".to_owned(), "c".to_owned()], None));
    let second = store.list(Some("ns"), &selecting(&first.continue_token)).await.unwrap();
    assert_eq!((second.items.len(), second.continue_token.as_str()), (1, ""));
    cluster.close().await;
}

#[tokio::test]
async fn selectors_select() {
    let cluster = filled().await;
    let pods = [
        r#"{"metadata":{"name":"a"},"spec":{"nodeName":"n1"}}"#,
        r#"{"metadata":{"name":"b"},"spec":{"restartPolicy":"Never","serviceAccountName":"s"}}"#,
        r#"{"metadata":{"name":"c"},"spec":{"hostNetwork":true,"schedulerName":"other"}}"#,
    ];
    for pod in pods {
        cluster.create("pods", "ns", pod).await.unwrap();
    }
    cluster.create("secrets", "ns", r#"{"metadata":{"name":"s1"},"type":"x/y"}"#).await.unwrap();
    cluster.create("secrets", "ns", r#"{"metadata":{"name":"s2"}}"#).await.unwrap();
    let event = r#"{"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"Why","source":{"component":"me"},"type":"Normal"}"#;
    cluster.create("events", "ns", event).await.unwrap();
    cluster.create("nodes", "", r#"{"metadata":{"name":"n1"},"spec":{"unschedulable":true}}"#).await.unwrap();
    cluster.create("batch/jobs", "ns", r#"{"metadata":{"name":"j"}}"#).await.unwrap();
    let check = async |resource: &str, labels: &str, fields: &str, expected: &[&str]| {
        let options = ListOptions {
            label_selector: labels.into(),
            field_selector: fields.into(),
            ..ListOptions::default()
        };
        let namespace = if resource == "nodes" { "" } else { "ns" };
        let names = cluster.names(resource, namespace, &options).await.unwrap();
        assert_eq!(names, expected, "{resource} {labels} {fields}");
        if namespace == "ns" {
            let options =
                ListOptions { field_selector: format!("metadata.namespace=ns,{fields}"), ..options };
            assert_eq!(
                cluster.names(resource, "", &options).await.unwrap(),
                expected,
                "all {resource} {fields}"
            );
        }
    };
    check("configmaps", "odd=yes", "", &["a", "c", "e"]).await;
    check("configmaps", "odd in (no)", "metadata.name!=b", &["d"]).await;
    check("configmaps", "", "metadata.name=b", &["b"]).await;
    check("configmaps", "odd=yes", "metadata.name=b", &[]).await;
    check("configmaps", "!odd", "", &[]).await;
    check("pods", "", "spec.nodeName=n1", &["a"]).await;
    check("pods", "", "spec.host=n1", &["a"]).await;
    check("pods", "", "spec.nodeName=", &["b", "c"]).await;
    check("pods", "", "status.phase=Pending", &["a", "b", "c"]).await;
    check("pods", "", "status.phase!=Pending", &[]).await;
    check("pods", "", "spec.restartPolicy=Never,spec.serviceAccountName=s", &["b"]).await;
    check("pods", "", "spec.hostNetwork=true", &["c"]).await;
    check("pods", "", "spec.hostNetwork=false", &["a", "b"]).await;
    check("pods", "", "status.podIP=,status.nominatedNodeName=", &["a", "b", "c"]).await;
    check("secrets", "", "type=x/y", &["s1"]).await;
    check("secrets", "", "type=Opaque", &["s2"]).await;
    check("events", "", "involvedObject.name=p,reason=Why,type=Normal,source=me", &["e"]).await;
    check("events.k8s.io/events", "", "regarding.name=p,reason=Why", &["e"]).await;
    check("events", "", "involvedObject.kind=Node", &[]).await;
    check("nodes", "", "spec.unschedulable=true", &["n1"]).await;
    check("batch/jobs", "", "status.successful=0", &["j"]).await;
    cluster.close().await;
}

#[tokio::test]
async fn bad_queries_are_refused_with_upstreams_texts() {
    let cluster = filled().await;
    let check = async |resource: &str, options: ListOptions, code: u16, text: &str| {
        let namespace = cluster.store(resource).resource().namespaced.then_some("ns");
        let status = cluster.store(resource).list(namespace, &options).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, text), "{options:?}");
    };
    let field = |field: &str| ListOptions { field_selector: field.into(), ..ListOptions::default() };
    let version = |version: &str| ListOptions { resource_version: version.into(), ..ListOptions::default() };
    check(
        "configmaps",
        field("data.k=x"),
        400,
        r#""data.k" is not a known field selector: only "metadata.name", "metadata.namespace""#,
    )
    .await;
    check("pods", field("spec.hostname=x"), 400, "field label not supported: spec.hostname").await;
    check("namespaces", field("metadata.namespace=x"), 400, "field label not supported: metadata.namespace")
        .await;
    check("batch/jobs", field("spec.x=1"), 400, r#"field label "spec.x" not supported for Job"#).await;
    check(
        "resource.k8s.io/resourceslices",
        field("x=1"),
        400,
        "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: x",
    )
    .await;
    check(
        "events.k8s.io/events",
        field("involvedObject.name=x"),
        400,
        "field label not supported: involvedObject.name",
    )
    .await;
    check(
        "configmaps",
        version("abc"),
        400,
        r#"invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax"#,
    )
    .await;
    let first = cluster.store("configmaps").list(Some("ns"), &paged(1, "")).await.unwrap();
    check(
        "configmaps",
        ListOptions { resource_version: "5".into(), ..paged(1, &first.continue_token) },
        400,
        "specifying resource version is not allowed when using continue",
    )
    .await;
    cluster.close().await;
}

#[tokio::test]
async fn revisions_are_shown_as_asked_for() {
    let cluster = filled().await;
    let store = cluster.store("configmaps");
    let before = store.list(Some("ns"), &ListOptions::default()).await.unwrap().revision;
    cluster.delete("configmaps", "ns", "a", &DeleteOptions::default()).await.unwrap();
    let check = async |version: String, matching: &str, limit: i64, expected: usize| {
        let options = ListOptions {
            resource_version: version,
            resource_version_match: matching.into(),
            ..paged(limit, "")
        };
        let listing = store.list(Some("ns"), &options).await.unwrap();
        assert_eq!(listing.items.len(), expected, "{options:?}");
    };
    check("0".into(), "", 0, 4).await;
    check(before.to_string(), "", 0, 4).await;
    check(before.to_string(), "NotOlderThan", 0, 4).await;
    check(before.to_string(), "Exact", 0, 5).await;
    check(before.to_string(), "", 10, 5).await;
    let options = ListOptions {
        resource_version: before.to_string(),
        resource_version_match: "Exact".into(),
        field_selector: "metadata.name=a".into(),
        ..ListOptions::default()
    };
    assert_eq!(store.list(Some("ns"), &options).await.unwrap().items.len(), 1);
    cluster.close().await;
}

#[tokio::test]
async fn what_was_compacted_or_has_not_happened_is_refused() {
    // A cache may remember for longer.
    let cluster = filled_with(|config| config.caches = Caches::None).await;
    let store = cluster.store("configmaps");
    let first = store.list(Some("ns"), &paged(2, "")).await.unwrap();
    cluster.delete("configmaps", "ns", "c", &DeleteOptions::default()).await.unwrap();
    let current = cluster.storage.current_revision().await.unwrap();
    cluster.storage.compact(current).await.unwrap();
    let status = store.list(Some("ns"), &paged(2, &first.continue_token)).await.unwrap_err();
    assert_eq!((status.code(), status.reason()), (410, "Expired"));
    assert!(status.message().starts_with("The provided continue parameter is too old"), "{status}");
    // The token in the answer goes on with what is there now.
    let rest = store.list(Some("ns"), &paged(5, status.continue_token())).await.unwrap();
    let names: Vec<_> = rest.items.iter().map(|i| store.name_of(i).unwrap().1).collect();
    assert_eq!(names, ["d", "e"]);
    let exact = |version: u64| ListOptions {
        resource_version: version.to_string(),
        resource_version_match: "Exact".into(),
        ..ListOptions::default()
    };
    let status = store.list(Some("ns"), &exact(first.revision)).await.unwrap_err();
    assert_eq!(said(&status), (410, "Expired", "The resourceVersion for the provided list is too old."));
    let status = store.list(Some("ns"), &exact(current + 100)).await.unwrap_err();
    assert_eq!((status.code(), status.reason()), (504, "Timeout"));
    assert!(status.message().contains("Too large resource version"), "{status}");
    assert_eq!(status.details().unwrap().causes[0].reason, "ResourceVersionTooLarge");
    cluster.close().await;
}

#[tokio::test]
async fn reads_wait_for_revisions_that_come_soon() {
    let cluster = filled().await;
    let store = cluster.store("configmaps");
    let soon = cluster.storage.current_revision().await.unwrap() + 1;
    let soon = soon.to_string();
    let read = store.get_at(Some("ns"), "f", &soon);
    let write = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"f"}}"#);
    let (read, write) = futures::join!(read, write);
    assert_eq!(cluster.tree("configmaps", &read.unwrap()), write.unwrap());
    let status = store.get_at(Some("ns"), "f", "x").await.unwrap_err();
    let text = r#"resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax"#;
    assert_eq!(said(&status), (500, "", text));
    cluster.close().await;
}
