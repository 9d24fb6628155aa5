//! kube-rs: watchers, reflectors, waits, finalizers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PartialObjectMeta, Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{Event as Finalizing, finalizer};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::wait::{await_condition, conditions, delete::delete_and_finalize};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::time::timeout;

use crate::rust::{PATIENCE, colour, config_map, config_maps, fill, on_each_store};

#[test]
fn watchers_tell_the_state_and_what_happens() {
    on_each_store(|client| async move {
        for (name, config) in [
            ("list-watch", watcher::Config::default().page_size(3)),
            ("any-version", watcher::Config::default().any_semantic()),
            ("streaming-list", watcher::Config::default().streaming_lists()),
        ] {
            tells(&client, name, config).await;
        }
    });
}

async fn tells(client: &Client, name: &str, config: watcher::Config) {
    let maps = config_maps(client, name).await;
    fill(&maps, 8).await;
    let mut events = watch(maps.clone(), config.labels("odd=true")).boxed();
    let mut state = BTreeMap::new();
    loop {
        match next(&mut events).await {
            Event::Init => state.clear(),
            Event::InitApply(object) => _ = state.insert(object.name_any(), object),
            Event::InitDone => break,
            other => panic!("{name}: {other:?} before the state is whole"),
        }
    }
    assert_eq!(state.keys().collect::<Vec<_>>(), ["m-01", "m-03", "m-05", "m-07"], "{name}");
    // Changed, out of the selection, into it, gone.
    for (object, patch) in [
        ("m-01", json!({"data": {"colour": "red"}})),
        ("m-03", json!({"metadata": {"labels": {"odd": "false"}}})),
        ("m-04", json!({"metadata": {"labels": {"odd": "true"}}})),
    ] {
        maps.patch(object, &PatchParams::default(), &Patch::Merge(patch)).await.expect("it is there");
    }
    maps.delete("m-05", &DeleteParams::default()).await.expect("it is there");
    let mut told = Vec::new();
    while told.len() < 4 {
        told.push(match next(&mut events).await {
            Event::Apply(object) => format!("apply {} {}", object.name_any(), colour(&object)),
            Event::Delete(object) => format!("delete {}", object.name_any()),
            other => panic!("{name}: {other:?} after the state"),
        });
    }
    assert_eq!(told, ["apply m-01 red", "delete m-03", "apply m-04 blue", "delete m-05"], "{name}");
}

async fn next<K>(
    events: &mut (impl futures::Stream<Item = Result<Event<K>, watcher::Error>> + Unpin),
) -> Event<K> {
    let event = timeout(PATIENCE, events.next()).await.expect("an event comes in time");
    event.expect("a watcher goes on").expect("the server serves it")
}

/// How many watches of config maps the server has ended.
async fn ended_watches(client: &Client) -> u64 {
    let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
    let text = client.request_text(request).await.expect("metrics");
    let counted = text.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && line.contains(r#"resource="configmaps""#)
            && line.contains(r#"verb="WATCH""#)
    });
    counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[test]
fn reflectors_hold_what_a_list_shows() {
    on_each_store(|client| async move {
        for (name, config) in [
            // Ends often: the watcher reconnects from its last version.
            ("short", watcher::Config::default().timeout(1)),
            ("list-watch", watcher::Config::default()),
            ("streaming-list", watcher::Config::default().streaming_lists()),
        ] {
            let maps = config_maps(&client, name).await;
            fill(&maps, 5).await;
            let (store, writer) = reflector::store();
            let stream =
                reflector::reflector(writer, watch(maps.clone(), config)).default_backoff().applied_objects();
            let running = tokio::spawn(stream.try_for_each(|_| async { Ok(()) }));
            timeout(PATIENCE, store.wait_until_ready()).await.expect("in time").expect("it is fed");
            assert_eq!(store.len(), 5, "{name}");
            let ended = ended_watches(&client).await;
            let mut round = 0;
            let writes = async {
                // On both sides of reconnects, where there are any.
                while round < 12 || (name == "short" && ended_watches(&client).await < ended + 2) {
                    round += 1;
                    let patch = Patch::Merge(json!({"data": {"colour": format!("colour {round}")}}));
                    maps.patch("m-02", &PatchParams::default(), &patch).await.expect("it is there");
                }
            };
            timeout(PATIENCE, writes).await.expect("watches end when their time is up");
            let last = format!("colour {round}");
            maps.delete("m-04", &DeleteParams::default()).await.expect("it is there");
            let key = ObjectRef::new("m-02").within(name);
            let has = |store: &reflector::Store<ConfigMap>| {
                store.len() == 4 && store.get(&key).is_some_and(|object| colour(&object) == last)
            };
            timeout(PATIENCE, async {
                while !has(&store) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
            .await
            .unwrap_or_else(|_| panic!("{name}: the store has {:?}", store.state()));
            let listed = maps.list(&ListParams::default()).await.expect("a list");
            for object in listed {
                let held = store.get(&ObjectRef::from_obj(&object)).expect("the store has it");
                assert_eq!(held.resource_version(), object.resource_version(), "{name}");
            }
            running.abort();
        }
    });
}

#[test]
fn watchers_of_metadata_get_no_more() {
    on_each_store(|client| async move {
        for (name, config) in [
            ("list-watch", watcher::Config::default()),
            ("streaming-list", watcher::Config::default().streaming_lists()),
        ] {
            let maps = config_maps(&client, name).await;
            fill(&maps, 3).await;
            let partial: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(client.clone(), name);
            let mut events = watch(partial, config).boxed();
            let mut names = Vec::new();
            loop {
                match next(&mut events).await {
                    Event::InitApply(object) => names.push(object.name_any()),
                    Event::InitDone => break,
                    _ => {}
                }
            }
            assert_eq!(names, ["m-00", "m-01", "m-02"], "{name}");
            let patch = Patch::Merge(json!({"metadata": {"annotations": {"note": "x"}}}));
            maps.patch("m-01", &PatchParams::default(), &patch).await.expect("it is there");
            match next(&mut events).await {
                Event::Apply(object) => assert_eq!(object.annotations()["note"], "x", "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    });
}

#[test]
fn waits_and_finalizers_end() {
    on_each_store(|client| async move {
        let maps = config_maps(&client, "waits").await;
        let waiting = await_condition(maps.clone(), "late", conditions::is_created());
        // The wait is polled first, and ends whichever of the two comes to the server first.
        let make = async {
            let object = config_map("late", false, "blue");
            maps.create(&kube::api::PostParams::default(), &object).await.expect("the name is free")
        };
        let (seen, made) = tokio::join!(timeout(PATIENCE, waiting), make);
        let seen = seen.expect("in time").expect("the wait works").expect("it was made");
        assert_eq!(seen.uid(), made.uid());

        // The helper adds its finalizer, and takes it off when the object goes.
        let reconcile = |object: ConfigMap| {
            finalizer(&maps, "example.com/cleanup", Arc::new(object), |event| async move {
                Ok::<_, std::convert::Infallible>(match event {
                    Finalizing::Apply(_) => Action::requeue(PATIENCE),
                    Finalizing::Cleanup(_) => Action::await_change(),
                })
            })
        };
        // The first call adds the finalizer; what it does comes with the next.
        let _ = reconcile(made).await;
        let held = maps.get("late").await.expect("it is there");
        assert_eq!(held.finalizers(), ["example.com/cleanup"]);
        assert_eq!(reconcile(held.clone()).await.ok(), Some(Action::requeue(PATIENCE)));
        let uid = held.uid().expect("it has one");
        let going = maps.delete("late", &DeleteParams::default()).await.expect("it is there");
        assert!(going.is_left(), "it waits for its finalizer");
        let gone = await_condition(maps.clone(), "late", conditions::is_deleted(&uid));
        let clean = async {
            let marked = maps.get("late").await.expect("the finalizer holds it");
            assert!(marked.metadata.deletion_timestamp.is_some());
            reconcile(marked).await.expect("it is cleaned up")
        };
        let (gone, done) = tokio::join!(timeout(PATIENCE, gone), clean);
        gone.expect("in time").expect("the wait works");
        assert_eq!(done, Action::await_change(), "it was cleaned up");

        fill(&maps, 1).await;
        let plain = DeleteParams::default();
        let deleted = delete_and_finalize(maps.clone(), "m-00", &plain);
        timeout(PATIENCE, deleted).await.expect("in time").expect("it goes");
        assert!(maps.get_opt("m-00").await.expect("a read").is_none());
    });
}
