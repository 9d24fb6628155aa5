//! Answers, from stored bytes to sent ones.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use keelson_apimachinery::codec::{envelope, json, protobuf};
use keelson_apimachinery::{Status, Value};
use keelson_base::metrics::Registry;

use super::super::collection;
use super::super::negotiation::{Accepted, MediaType, Shape, Transform};
use super::super::represent::{Item, Representation};
use super::super::served::Served;
use super::super::watch::{Framing, Watch};
use crate::registry::{CacheEvent, Listing, Stored, WatchEvent, WatchEventKind};
use crate::request::{IncludeObject, Response};
use crate::telemetry::Metrics;

fn stored(name: &str, data: &str, revision: u64) -> Stored {
    let schema = keelson_api::schema();
    let ty = keelson_api::facts::kind("", "v1", "ConfigMap").unwrap();
    let text = format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"d","uid":"u-{name}","labels":{{"l":"m"}}}},"data":{{"k":"{data}"}}}}"#
    );
    let value = json::decode(schema, ty, text.as_bytes()).unwrap().value;
    let raw = protobuf::encode(schema, ty, &value).unwrap();
    Stored { value: envelope::seal("v1", "ConfigMap", &raw).into(), revision }
}

fn representation(media_type: MediaType, pretty: bool, shape: Option<Shape>) -> Representation {
    let resource = keelson_api::facts::resource("", "v1", "configmaps").unwrap();
    let transform = shape.map(|shape| Transform { shape, api_version: "meta.k8s.io/v1" });
    Representation {
        served: Arc::new(Served::new(resource, None)),
        accepted: Accepted { media_type, pretty, transform },
        include: IncludeObject::Metadata,
    }
}

async fn bytes(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn text(response: Response) -> String {
    String::from_utf8(bytes(response).await.to_vec()).unwrap()
}

fn listing(items: Vec<Stored>) -> Listing {
    Listing { items, revision: 9, continue_token: "tok".into(), remaining: Some(3) }
}

const A: &str =
    r#""metadata":{"name":"a","namespace":"d","uid":"u-a","resourceVersion":"5","labels":{"l":"m"}}"#;

#[tokio::test]
async fn objects_in_every_form() {
    let object = stored("a", "v<", 5);
    let check = async |media_type, pretty, shape, expected: String| {
        let answer = representation(media_type, pretty, shape).answer(
            http::StatusCode::OK,
            Item::Stored(&object),
            false,
        );
        assert_eq!(text(answer.unwrap()).await, expected);
    };
    let data = r#""data":{"k":"v\u003c"}"#;
    let plain = format!("{{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",{A},{data}}}\n");
    check(MediaType::Json, false, None, plain).await;
    let partial = format!("{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",{A}}}\n");
    check(MediaType::Json, false, Some(Shape::PartialObjectMetadata), partial).await;
    let yaml = "apiVersion: v1\ndata:\n  k: v<\nkind: ConfigMap\nmetadata:\n  labels:\n    l: m\n  name: a\n  \
                namespace: d\n  resourceVersion: \"5\"\n  uid: u-a\n";
    check(MediaType::Yaml, false, None, yaml.to_owned()).await;

    let sealed = representation(MediaType::Protobuf, false, None).sealed(Item::Stored(&object)).unwrap();
    let opened = envelope::open(&sealed).unwrap();
    assert_eq!((opened.api_version, opened.kind), ("v1", "ConfigMap"));
    let ty = keelson_api::facts::kind("", "v1", "ConfigMap").unwrap();
    let tree = protobuf::decode(keelson_api::schema(), ty, opened.raw).unwrap();
    assert_eq!((tree.str_at(&["metadata", "resourceVersion"]), tree.str_at(&["data", "k"])), ("5", "v<"));

    let shape = Some(Shape::PartialObjectMetadata);
    let sealed = representation(MediaType::Protobuf, false, shape).sealed(Item::Stored(&object)).unwrap();
    let opened = envelope::open(&sealed).unwrap();
    assert_eq!((opened.api_version, opened.kind), ("meta.k8s.io/v1", "PartialObjectMetadata"));
    let tree = protobuf::decode(keelson_api::schema(), ty, opened.raw).unwrap();
    assert_eq!((tree.str_at(&["metadata", "uid"]), tree.get("data")), ("u-a", None));
}

#[tokio::test]
async fn an_object_is_no_list_and_a_list_no_object() {
    let object = stored("a", "v", 5);
    let shape = Some(Shape::PartialObjectMetadataList);
    let wants_list = representation(MediaType::Json, false, shape);
    let refused = wants_list.answer(http::StatusCode::OK, Item::Stored(&object), false).unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (
            406,
            "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)"
        )
    );
    let wants_object = representation(MediaType::Json, false, Some(Shape::PartialObjectMetadata));
    let refused = collection::answer(&wants_object, listing(vec![]), false).unwrap_err();
    assert_eq!(
        refused.message(),
        "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)"
    );
}

#[tokio::test]
async fn lists_in_every_form() {
    let items = || vec![stored("a", "v", 5), stored("b", "w", 7)];
    let answer = async |media_type, pretty, shape, items: Vec<Stored>| {
        text(collection::answer(&representation(media_type, pretty, shape), listing(items), false).unwrap())
            .await
    };
    let meta = r#""metadata":{"resourceVersion":"9","continue":"tok","remainingItemCount":3}"#;
    let b = A.replace("\"a\"", "\"b\"").replace("u-a", "u-b").replace("\"5\"", "\"7\"");
    let compact = format!(
        "{{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",{meta},\"items\":[{{{A},\"data\":{{\"k\":\"v\"}}}},\
         {{{b},\"data\":{{\"k\":\"w\"}}}}]}}\n"
    );
    assert_eq!(answer(MediaType::Json, false, None, items()).await, compact);
    let mut pretty = Vec::new();
    super::super::respond::indent(compact.as_bytes(), 0, &mut pretty);
    assert_eq!(answer(MediaType::Json, true, None, items()).await, String::from_utf8(pretty).unwrap());
    let empty = format!("{{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",{meta},\"items\":[]}}\n");
    assert_eq!(answer(MediaType::Json, false, None, vec![]).await, empty);
    let typed = "\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\"";
    let partial = format!(
        "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",{meta},\"items\":[{{{typed},{A}}},\
         {{{typed},{b}}}]}}\n"
    );
    assert_eq!(
        answer(MediaType::Json, false, Some(Shape::PartialObjectMetadataList), items()).await,
        partial
    );
    let yaml = answer(MediaType::Yaml, false, None, items()).await;
    let read = keelson_apimachinery::codec::yaml::decode_untyped(yaml.as_bytes()).unwrap().value;
    assert_eq!(read, json::decode_untyped(compact.as_bytes()).unwrap().value, "{yaml}");
    assert!(yaml.starts_with("apiVersion: v1\nitems:\n- data:\n    k: v\n  metadata:\n"), "{yaml}");
}

#[tokio::test]
async fn protobuf_lists_decode() {
    let items = (0..50).map(|i| stored(&format!("n{i}"), "v", i + 1)).collect();
    for shape in [None, Some(Shape::PartialObjectMetadataList)] {
        let items: Vec<Stored> = Vec::clone(&items);
        let answer =
            collection::answer(&representation(MediaType::Protobuf, false, shape), listing(items), false);
        let sent = bytes(answer.unwrap()).await;
        let opened = envelope::open(&sent).unwrap();
        let kind = if shape.is_some() { "PartialObjectMetadataList" } else { "ConfigMapList" };
        assert_eq!(opened.kind, kind);
        let ty = keelson_api::facts::kind("", "v1", "ConfigMapList").unwrap();
        let list = protobuf::decode(keelson_api::schema(), ty, opened.raw).unwrap();
        assert_eq!(list.str_at(&["metadata", "continue"]), "tok");
        assert_eq!(list.at(&["metadata", "remainingItemCount"]), Some(&Value::Int(3)));
        let items = list.get("items").and_then(Value::as_array).unwrap();
        assert_eq!((items.len(), items[49].str_at(&["metadata", "resourceVersion"])), (50, "50"));
    }
}

#[tokio::test]
async fn large_lists_come_in_frames_and_are_whole() {
    let items: Vec<Stored> = (0..300).map(|i| stored(&format!("n{i}"), &"x".repeat(4000), i + 1)).collect();
    let answer = collection::answer(&representation(MediaType::Json, false, None), listing(items), false);
    let mut body = answer.unwrap().into_body();
    let (mut all, mut frames) = (Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        frames.push(data.len());
        all.extend_from_slice(&data);
    }
    assert!(frames.len() > 5, "{frames:?}");
    let (_, full) = frames.split_last().unwrap();
    assert!(full.iter().all(|n| (64 * 1024..512 * 1024).contains(n)), "{frames:?}");
    let read = json::decode_untyped(&all).unwrap().value;
    assert_eq!(read.get("items").and_then(Value::as_array).unwrap().len(), 300);
}

#[tokio::test]
async fn a_list_with_a_broken_item_fails_or_breaks_off() {
    let broken = Stored { value: Bytes::from_static(b"k8s\0\xff\xff"), revision: 1 };
    let json = representation(MediaType::Json, false, None);
    assert_eq!(collection::answer(&json, listing(vec![broken.clone()]), false).unwrap_err().code(), 500);
    let mut items: Vec<Stored> =
        (0..100).map(|i| stored(&format!("n{i}"), &"x".repeat(4000), i + 1)).collect();
    items.push(broken);
    let body = collection::answer(&json, listing(items), false).unwrap().into_body();
    assert!(body.collect().await.is_err());
}

fn event(kind: WatchEventKind, object: Stored) -> Result<WatchEvent, Status> {
    Ok(WatchEvent::new(kind, object))
}

fn events() -> Vec<Result<WatchEvent, Status>> {
    let mark = Stored { value: Bytes::new(), revision: 8 };
    vec![
        event(WatchEventKind::Added, stored("a", "v", 5)),
        event(WatchEventKind::InitialEventsEnd, mark.clone()),
        event(WatchEventKind::Deleted, stored("a", "v", 5)),
        event(WatchEventKind::Bookmark, mark),
        Err(Status::expired("too old resource version: 1 (2)")),
        event(WatchEventKind::Added, stored("never", "v", 5)),
    ]
}

#[tokio::test]
async fn watches_are_json_lines_and_end_with_the_error() {
    let object = format!("{{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",{A},\"data\":{{\"k\":\"v\"}}}}");
    let head = "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"8\"";
    let expected = [
        format!("{{\"type\":\"ADDED\",\"object\":{object}}}"),
        format!("{{\"type\":\"BOOKMARK\",\"object\":{head},\"annotations\":{{\"k8s.io/initial-events-end\":\"true\"}}}}}}}}"),
        format!("{{\"type\":\"DELETED\",\"object\":{object}}}"),
        format!("{{\"type\":\"BOOKMARK\",\"object\":{head}}}}}}}"),
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\
         \"message\":\"too old resource version: 1 (2)\",\"reason\":\"Expired\",\"code\":410}}"
            .to_owned(),
    ];
    for watchers in [1, 2] {
        let representation = representation(MediaType::Json, false, None);
        let others: Vec<_> = (1..watchers).map(|_| idle_watch(&representation)).collect();
        let body = watch_body(&representation, Framing::Stream, events(), never());
        let sent = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(sent.to_vec()).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        drop(others);
    }
    let messages =
        watch_body(&representation(MediaType::Json, false, None), Framing::Messages, events(), never());
    let lines: Vec<String> =
        frames(messages).await.iter().map(|f| String::from_utf8(f.to_vec()).unwrap()).collect();
    assert_eq!(lines, expected.map(|line| format!("{line}\n")));
}

async fn frames(mut body: crate::request::Body) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(frame.unwrap().into_data().unwrap());
    }
    frames
}

fn never() -> BoxFuture<'static, ()> {
    Box::pin(std::future::pending())
}

fn watch_body(
    representation: &Representation,
    framing: Framing,
    events: Vec<Result<WatchEvent, Status>>,
    end: BoxFuture<'static, ()>,
) -> crate::request::Body {
    watch_of(representation, framing).body(futures::stream::iter(events).boxed(), end)
}

fn watch_of(representation: &Representation, framing: Framing) -> Watch {
    let metrics = Metrics::new(Registry::new()).unwrap();
    let counts = metrics.watch("", "v1", "configmaps");
    Watch { representation: representation.clone(), framing, counts, initial: None }
}

fn idle_watch(representation: &Representation) -> crate::request::Body {
    watch_of(representation, Framing::Stream).body(futures::stream::pending().boxed(), never())
}

/// The same change, as each of its watchers gets it.
fn shared(object: Stored) -> impl Fn(WatchEventKind) -> Result<WatchEvent, Status> {
    let event = Arc::new(CacheEvent::new(object.revision, None, None));
    move |kind| Ok(WatchEvent { kind, object: object.clone(), shared: Some(event.clone()) })
}

#[tokio::test]
async fn watchers_share_what_was_encoded() {
    let json = representation(MediaType::Json, false, None);
    let partial = Representation {
        accepted: representation(MediaType::Json, false, Some(Shape::PartialObjectMetadata)).accepted,
        ..json.clone()
    };
    let event = shared(stored("a", &"v".repeat(3000), 5));
    let watchers: Vec<_> = [&json, &json, &partial, &partial, &json]
        .into_iter()
        .zip([
            WatchEventKind::Added,
            WatchEventKind::Added,
            WatchEventKind::Added,
            WatchEventKind::Added,
            WatchEventKind::Modified,
        ])
        .map(|(representation, kind)| watch_body(representation, Framing::Stream, vec![event(kind)], never()))
        .collect();
    let mut sent = Vec::new();
    for body in watchers {
        sent.extend(frames(body).await);
    }
    let same = |a: usize, b: usize| sent[a].as_ptr() == sent[b].as_ptr();
    assert!(same(0, 1) && same(2, 3), "what is alike is made once");
    assert!(sent[0] != sent[2] && sent[0] != sent[4], "and only that");
    assert_eq!(sent[0].len(), sent[4].len() - "MODIFIED".len() + "ADDED".len());
}

#[tokio::test]
async fn events_that_wait_go_out_together() {
    let representation = representation(MediaType::Json, false, None);
    let other = idle_watch(&representation);
    let waiting = |framing| {
        let events = (1..=5).map(|i| shared(stored("a", "v", i))(WatchEventKind::Modified)).collect();
        watch_body(&representation, framing, events, never())
    };
    let (together, apart) =
        (frames(waiting(Framing::Stream)).await, frames(waiting(Framing::Messages)).await);
    assert_eq!((together.len(), apart.len()), (1, 5));
    assert_eq!(together[0], apart.concat());
    drop(other);
}

#[tokio::test]
async fn protobuf_watches_are_length_delimited() {
    let representation = representation(MediaType::Protobuf, false, None);
    let sent =
        watch_body(&representation, Framing::Stream, events(), never()).collect().await.unwrap().to_bytes();
    let messages = frames(watch_body(&representation, Framing::Messages, events(), never())).await;
    let (mut rest, mut kinds) = (&sent[..], Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (message, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        rest = behind;
        assert_eq!(messages[kinds.len()], message, "no length in front of messages");
        let kind = super::super::wire::field(message, 1).unwrap();
        let object = super::super::wire::field(message, 2).unwrap();
        let start = memchr::memmem::find(object, b"k8s\0").unwrap();
        let opened = envelope::open(&object[start..]).unwrap();
        kinds.push(format!("{} {}", String::from_utf8_lossy(&kind[2..]), opened.kind));
    }
    assert_eq!(
        kinds,
        ["ADDED ConfigMap", "BOOKMARK ConfigMap", "DELETED ConfigMap", "BOOKMARK ConfigMap", "ERROR Status"]
    );
}

#[tokio::test(start_paused = true)]
async fn watches_end_by_the_clock() {
    let timeout = keelson_base::clock::sleep(Duration::from_secs(60));
    let representation = representation(MediaType::Json, false, None);
    let waiting = futures::stream::pending().boxed();
    let body = watch_of(&representation, Framing::Stream).body(waiting, Box::pin(timeout));
    let start = keelson_base::clock::monotonic();
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(start.elapsed(), Duration::from_secs(60));
    let watchers = &representation.served.watchers;
    assert_eq!(watchers.load(std::sync::atomic::Ordering::Relaxed), 0);
}
