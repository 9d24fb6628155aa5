use super::*;
use crate::codec::protobuf::tests::{WIDGET, schema};
use crate::codec::{json, protobuf};

const OBJECT: &str = r#"{
    "metadata": {
        "name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 3,
        "deletionTimestamp": "2026-01-02T03:04:05Z", "labels": {"b": "2", "a": "1"}, "finalizers": ["f"]
    },
    "spec": {"zeta": "z", "count": -5, "big": 6, "flag": true, "alpha": "inlined", "beta": {"name": "part"},
        "parts": [{"name": "x"}]},
    "status": {"phase": "Done"}
}"#;

fn message() -> Vec<u8> {
    let tree = json::decode(&schema(), WIDGET, OBJECT.as_bytes()).unwrap().value;
    protobuf::encode(&schema(), WIDGET, &tree).unwrap()
}

#[test]
fn metadata_is_read_without_the_rest() {
    let message = message();
    let expected = MetaScan {
        name: "n",
        namespace: "ns",
        uid: "u",
        resource_version: "7",
        labels: vec![("a", "1"), ("b", "2")],
        generation: 3,
        has_deletion_timestamp: true,
        has_finalizers: true,
    };
    assert_eq!(metadata(&schema(), WIDGET, &message), Ok(expected.clone()));
    assert_eq!((expected.label("b"), expected.label("c")), (Some("2"), None));
    assert_eq!(metadata(&schema(), WIDGET, b""), Ok(MetaScan::default()));
    // The zero time is nil.
    let zero = metadata(&schema(), WIDGET, b"\x0a\x02\x4a\0").unwrap();
    assert!(!zero.has_deletion_timestamp);
}

#[test]
fn texts_are_found_at_their_paths() {
    let (schema, message) = (schema(), message());
    for (path, expected) in [
        ("metadata.name", Some("n")),
        ("metadata.labels.a", Some("1")),
        ("metadata.labels.c", None),
        ("spec.zeta", Some("z")),
        ("spec.flag", Some("true")),
        ("spec.alpha", Some("inlined")),
        ("spec.beta.name", Some("part")),
        ("status.phase", Some("Done")),
        ("status.ready", Some("false")),
    ] {
        let path: Vec<_> = path.split('.').collect();
        assert_eq!(string_at(&schema, WIDGET, &message, &path), Ok(expected), "{path:?}");
    }
    for (path, expected) in [("spec.count", "-5"), ("spec.big", "6"), ("spec.zeta", "z")] {
        let path: Vec<_> = path.split('.').collect();
        assert_eq!(text_at(&schema, WIDGET, &message, &path).unwrap().as_deref(), Some(expected), "{path:?}");
    }
    // The last of several counts, as everywhere.
    let several = b"\x12\x03\x4a\x01a\x1a\0\x12\x06\x4a\x01b\x4a\x01c";
    assert_eq!(string_at(&schema, WIDGET, several, &["spec", "zeta"]), Ok(Some("c")));
    assert_eq!(string_at(&schema, WIDGET, b"", &["spec", "zeta"]), Ok(None));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let (schema, message) = (schema(), message());
    for path in ["", "nothing", "spec", "spec.nothing", "spec.zeta.more", "spec.parts", "spec.count", "kind"]
    {
        let path: Vec<_> = path.split('.').collect();
        assert!(string_at(&schema, WIDGET, &message, &path).is_err(), "{path:?}");
    }
    assert!(string_at(&schema, WIDGET, &message, &[]).is_err());
    for bytes in
        [&b"\x0a"[..], b"\x08\x01", b"\x0a\x01\x0a", b"\x0a\x03\x0a\x01\xff", b"\x0a\x04\x5a\x02\x08\x01"]
    {
        assert!(metadata(&schema, WIDGET, bytes).is_err(), "{bytes:?}");
    }
    assert!(metadata(&schema, crate::TypeId(7), &message).is_err());
    assert_eq!(
        string_at(&schema, WIDGET, b"\x12\x02\x48\x01", &["spec", "zeta"]).map_err(|e| e.to_string()),
        Err("proto: wrong wireType = 0 for field Zeta".into())
    );
}
