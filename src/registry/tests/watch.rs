use futures::StreamExt;
use keelson_storage::{Error, Event, KeyValue, ListRange, Page};

use super::*;
use crate::registry::{Caches, WatchEventKind, WatchStream};

fn from(version: &str) -> ListOptions {
    ListOptions { resource_version: version.into(), ..ListOptions::default() }
}

async fn next(watch: &mut WatchStream) -> (WatchEventKind, Stored) {
    let event = tokio::time::timeout(Duration::from_secs(10), watch.next()).await.expect("an event in time");
    let event = event.expect("a watch that goes on").expect("no error");
    (event.kind, event.object)
}

async fn expect(
    cluster: &Cluster,
    resource: &str,
    watch: &mut WatchStream,
    expected: &[(WatchEventKind, &str)],
) {
    for (kind, name) in expected {
        let (found, stored) = next(watch).await;
        assert_eq!((found, cluster.tree(resource, &stored).name().to_owned()), (*kind, (*name).to_owned()));
    }
}

#[tokio::test]
async fn watches_tell_what_happens_after_a_version() {
    let cluster = Cluster::new().await;
    let before = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let store = cluster.store("configmaps");
    let mut watch = store.watch(Some("ns"), &from(before.resource_version())).await.unwrap();
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"b"}}"#).await.unwrap();
    cluster
        .put("configmaps", cluster.context("ns"), r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#)
        .await
        .unwrap();
    let deleted = cluster.delete("configmaps", "ns", "b", &DeleteOptions::default()).await.unwrap();
    use WatchEventKind::{Added, Deleted, Modified};
    expect(&cluster, "configmaps", &mut watch, &[(Added, "b"), (Modified, "a")]).await;
    let (kind, stored) = next(&mut watch).await;
    assert_eq!((kind, stored), (Deleted, deleted.object), "deleted objects have the deletion's version");
    cluster.close().await;
}

#[tokio::test]
async fn watches_without_a_version_begin_with_the_state() {
    let cluster = Cluster::new().await;
    for name in ["b", "a", "c"] {
        cluster.create("configmaps", "ns", &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).await.unwrap();
    }
    let store = cluster.store("configmaps");
    use WatchEventKind::{Added, InitialEventsEnd, Modified};
    for version in ["", "0"] {
        let mut watch = store.watch(Some("ns"), &from(version)).await.unwrap();
        expect(&cluster, "configmaps", &mut watch, &[(Added, "a"), (Added, "b"), (Added, "c")]).await;
        let text = format!(r#"{{"metadata":{{"name":"b"}},"data":{{"k":"v{version}"}}}}"#);
        cluster.put("configmaps", cluster.context("ns"), &text).await.unwrap();
        expect(&cluster, "configmaps", &mut watch, &[(Modified, "b")]).await;
    }
    let options = ListOptions {
        send_initial_events: Some(true),
        allow_watch_bookmarks: true,
        ..ListOptions::default()
    };
    let mut watch = store.watch(Some("ns"), &options).await.unwrap();
    expect(&cluster, "configmaps", &mut watch, &[(Added, "a"), (Added, "b"), (Added, "c")]).await;
    let (kind, stored) = next(&mut watch).await;
    assert_eq!((kind, stored.value.len()), (InitialEventsEnd, 0));
    assert_eq!(stored.revision, cluster.storage.current_revision().await.unwrap());
    let options = ListOptions { send_initial_events: Some(false), ..ListOptions::default() };
    let mut watch = store.watch(Some("ns"), &options).await.unwrap();
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"d"}}"#).await.unwrap();
    expect(&cluster, "configmaps", &mut watch, &[(Added, "d")]).await;
    cluster.close().await;
}

#[tokio::test]
async fn a_long_state_comes_whole_and_without_a_gap() {
    let cluster = Cluster::new().await;
    let create = async |i: usize| {
        let text = format!(r#"{{"metadata":{{"name":"m{i:04}"}}}}"#);
        cluster.create("configmaps", "ns", &text).await.unwrap();
    };
    futures::stream::iter(0..1100).for_each_concurrent(64, create).await;
    let mut watch = cluster.store("configmaps").watch(Some("ns"), &from("")).await.unwrap();
    // What happens while the state is read comes after it.
    let (_, first) = next(&mut watch).await;
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    let mut names = vec![cluster.tree("configmaps", &first).name().to_owned()];
    while names.len() < 1101 {
        let (kind, stored) = next(&mut watch).await;
        assert_eq!(kind, WatchEventKind::Added);
        names.push(cluster.tree("configmaps", &stored).name().to_owned());
    }
    assert!(names[..1100].is_sorted());
    assert_eq!(names.last().map(String::as_str), Some("a"));
    cluster.close().await;
}

#[tokio::test]
async fn selectors_see_objects_come_and_go() {
    let cluster = Cluster::new().await;
    let store = cluster.store("pods");
    let before = cluster.create("pods", "ns", r#"{"metadata":{"name":"p"}}"#).await.unwrap();
    let options = ListOptions {
        field_selector: "spec.nodeName=n".into(),
        label_selector: "l=x".into(),
        ..from(before.resource_version())
    };
    let mut watch = store.watch(Some("ns"), &options).await.unwrap();
    let change = async |node: &str, label: &str| {
        let context = WriteContext { subresource: "binding", ..cluster.context("ns") };
        cluster
            .patch("pods", context, "p", |object| {
                set(object, &["spec", "nodeName"], &format!(r#""{node}""#));
                set(object, &["metadata", "labels"], &format!(r#"{{"l":"{label}"}}"#));
            })
            .await
            .unwrap()
    };
    use WatchEventKind::{Added, Deleted, Modified};
    change("n", "y").await;
    change("n", "x").await;
    let inside = cluster
        .patch("pods", cluster.context("ns"), "p", |o| o.set_annotation("a", Some("b")))
        .await
        .unwrap();
    let outside = change("n", "z").await;
    change("n", "x").await;
    cluster.create("pods", "ns", r#"{"metadata":{"name":"q"}}"#).await.unwrap();
    expect(&cluster, "pods", &mut watch, &[(Added, "p"), (Modified, "p")]).await;
    let (kind, stored) = next(&mut watch).await;
    let gone = cluster.tree("pods", &stored);
    assert_eq!(kind, Deleted);
    assert_eq!(gone.label("l"), inside.label("l"), "as it was when it was last selected");
    assert_eq!(gone.resource_version(), outside.resource_version());
    expect(&cluster, "pods", &mut watch, &[(Added, "p")]).await;
    cluster.close().await;
}

#[tokio::test]
async fn a_watch_of_one_name_sees_no_other() {
    let cluster = Cluster::new().await;
    let store = cluster.store("configmaps");
    let options = ListOptions { field_selector: "metadata.name=a".into(), ..from("") };
    let mut watch = store.watch(Some("ns"), &options).await.unwrap();
    for name in ["aa", "b", "a"] {
        cluster.create("configmaps", "ns", &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).await.unwrap();
    }
    expect(&cluster, "configmaps", &mut watch, &[(WatchEventKind::Added, "a")]).await;
    cluster.close().await;
}

#[tokio::test]
async fn versions_that_are_gone_end_the_watch() {
    let cluster = Cluster::new().await;
    let before = cluster.create("configmaps", "ns", r#"{"metadata":{"name":"a"}}"#).await.unwrap();
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"b"}}"#).await.unwrap();
    cluster.create("configmaps", "ns", r#"{"metadata":{"name":"c"}}"#).await.unwrap();
    let current = cluster.storage.current_revision().await.unwrap();
    cluster.storage.compact(current).await.unwrap();
    let store = cluster.store("configmaps");
    let mut watch = store.watch(Some("ns"), &from(before.resource_version())).await.unwrap();
    let status = watch.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.reason()), (410, "Expired"));
    assert!(status.message().starts_with("too old resource version: "), "{status}");
    assert!(watch.next().await.is_none());
    let status = store.watch(Some("ns"), &from("abc")).await.err().unwrap();
    let text = r#"resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax"#;
    assert_eq!(said(&status), (500, "", text));
    cluster.close().await;
}

/// A store whose only watch says what the test does.
struct Scripted(parking_lot::Mutex<Option<futures::channel::mpsc::Receiver<Result<Event, Error>>>>);

fn away<T>() -> Result<T, Error> {
    Err(Error::Unavailable("the test's store only watches".into()))
}

#[async_trait]
impl Storage for Scripted {
    async fn get(&self, _: &str) -> Result<Option<KeyValue>, Error> {
        away()
    }

    async fn list(&self, _: &ListRange) -> Result<Page, Error> {
        away()
    }

    async fn create(&self, _: &str, _: bytes::Bytes, _: Option<Duration>) -> Result<u64, Error> {
        away()
    }

    async fn update(&self, _: &str, _: u64, _: bytes::Bytes, _: Option<Duration>) -> Result<u64, Error> {
        away()
    }

    async fn delete(&self, _: &str, _: u64) -> Result<u64, Error> {
        away()
    }

    async fn count(&self, _: &str) -> Result<u64, Error> {
        away()
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        away()
    }

    async fn watch(&self, _: &str, _: u64) -> Result<keelson_storage::Watch, Error> {
        self.0.lock().take().map(StreamExt::boxed).map_or_else(away, Ok)
    }

    async fn request_progress(&self, _: &str, _: u64) -> Result<(), Error> {
        away()
    }

    fn supports_progress(&self) -> bool {
        true
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn compact(&self, _: u64) -> Result<(), Error> {
        away()
    }

    async fn run_compactor(&self, _: Duration) {}

    async fn probe(&self) -> Result<(), Error> {
        away()
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        away()
    }
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_once_a_minute_to_those_who_want_them() {
    let (mut script, events) = futures::channel::mpsc::channel(8);
    let storage: Arc<dyn Storage> = Arc::new(Scripted(parking_lot::Mutex::new(Some(events))));
    let config = RegistryConfig { caches: Caches::None, ..RegistryConfig::default() };
    let registry = Registry::new(Arc::clone(&storage), config);
    let store = registry.store("", "configmaps").unwrap();
    let options = ListOptions { allow_watch_bookmarks: true, ..from("5") };
    let mut watch = store.watch(Some("ns"), &options).await.unwrap();
    let progress = |revision| Ok(Event::Progress { revision });
    // Too soon, then old news: neither is told.
    script.try_send(progress(7)).unwrap();
    assert!(futures::poll!(watch.next()).is_pending());
    tokio::time::advance(Duration::from_secs(61)).await;
    script.try_send(progress(5)).unwrap();
    assert!(futures::poll!(watch.next()).is_pending());
    script.try_send(progress(9)).unwrap();
    let (kind, stored) = next(&mut watch).await;
    assert_eq!((kind, stored.revision, stored.value.len()), (WatchEventKind::Bookmark, 9, 0));
    script.try_send(progress(10)).unwrap();
    assert!(futures::poll!(watch.next()).is_pending());
    // Before an event comes word that all before it were delivered.
    tokio::time::advance(Duration::from_secs(61)).await;
    let now = KeyValue { key: "configmaps/ns/a".into(), value: "{}".into(), revision: 20 };
    script.try_send(Ok(Event::Put { now, before: None })).unwrap();
    let (kind, stored) = next(&mut watch).await;
    assert_eq!((kind, stored.revision), (WatchEventKind::Bookmark, 19));
    assert_eq!(next(&mut watch).await.0, WatchEventKind::Added);
    script.try_send(Err(Error::Compacted { oldest: 0 })).unwrap();
    let status = watch.next().await.unwrap().unwrap_err();
    assert_eq!(said(&status), (410, "Expired", "The resourceVersion for the provided watch is too old."));
}
