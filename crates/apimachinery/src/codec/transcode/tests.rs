use super::*;
use crate::codec::protobuf::tests::{WIDGET, schema};
use crate::codec::{json, protobuf};
use crate::schema::Schema;
use crate::{Map, Value};

fn message(schema: &Schema, text: &str) -> Vec<u8> {
    let tree = json::decode(schema, WIDGET, text.as_bytes()).unwrap().value;
    protobuf::encode(schema, WIDGET, &tree).unwrap()
}

fn transcoded(schema: &Schema, message: &[u8], overlay: &Overlay<'_>) -> String {
    let mut out = b"{\"items\":[".to_vec();
    protobuf_to_json(schema, WIDGET, message, overlay, &mut out).unwrap();
    String::from_utf8(out).unwrap().strip_prefix("{\"items\":[").unwrap().to_owned()
}

#[test]
fn an_overlay_comes_in_at_its_places() {
    let schema = schema();
    let tail = r#""spec":{"zeta":"","big":0,"secret":null,"port":0,"template":null,"verbs":null,"parts":null,"seen":null}}"#;
    let whole = Overlay { api_version: "example.io/v1", kind: "Widget", resource_version: "7\"" };
    let version = Overlay { resource_version: "7", ..Overlay::default() };
    let kind = Overlay { kind: "Widget", ..Overlay::default() };
    for (text, overlay, head) in [
        ("{}", Overlay::default(), r#"{"metadata":{},"#),
        ("{}", kind, r#"{"kind":"Widget","metadata":{},"#),
        (
            "{}",
            whole,
            r#"{"kind":"Widget","apiVersion":"example.io/v1","metadata":{"resourceVersion":"7\""},"#,
        ),
        (
            r#"{"metadata":{"name":"n","resourceVersion":"1","generation":2}}"#,
            version,
            r#"{"metadata":{"name":"n","resourceVersion":"7","generation":2},"#,
        ),
    ] {
        assert_eq!(transcoded(&schema, &message(&schema, text), &overlay), format!("{head}{tail}"));
    }
    // Messages that lack what every encoder writes.
    for message in [&b""[..], b"\x0a\0", b"\x0a\0\x0a\x02\x32\0", b"\x0a\x02\x32\0\x0a\x03\x32\x011"] {
        let expected = format!(r#"{{"metadata":{{"resourceVersion":"7"}},{tail}"#);
        assert_eq!(transcoded(&schema, message, &version), expected, "{message:?}");
    }
}

#[test]
fn text_is_escaped_and_raw_json_made_compact() {
    let schema = schema();
    let mut spec = b"\x4a\x08<\"\\\n\xe2\x80\xa8>".to_vec();
    let raw = b"{\"<\": [1,\t\"a b\\n&\"] }";
    spec.extend([0x6a, raw.len() as u8 + 2, 0x0a, raw.len() as u8]);
    spec.extend(raw);
    let message = [&[0x12, spec.len() as u8], &spec[..]].concat();
    let json = transcoded(&schema, &message, &Overlay::default());
    assert!(json.contains(r#""zeta":"\u003c\"\\\n\u2028\u003e","#), "{json}");
    assert!(json.contains(r#""template":{"\u003c":[1,"a b\n\u0026"]},"#), "{json}");
}

#[test]
fn a_version_is_spliced_in_where_go_writes_it() {
    let schema = schema();
    for text in [
        "{}",
        r#"{"metadata":{"name":"n","resourceVersion":"1","generation":2,"finalizers":["f"]}}"#,
        r#"{"metadata":{"uid":"u","labels":{"a":"b"}},"spec":{"zeta":"z"}}"#,
    ] {
        let before = message(&schema, text);
        // Long ones make the length of the metadata take more bytes.
        for version in ["", "7", "184467440737095516", &"9".repeat(130)] {
            let mut tree = protobuf::decode(&schema, WIDGET, &before).unwrap();
            let root = tree.as_object_mut().unwrap();
            let metadata = root.entry("metadata", || Value::Object(Map::new())).as_object_mut().unwrap();
            metadata.insert("resourceVersion", version);
            let mut after = b"before".to_vec();
            with_resource_version(&schema, WIDGET, &before, version, &mut after).unwrap();
            let expected = protobuf::encode(&schema, WIDGET, &tree).unwrap();
            assert_eq!(after.strip_prefix(b"before"), Some(&expected[..]), "{text} {version}");
        }
    }
}

#[test]
fn a_version_is_spliced_into_any_encoding() {
    let schema = schema();
    for (before, expected) in [
        (&b""[..], &b"\x0a\x03\x32\x017"[..]),
        (b"\x12\0", b"\x0a\x03\x32\x017\x12\0"),
        (b"\x78\x01\x12\0", b"\x0a\x03\x32\x017\x78\x01\x12\0"),
        (b"\x12\0\x0a\x03\x0a\x01n", b"\x12\0\x0a\x06\x0a\x01n\x32\x017"),
        (b"\x0a\x02\x38\x02\x12\0\x0a\x05\x32\0\x1a\x01n", b"\x0a\x08\x32\x017\x38\x02\x1a\x01n\x12\0"),
        (b"\x0a\x06\x32\x011\x32\x012", b"\x0a\x03\x32\x017"),
    ] {
        let mut after = Vec::new();
        with_resource_version(&schema, WIDGET, before, "7", &mut after).unwrap();
        assert_eq!(after, expected, "{before:?}");
    }
    for before in [&b"\x0a"[..], b"\x0a\x01\x0a", b"\x08\x01", b"\x0a\x02\x32\x05"] {
        let mut after = b"before".to_vec();
        assert!(with_resource_version(&schema, WIDGET, before, "7", &mut after).is_err(), "{before:?}");
        assert_eq!(after, b"before");
    }
}

#[test]
fn json_errors_and_strict_errors_are_handed_on() {
    let schema = schema();
    let mut out = b"before".to_vec();
    let strict =
        json_to_protobuf(&schema, WIDGET, br#"{"spec":{"zeta":"a","zeta":"b"},"x":1}"#, &mut out).unwrap();
    let strict: Vec<_> = strict.iter().map(ToString::to_string).collect();
    assert_eq!(strict, [r#"duplicate field "spec.zeta""#, r#"unknown field "x""#]);
    assert_eq!(out[6..], message(&schema, r#"{"spec":{"zeta":"b"}}"#));
    let error = json_to_protobuf(&schema, WIDGET, b"{", &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "unexpected end of JSON input");
}

#[test]
fn every_special_character_is_seen_at_every_place() {
    let schema = schema();
    for length in 0..40 {
        for at in 0..=length {
            for special in
                ["\"", "\\", "<", ">", "&", "\u{1f}", "\u{0}", "\u{7f}", "\u{e9}", "\u{2028}", " ", "~"]
            {
                let fill = ["a", "!", "=", "?", "]", "#", "[", "'"][at % 8];
                let text = format!("{}{special}{}", fill.repeat(at), fill.repeat(length - at));
                let mut expected = Vec::new();
                json::write_string(&text, &mut expected);
                let tree = Value::Object(
                    [("spec".into(), {
                        Value::Object([("zeta".into(), text.as_str().into())].into_iter().collect())
                    })]
                    .into_iter()
                    .collect(),
                );
                let message = protobuf::encode(&schema, WIDGET, &tree).unwrap();
                let json = transcoded(&schema, &message, &Overlay::default());
                let expected = format!("\"zeta\":{},", String::from_utf8(expected).unwrap());
                assert!(json.contains(&expected), "{json} lacks {expected}");
            }
        }
    }
}

#[test]
fn raw_json_is_written_as_the_tree_would_be() {
    let schema = schema();
    for special in ["a", "<", ">", "&", "\u{e9}", "\u{2028}", " ", "\\u0020", "\\\"", "\u{7f}", "="] {
        for length in 0..40 {
            let fill = "f:x".repeat(length);
            for space in ["", " ", "\n"] {
                let raw = format!("{{\"k\":{space}\"{fill}{special}{fill}\"}}");
                let text = format!("{{\"spec\":{{\"template\":{raw}}}}}");
                let tree = json::decode(&schema, WIDGET, text.as_bytes()).unwrap().value;
                let message = protobuf::encode(&schema, WIDGET, &tree).unwrap();
                let mut expected = Vec::new();
                json::encode(
                    &schema,
                    WIDGET,
                    &protobuf::decode(&schema, WIDGET, &message).unwrap(),
                    &mut expected,
                );
                let json = transcoded(&schema, &message, &Overlay::default());
                assert_eq!(json, String::from_utf8(expected).unwrap());
            }
        }
    }
}
