//! A pod as it runs in a cluster, which is always there to be tested.

use keelson_api::{facts, schema};
use keelson_apimachinery::codec::transcode::{self, Overlay};
use keelson_apimachinery::codec::{json, protobuf, scan};

const POD: &[u8] = include_bytes!("pod.json");

#[test]
fn a_pod_survives_protobuf() {
    let ty = facts::kind("", "v1", "Pod").unwrap();
    let tree = json::decode(schema(), ty, POD).unwrap();
    assert_eq!(tree.strict, []);
    let mut text = Vec::new();
    json::encode(schema(), ty, &tree.value, &mut text);
    let message = protobuf::encode(schema(), ty, &tree.value).unwrap();

    let overlay = Overlay { api_version: "v1", kind: "Pod", resource_version: "" };
    let mut transcoded = Vec::new();
    transcode::protobuf_to_json(schema(), ty, &message, &overlay, &mut transcoded).unwrap();
    assert_eq!(String::from_utf8(transcoded).unwrap(), String::from_utf8(text.clone()).unwrap());

    let mut back = Vec::new();
    assert_eq!(transcode::json_to_protobuf(schema(), ty, &text, &mut back), Ok(vec![]));
    assert_eq!(back, message);
    let again = protobuf::decode(schema(), ty, &message).unwrap();
    assert_eq!(protobuf::encode(schema(), ty, &again), Ok(message));
}

#[test]
fn what_selects_a_pod_is_read_from_its_bytes() {
    let ty = facts::kind("", "v1", "Pod").unwrap();
    let tree = json::decode(schema(), ty, POD).unwrap().value;
    let message = protobuf::encode(schema(), ty, &tree).unwrap();
    let meta = scan::metadata(schema(), ty, &message).unwrap();
    assert_eq!((meta.name, meta.namespace, meta.generation), ("storefront-7c9d8b6f54-x2k9q", "shop", 1));
    assert_eq!(meta.label("pod-template-hash"), Some("7c9d8b6f54"));
    assert!(!meta.has_deletion_timestamp && !meta.has_finalizers);
    for (path, expected) in [
        (&["spec", "nodeName"][..], Some("node-3")),
        (&["spec", "schedulerName"], Some("default-scheduler")),
        (&["spec", "hostNetwork"], Some("false")),
        (&["status", "phase"], Some("Running")),
        (&["status", "nominatedNodeName"], Some("")),
    ] {
        assert_eq!(scan::string_at(schema(), ty, &message, path), Ok(expected), "{path:?}");
    }
    for (path, expected) in [
        (&["metadata", "labels"][..], true),
        (&["metadata", "finalizers"], false),
        (&["spec", "containers"], true),
        (&["status", "nominatedNodeName"], false),
        (&["spec", "nosuch"], false),
        (&["spec", "nodeName", "deeper"], false),
        (&[], false),
    ] {
        assert_eq!(scan::has(schema(), ty, &message, path), expected, "{path:?}");
    }
    assert!(!scan::has(schema(), ty, &[0xff], &["spec"]));
}
