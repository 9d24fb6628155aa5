//! Reads, watches and writes through the watch cache.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use keelson_storage::{Error, Event, KeyValue, ListRange, Page, Watch};
use tokio::sync::watch as gate;

use super::*;
use crate::registry::{Caches, EncodingKey, WatchEvent, WatchEventKind};

/// The embedded store as if it were far away: its watches bring nothing while the gate is closed, and reads of
/// single keys are counted.
struct Remote {
    inner: Arc<Embedded>,
    open: gate::Sender<bool>,
    gets: AtomicU64,
    /// Each open watch holds one.
    watches: Arc<()>,
}

#[async_trait]
impl Storage for Remote {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.inner.get(key).await
    }

    async fn list(&self, range: &ListRange) -> Result<Page, Error> {
        self.inner.list(range).await
    }

    async fn create(&self, key: &str, value: bytes::Bytes, ttl: Option<Duration>) -> Result<u64, Error> {
        self.inner.create(key, value, ttl).await
    }

    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: bytes::Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error> {
        self.inner.update(key, expected, value, ttl).await
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error> {
        self.inner.delete(key, expected).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, Error> {
        self.inner.count(prefix).await
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        self.inner.current_revision().await
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error> {
        let (gate, watches) = (self.open.subscribe(), self.watches.clone());
        let held = self.inner.watch(prefix, after).await?.then(move |item| {
            let (mut gate, _watches) = (gate.clone(), &watches);
            async move {
                gate.wait_for(|open| *open).await.expect("the store is there");
                item
            }
        });
        Ok(held.boxed())
    }

    async fn request_progress(&self, prefix: &str, revision: u64) -> Result<(), Error> {
        self.inner.request_progress(prefix, revision).await
    }

    fn supports_progress(&self) -> bool {
        true
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn compact(&self, revision: u64) -> Result<(), Error> {
        self.inner.compact(revision).await
    }

    async fn run_compactor(&self, interval: Duration) {
        self.inner.run_compactor(interval).await;
    }

    async fn probe(&self) -> Result<(), Error> {
        self.inner.probe().await
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        self.inner.size_bytes().await
    }
}

/// A cluster over a store that is far away, and another server over the same store without caches.
async fn remote() -> (Cluster, Cluster, Arc<Remote>) {
    let near = Cluster::with(|config| config.caches = Caches::None).await;
    let remote = Arc::new(Remote {
        inner: near.embedded.clone(),
        open: gate::Sender::new(true),
        gets: AtomicU64::new(0),
        watches: Arc::default(),
    });
    let storage: Arc<dyn Storage> = remote.clone();
    let far = Cluster {
        registry: Registry::new(storage.clone(), RegistryConfig::default()),
        storage,
        warnings: Warnings::default(),
        user: near.user.clone(),
        embedded: near.embedded.clone(),
        _directory: tempfile::tempdir().expect("a temporary directory"),
    };
    (far, near, remote)
}

fn text(name: &str, value: &str) -> String {
    format!(r#"{{"metadata":{{"name":"{name}"}},"data":{{"k":"{value}"}}}}"#)
}

#[tokio::test]
async fn writes_begin_with_the_cached_state() {
    let (far, _near, remote) = remote().await;
    far.create("configmaps", "ns", &text("a", "1")).await.unwrap();
    far.names("configmaps", "ns", &ListOptions::default()).await.unwrap();
    let before = remote.gets.load(Ordering::SeqCst);
    let context = far.context("ns");
    far.patch("configmaps", context, "a", |o| set(o, &["data", "k"], "\"2\"")).await.unwrap();
    far.names("configmaps", "ns", &ListOptions::default()).await.unwrap();
    far.delete("configmaps", "ns", "a", &DeleteOptions::default()).await.unwrap();
    assert_eq!(remote.gets.load(Ordering::SeqCst), before, "no read of storage");
    let status = far.patch("configmaps", context, "a", |_| {}).await.unwrap_err();
    assert_eq!(status.code(), 404);
}

#[tokio::test]
async fn what_an_old_state_refuses_is_decided_again() {
    let (far, near, remote) = remote().await;
    for name in ["a", "b", "c", "d", "e"] {
        far.create("configmaps", "ns", &text(name, "old")).await.unwrap();
    }
    let listed = far.names("configmaps", "ns", &ListOptions::default()).await.unwrap();
    assert_eq!(listed, ["a", "b", "c", "d", "e"]);
    remote.open.send_replace(false);
    let mut versions = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let (object, _) = near.put("configmaps", near.context("ns"), &text(name, "new")).await.unwrap();
        versions.push(object.resource_version().to_owned());
    }
    near.delete("configmaps", "ns", "e", &DeleteOptions::default()).await.unwrap();
    let context = far.context("ns");
    // The version that the client has is newer than the cache's.
    let mut newer = far.object("configmaps", &text("a", "newer"));
    newer.set_resource_version(&versions[0]);
    let mut change = Put { uid: None, object: newer };
    far.store("configmaps").update(&context, "a", &mut change, &NoAdmission).await.unwrap();
    // What would change nothing of the old state changes the new one back.
    let (object, _) = far.put("configmaps", context, &text("b", "old")).await.unwrap();
    assert_eq!(object.str_at(&["data", "k"]), "old");
    assert_eq!(near.get("configmaps", "ns", "b").await.unwrap().str_at(&["data", "k"]), "old");
    // A change is made on what is there.
    let patched = far
        .patch("configmaps", context, "c", |object| {
            assert!(matches!(object.str_at(&["data", "k"]), "old" | "new"));
            let seen = object.str_at(&["data", "k"]).to_owned();
            object.set_annotation("seen", Some(&seen));
        })
        .await
        .unwrap();
    assert_eq!((patched.annotation("seen"), patched.str_at(&["data", "k"])), (Some("new"), "new"));
    // Preconditions are about what is there.
    let wanted = |version: &str| DeleteOptions {
        precondition_resource_version: Some(version.to_owned()),
        ..DeleteOptions::default()
    };
    let status = far.delete("configmaps", "ns", "d", &wanted("1")).await.unwrap_err();
    assert!(status.code() == 409 && status.message().contains(&versions[3]), "{status}");
    far.delete("configmaps", "ns", "d", &wanted(&versions[3])).await.unwrap();
    for gone in ["d", "e"] {
        let status = far.delete("configmaps", "ns", gone, &DeleteOptions::default()).await.unwrap_err();
        assert_eq!(status.code(), 404, "{gone}");
        assert_eq!(far.put("configmaps", context, &text(gone, "x")).await.unwrap_err().code(), 404, "{gone}");
    }
    remote.open.send_replace(true);
    assert_eq!(far.names("configmaps", "ns", &ListOptions::default()).await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn reads_go_to_storage_while_the_cache_is_behind() {
    let (far, near, remote) = remote().await;
    near.create("configmaps", "ns", &text("a", "1")).await.unwrap();
    let any = ListOptions { resource_version: "0".into(), ..ListOptions::default() };
    assert_eq!(far.names("configmaps", "ns", &any).await.unwrap(), ["a"]);
    remote.open.send_replace(false);
    let written = near.create("configmaps", "ns", &text("b", "1")).await.unwrap();
    assert_eq!(far.names("configmaps", "ns", &any).await.unwrap(), ["a"], "whatever is at hand");
    assert_eq!(far.store("configmaps").get_at(Some("ns"), "b", "0").await.unwrap_err().code(), 404);
    let now = far.names("configmaps", "ns", &ListOptions::default()).await.unwrap();
    assert_eq!(now, ["a", "b"], "the current state");
    assert_eq!(far.get("configmaps", "ns", "b").await.unwrap(), written);
    let exact = ListOptions {
        resource_version: written.resource_version().to_owned(),
        resource_version_match: "Exact".into(),
        ..ListOptions::default()
    };
    assert_eq!(far.names("configmaps", "ns", &exact).await.unwrap(), ["a", "b"]);
    let newer = ListOptions {
        resource_version: written.resource_version().to_owned(),
        resource_version_match: "NotOlderThan".into(),
        ..ListOptions::default()
    };
    let opened = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        remote.open.send_replace(true);
    };
    let (names, ()) = tokio::join!(far.names("configmaps", "ns", &newer), opened);
    assert_eq!(names.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn a_watch_from_before_the_cache_is_caught_up_by_storage_and_taken_over() {
    let (far, near, remote) = remote().await;
    let first = near.create("configmaps", "ns", &text("a", "1")).await.unwrap();
    near.create("configmaps", "ns", &text("b", "1")).await.unwrap();
    remote.open.send_replace(false);
    let options =
        ListOptions { resource_version: first.resource_version().to_owned(), ..ListOptions::default() };
    let store = far.store("configmaps");
    let mut watch = store.watch(Some("ns"), &options).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), watch.next()).await.is_err());
    assert_eq!(Arc::strong_count(&remote.watches) - 1, 2, "the cache's and the client's");
    remote.open.send_replace(true);
    let event = watch.next().await.unwrap().unwrap();
    assert_eq!(store.name_of(&event.object).unwrap().1, "b");
    assert!(event.shared.is_none(), "from storage");
    eventually("the cache takes over", || {
        let waiting = futures::FutureExt::now_or_never(watch.next()).is_none();
        let watches = Arc::strong_count(&remote.watches) - 1;
        async move { waiting && watches == 1 }
    })
    .await;
    near.create("configmaps", "ns", &text("c", "1")).await.unwrap();
    let event = watch.next().await.unwrap().unwrap();
    assert_eq!(store.name_of(&event.object).unwrap().1, "c");
    assert!(event.shared.is_some(), "from the cache");
}

#[tokio::test]
async fn pages_go_on_after_a_compaction_and_limits_of_any_state_are_none() {
    let cluster = Cluster::new().await;
    for name in ["a", "b", "c", "d"] {
        cluster.create("configmaps", "ns", &text(name, "1")).await.unwrap();
    }
    let store = cluster.store("configmaps");
    let paged =
        |token: &str| ListOptions { limit: 2, continue_token: token.into(), ..ListOptions::default() };
    let first = store.list(Some("ns"), &paged("")).await.unwrap();
    assert_eq!((first.items.len(), first.remaining), (2, Some(2)));
    cluster.delete("configmaps", "ns", "c", &DeleteOptions::default()).await.unwrap();
    let current = cluster.storage.current_revision().await.unwrap();
    cluster.storage.compact(current).await.unwrap();
    let second = store.list(Some("ns"), &paged(&first.continue_token)).await.unwrap();
    let names: Vec<_> = second.items.iter().map(|item| store.name_of(item).unwrap().1).collect();
    assert_eq!((names, second.revision), (vec!["c".to_owned(), "d".to_owned()], first.revision));
    let any = ListOptions { resource_version: "0".into(), ..paged("") };
    let all = store.list(Some("ns"), &any).await.unwrap();
    assert_eq!((all.items.len(), all.continue_token.as_str()), (3, ""), "as kube-apiserver's cache");
    cluster.close().await;
}

#[tokio::test]
async fn watchers_of_one_event_share_it_and_those_of_a_node_see_its_pods() {
    let cluster = Cluster::new().await;
    let store = cluster.store("pods");
    let pod = |name: &str, node: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"nodeName":"{node}","containers":[{{"name":"c","image":"i"}}]}}}}"#
        )
    };
    cluster.create("pods", "ns", &pod("first", "n1")).await.unwrap();
    cluster.create("pods", "ns", &pod("other", "n2")).await.unwrap();
    let of_node = |node: &str| ListOptions {
        field_selector: format!("spec.nodeName={node}"),
        send_initial_events: Some(true),
        allow_watch_bookmarks: true,
        ..ListOptions::default()
    };
    let mut watches = Vec::new();
    for options in [of_node("n1"), of_node("n1"), of_node("n2"), ListOptions::default()] {
        watches.push(store.watch(None, &options).await.unwrap());
    }
    let names = |stored: &Stored| store.name_of(stored).unwrap().1;
    for (watch, expected) in
        watches.iter_mut().zip([vec!["first"], vec!["first"], vec!["other"], vec!["first", "other"]])
    {
        let ends = expected.len() == 1;
        for name in expected {
            let event = watch.next().await.unwrap().unwrap();
            assert_eq!((event.kind, names(&event.object).as_str()), (WatchEventKind::Added, name));
            assert!(event.encodings().is_none(), "the state is told to one");
        }
        if ends {
            assert_eq!(watch.next().await.unwrap().unwrap().kind, WatchEventKind::InitialEventsEnd);
        }
    }
    cluster.create("pods", "ns", &pod("second", "n1")).await.unwrap();
    let marker = cluster.create("pods", "ns", &pod("third", "n2")).await.unwrap();
    let mut seen = Vec::new();
    for (at, watch) in watches.iter_mut().enumerate() {
        let event = watch.next().await.unwrap().unwrap();
        let expected = if at == 2 { "third" } else { "second" };
        assert_eq!((event.kind, names(&event.object).as_str()), (WatchEventKind::Added, expected));
        seen.push(event);
    }
    let made = |event: &WatchEvent, text: &'static str| {
        let encodings = event.encodings().expect("shared");
        let make = || Ok::<_, Status>(bytes::Bytes::from_static(text.as_bytes()));
        encodings.get_or_make(EncodingKey(7), make).unwrap()
    };
    assert_eq!(made(&seen[0], "once"), "once");
    assert_eq!(made(&seen[1], "twice"), "once");
    assert_eq!(made(&seen[2], "other"), "other");
    assert_eq!(made(&seen[3], "thrice"), "once");
    assert_eq!(seen[2].object.revision.to_string(), marker.resource_version());
    let listed = ListOptions { field_selector: "spec.nodeName=n1".into(), ..ListOptions::default() };
    assert_eq!(cluster.names("pods", "", &listed).await.unwrap(), ["first", "second"]);
    cluster.close().await;
}

/// A store whose list is empty as of revision 5, and whose only watch says what the test does.
struct Scripted(parking_lot::Mutex<Option<futures::channel::mpsc::Receiver<Result<Event, Error>>>>);

fn away<T>() -> Result<T, Error> {
    Err(Error::Unavailable("the test's store only lists and watches".into()))
}

#[async_trait]
impl Storage for Scripted {
    async fn get(&self, _: &str) -> Result<Option<KeyValue>, Error> {
        away()
    }

    async fn list(&self, _: &ListRange) -> Result<Page, Error> {
        Ok(Page { items: Vec::new(), revision: 5, remaining: 0 })
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
        Ok(5)
    }

    async fn watch(&self, _: &str, _: u64) -> Result<Watch, Error> {
        self.0.lock().take().map(StreamExt::boxed).map_or_else(away, Ok)
    }

    async fn request_progress(&self, _: &str, _: u64) -> Result<(), Error> {
        Ok(())
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
async fn bookmarks_of_the_cache_come_once_a_minute_and_before_the_end() {
    let (mut script, events) = futures::channel::mpsc::channel(8);
    let storage: Arc<dyn Storage> = Arc::new(Scripted(parking_lot::Mutex::new(Some(events))));
    let registry = Registry::new(Arc::clone(&storage), RegistryConfig::default());
    let store = registry.store("", "configmaps").unwrap();
    let options = ListOptions {
        allow_watch_bookmarks: true,
        resource_version: "5".into(),
        duration: Some(Duration::from_secs(100)),
        ..ListOptions::default()
    };
    let begun = tokio::time::Instant::now();
    let mut watch = store.watch(Some("ns"), &options).await.unwrap();
    script.try_send(Ok(Event::Progress { revision: 9 })).unwrap();
    let event = watch.next().await.unwrap().unwrap();
    let after = begun.elapsed();
    assert_eq!((event.kind, event.object.revision), (WatchEventKind::Bookmark, 9));
    assert!((60..=63).contains(&after.as_secs()), "{after:?}");
    script.try_send(Ok(Event::Progress { revision: 12 })).unwrap();
    let event = watch.next().await.unwrap().unwrap();
    let after = begun.elapsed();
    assert_eq!((event.kind, event.object.revision), (WatchEventKind::Bookmark, 12));
    assert!((97..=98).contains(&after.as_secs()), "two seconds before the end: {after:?}");
    let now = KeyValue { key: "configmaps/ns/a".into(), value: "{}".into(), revision: 20 };
    script.try_send(Ok(Event::Put { now, before: None })).unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().kind, WatchEventKind::Added);
    let quiet = tokio::time::timeout(Duration::from_secs(200), watch.next()).await;
    assert!(quiet.is_err(), "what is known is not told again");
}
