use proptest::prelude::*;

use super::*;
use crate::codec::json;
use crate::codec::transcode::{Overlay, json_to_protobuf, protobuf_to_json};
use crate::schema::{Field, Kind, Omit, Schema, StructType, TypeId};
use crate::{Map, Value};

pub(in crate::codec) const WIDGET: TypeId = TypeId(0);
const PROPS: TypeId = TypeId(5);

/// A small API with every kind of field.
pub(in crate::codec) fn schema() -> Schema {
    let list = |kind| Kind::List(Box::new(kind));
    let map = |kind| Kind::Map(Box::new(kind));
    let always = Field::new;
    let omit = |json: &str, number, kind| Field { omit: Omit::Empty, ..Field::new(json, number, kind) };
    let zero = |json: &str, number, kind| Field { omit: Omit::Zero, ..Field::new(json, number, kind) };
    let pointer = |json: &str, number, kind| Field { pointer: true, ..omit(json, number, kind) };
    let inline = |number, kind| Field { inline: true, ..Field::new("", number, kind) };
    let of =
        |name: &str, fields| StructType::new(format!("io.example.v1.{name}"), format!("v1.{name}"), fields);
    Schema::new(vec![
        of(
            "Widget",
            vec![
                inline(0, Kind::Struct(TypeId(1))),
                omit("metadata", 1, Kind::Struct(TypeId(2))),
                omit("spec", 2, Kind::Struct(TypeId(3))),
                zero("status", 3, Kind::Struct(TypeId(6))),
            ],
        ),
        of("TypeMeta", vec![omit("kind", 1, Kind::String), omit("apiVersion", 2, Kind::String)]),
        of(
            "ObjectMeta",
            vec![
                omit("name", 1, Kind::String),
                omit("namespace", 3, Kind::String),
                omit("uid", 5, Kind::String),
                omit("resourceVersion", 6, Kind::String),
                omit("generation", 7, Kind::Int64),
                zero("creationTimestamp", 8, Kind::Time),
                pointer("deletionTimestamp", 9, Kind::Time),
                omit("labels", 11, map(Kind::String)),
                omit("finalizers", 14, list(Kind::String)),
            ],
        ),
        of(
            "WidgetSpec",
            vec![
                always("zeta", 9, Kind::String),
                inline(4, Kind::Struct(TypeId(4))),
                omit("count", 1, Kind::Int32),
                always("big", 2, Kind::Int64),
                omit("ratio", 3, Kind::Float64),
                pointer("flag", 5, Kind::Bool),
                omit("data", 6, map(Kind::Bytes)),
                always("secret", 7, Kind::Bytes),
                pointer("time", 8, Kind::MicroTime),
                pointer("wait", 10, Kind::Duration),
                omit("limits", 11, map(Kind::Quantity)),
                omit("port", 12, Kind::IntOrString),
                omit("template", 13, Kind::RawExtension),
                omit("groups", 14, list(Kind::Int64)),
                omit("extra", 15, map(Kind::ListMessage(Box::new(Kind::String)))),
                always("verbs", 16, Kind::ListMessage(Box::new(Kind::String))),
                pointer("schema", 17, Kind::Struct(PROPS)),
                always("parts", 18, list(Kind::Struct(TypeId(7)))),
                always("seen", 19, Kind::Time),
                pointer("fields", 20, Kind::FieldsV1),
            ],
        ),
        of("Source", vec![pointer("alpha", 1, Kind::String), pointer("beta", 2, Kind::Struct(TypeId(7)))]),
        of(
            "Props",
            vec![
                omit("type", 1, Kind::String),
                pointer("items", 2, Kind::SchemaOrArray(PROPS)),
                pointer("additional", 3, Kind::SchemaOrBool(PROPS)),
                omit("dependencies", 4, map(Kind::SchemaOrStringArray(PROPS))),
                omit("properties", 5, map(Kind::Struct(PROPS))),
                pointer("default", 6, Kind::Json),
            ],
        ),
        of("WidgetStatus", vec![omit("phase", 1, Kind::String), omit("ready", 2, Kind::Bool)]),
        of("Part", vec![always("name", 1, Kind::String)]),
    ])
}

fn tree(text: &str) -> Value {
    json::decode(&schema(), WIDGET, text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}")).value
}

/// The metadata of an object that has none: strings, numbers and times are written though zero.
const NO_META: &[u8] = b"\x0a\x0c\x0a\0\x1a\0\x2a\0\x32\0\x38\0\x42\0";
const NO_STATUS: &[u8] = b"\x1a\x04\x0a\0\x10\0";

fn delimited(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let mut writer = writer::Writer::default();
    writer.varint(content.len() as u64);
    out.extend(writer.out);
    out.extend(content);
    out
}

/// A whole object whose spec has these fields on top of what is always there.
fn widget(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut all: Vec<(u32, &[u8])> = vec![
        (1, b"\x08\0"),
        (2, b"\x10\0"),
        (3, b"\x19\0\0\0\0\0\0\0\0"),
        (4, b"\x22\0"),
        (9, b"\x4a\0"),
        (12, b"\x62\x06\x08\0\x10\0\x1a\0"),
        (13, b"\x6a\0"),
        (19, b"\x9a\x01\0"),
    ];
    for field in fields {
        all.retain(|(number, _)| *number != field.0);
    }
    all.extend(fields);
    all.sort_by_key(|(number, _)| *number);
    let spec: Vec<u8> = all.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    [NO_META, &delimited(0x12, &spec), NO_STATUS].concat()
}

/// JSON and protobuf of one object, each way and straight through.
fn check(text: &str, message: &[u8]) {
    let schema = schema();
    let tree = tree(text);
    let written = encode(&schema, WIDGET, &tree).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(written, message, "{text}");
    assert_eq!(decode(&schema, WIDGET, message), Ok(tree.clone()), "{text}");
    reads_as(message, &tree);
    let mut direct = Vec::new();
    assert_eq!(json_to_protobuf(&schema, WIDGET, text.as_bytes(), &mut direct), Ok(vec![]), "{text}");
    assert_eq!(direct, message, "{text}");
}

/// The message is decoded to this tree and transcoded to its JSON.
fn reads_as(message: &[u8], tree: &Value) {
    let schema = schema();
    assert_eq!(decode(&schema, WIDGET, message).as_ref(), Ok(tree));
    let (mut want, mut got) = (Vec::new(), Vec::new());
    json::encode(&schema, WIDGET, tree, &mut want);
    protobuf_to_json(&schema, WIDGET, message, &Overlay::default(), &mut got).unwrap();
    assert_eq!(String::from_utf8(got), String::from_utf8(want));
}

#[test]
fn every_kind_of_field_is_written_as_in_go() {
    check("{}", &widget(&[]));
    check(r#"{"spec":{"zeta":"z","count":-1,"big":300,"ratio":1.5,"flag":false}}"#, &{
        widget(&[
            (9, b"\x4a\x01z"),
            (1, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            (2, b"\x10\xac\x02"),
            (3, b"\x19\0\0\0\0\0\0\xf8\x3f"),
            (5, b"\x28\0"),
        ])
    });
    check(r#"{"spec":{"data":{"b":"AAE=","a":""},"secret":"AQ=="}}"#, &{
        widget(&[(6, b"\x32\x05\x0a\x01a\x12\0\x32\x07\x0a\x01b\x12\x02\0\x01"), (7, b"\x3a\x01\x01")])
    });
    check(r#"{"spec":{"secret":""}}"#, &widget(&[(7, b"\x3a\0")]));
    check(r#"{"spec":{"time":"1970-01-01T00:00:01.000002Z","wait":"1s","seen":"1969-12-31T23:59:59Z"}}"#, &{
        widget(&[
            (8, b"\x42\x05\x08\x01\x10\xd0\x0f"),
            (10, b"\x52\x06\x08\x80\x94\xeb\xdc\x03"),
            (19, b"\x9a\x01\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\0"),
        ])
    });
    check(r#"{"spec":{"limits":{"memory":"1Gi","cpu":"100m"},"port":8080}}"#, &{
        widget(&[
            (11, b"\x5a\x0d\x0a\x03cpu\x12\x06\x0a\x04100m\x5a\x0f\x0a\x06memory\x12\x05\x0a\x031Gi"),
            (12, b"\x62\x07\x08\0\x10\x90\x3f\x1a\0"),
        ])
    });
    check(r#"{"spec":{"port":"http","template":{"b": 1,"a":[ ]},"fields":{"f:a":{}}}}"#, &{
        widget(&[
            (12, b"\x62\x0a\x08\x01\x10\0\x1a\x04http"),
            (13, b"\x6a\x10\x0a\x0e{\"b\":1,\"a\":[]}"),
            (20, b"\xa2\x01\x0c\x0a\x0a{\"f:a\":{}}"),
        ])
    });
    check(r#"{"spec":{"groups":[1,300],"extra":{"k":["a","b"]},"verbs":["get"]}}"#, &{
        widget(&[
            (14, b"\x70\x01\x70\xac\x02"),
            (15, b"\x7a\x0b\x0a\x01k\x12\x06\x0a\x01a\x0a\x01b"),
            (16, b"\x82\x01\x05\x0a\x03get"),
        ])
    });
    check(r#"{"spec":{"parts":[{"name":"p"},{"name":""}]}}"#, &{
        widget(&[(18, b"\x92\x01\x03\x0a\x01p\x92\x01\x02\x0a\0")])
    });
    check(
        r#"{"spec":{"alpha":"","beta":{"name":"b"}}}"#,
        &widget(&[(4, b"\x22\x07\x0a\0\x12\x03\x0a\x01b")]),
    );
}

#[test]
fn schemas_and_what_may_stand_for_them_are_written_as_in_go() {
    for (text, schema) in [
        (r#"{"type":"object"}"#, &b"\x0a\x06object"[..]),
        (r#"{"items":{"type":"a"}}"#, b"\x0a\0\x12\x05\x0a\x03\x0a\x01a"),
        (r#"{"items":[{"type":"a"},{}]}"#, b"\x0a\0\x12\x09\x12\x03\x0a\x01a\x12\x02\x0a\0"),
        (r#"{"additional":false}"#, b"\x0a\0\x1a\x02\x08\0"),
        (r#"{"additional":true}"#, b"\x0a\0\x1a\x02\x08\x01"),
        (r#"{"additional":{}}"#, b"\x0a\0\x1a\x06\x08\x01\x12\x02\x0a\0"),
        (r#"{"dependencies":{"a":["x","y"]}}"#, b"\x0a\0\x22\x0b\x0a\x01a\x12\x06\x12\x01x\x12\x01y"),
        (r#"{"dependencies":{"a":{}}}"#, b"\x0a\0\x22\x09\x0a\x01a\x12\x04\x0a\x02\x0a\0"),
        (r#"{"dependencies":{"a":null}}"#, b"\x0a\0\x22\x05\x0a\x01a\x12\0"),
        (r#"{"properties":{"p":{"type":"t"}}}"#, b"\x0a\0\x2a\x08\x0a\x01p\x12\x03\x0a\x01t"),
        (r#"{"default":[null]}"#, b"\x0a\0\x32\x08\x0a\x06[null]"),
    ] {
        let field = [&b"\x8a\x01"[..], &delimited(0, schema)[1..]].concat();
        check(&format!(r#"{{"spec":{{"schema":{text}}}}}"#), &widget(&[(17, &field)]));
    }
}

#[test]
fn metadata_and_status_are_written_as_in_go() {
    let metadata = [
        &b"\x0a\x01n\x1a\x02ns\x2a\x01u\x32\x0278\x38\x05\x42\x04\x08\x01\x10\0\x4a\x04\x08\x02\x10\0"[..],
        b"\x5a\x06\x0a\x01a\x12\x01b\x5a\x05\x0a\x01c\x12\0\x72\x01f",
    ]
    .concat();
    let spec = widget(&[]);
    let spec = &spec[NO_META.len()..spec.len() - NO_STATUS.len()];
    check(
        concat!(
            r#"{"metadata":{"name":"n","namespace":"ns","uid":"u","resourceVersion":"78","generation":5,"#,
            r#""creationTimestamp":"1970-01-01T00:00:01Z","deletionTimestamp":"1970-01-01T00:00:02Z","#,
            r#""labels":{"c":"","a":"b"},"finalizers":["f"]},"status":{"ready":true}}"#
        ),
        &[&delimited(0x0a, &metadata)[..], spec, b"\x1a\x04\x0a\0\x10\x01"].concat(),
    );
}

#[test]
fn any_encoding_of_the_same_object_reads_the_same() {
    let check = |message: &[u8], text: &str| reads_as(message, &tree(text));
    // Nothing at all, and fields that nobody knows: a varint, a double, bytes, a float, a group in a group.
    check(b"", "{}");
    check(b"\x78\x01\x79\0\0\0\0\0\0\0\0\x7a\x01x\x7d\0\0\0\0\x7b\x7b\x08\x01\x7c\x7c", "{}");
    // A number that takes more bytes than it needs, and one of 64 bits where 32 count.
    check(b"\x12\x04\x08\x85\x80\0", r#"{"spec":{"count":5}}"#);
    check(b"\x12\x06\x08\x81\x80\x80\x80\x10", r#"{"spec":{"count":1}}"#);
    // The order of fields, and which of several wins.
    check(b"\x12\x09\x4a\x01z\x08\x01\x08\x02\x10\0", r#"{"spec":{"count":2,"zeta":"z"}}"#);
    // A message in parts, of which the later ones add to the first.
    check(b"\x12\x02\x08\x01\x1a\x02\x10\x01\x12\x03\x4a\x01z", {
        r#"{"spec":{"count":1,"zeta":"z"},"status":{"ready":true}}"#
    });
    check(b"\x12\x04\x22\x02\x0a\0\x12\x07\x22\x05\x12\x03\x0a\x01b", {
        r#"{"spec":{"alpha":"","beta":{"name":"b"}}}"#
    });
    // Lists that are not in one piece, packed and not.
    check(b"\x12\x0b\x70\x01\x08\x05\x72\x03\x02\xac\x02\x70\x04", {
        r#"{"spec":{"count":5,"groups":[1,2,300,4]}}"#
    });
    check(b"\x12\x02\x72\0", r#"{"spec":{}}"#);
    // Maps: any order, the last of equal keys, keys and values left out or swapped.
    check(b"\x0a\x17\x5a\x06\x0a\x01b\x12\x01x\x5a\x03\x0a\x01a\x5a\x06\x12\x01y\x0a\x01b\x5a\0", {
        r#"{"metadata":{"labels":{"":"","a":"","b":"y"}}}"#
    });
    check(b"\x12\x05\x5a\x03\x0a\x01m", r#"{"spec":{"limits":{"m":"0"}}}"#);
    check(b"\x12\x07\x7a\x05\x0a\x01k\x12\0", r#"{"spec":{"extra":{"k":null}}}"#);
    // Scalars that are messages: nothing in them, parts, what is not canonical.
    check(b"\x12\x09\x62\0\x6a\0\x52\0\x9a\x01\0", r#"{"spec":{"wait":"0s"}}"#);
    check(b"\x12\x09\x62\x02\x08\x01\x62\x03\x1a\x01p", r#"{"spec":{"port":"p"}}"#);
    check(b"\x12\x0e\x5a\x0c\x0a\x01m\x12\x07\x0a\x051024k", r#"{"spec":{"limits":{"m":"1024k"}}}"#);
    check(b"\x12\x0d\x5a\x0b\x0a\x01m\x12\x06\x0a\x041.5G", r#"{"spec":{"limits":{"m":"1500M"}}}"#);
    check(b"\x12\x0d\x6a\x0b\x0a\x09{\"a\": 1 }", r#"{"spec":{"template":{"a":1}}}"#);
    // Pointers to times that are zero count as nil.
    check(b"\x0a\x02\x4a\0\x12\x02\x42\0", "{}");
    // What is not UTF-8 becomes U+FFFD.
    check(b"\x12\x04\x4a\x02a\xff", "{\"spec\":{\"zeta\":\"a\u{fffd}\"}}");
    // Unknown fields inside of everything.
    check(
        b"\x12\x11\x5a\x0f\x0a\x01m\x12\x08\x0a\x014\x7a\x03abc\x18\x01",
        r#"{"spec":{"limits":{"m":"4"}}}"#,
    );
}

#[test]
fn malformed_messages_are_refused_as_in_go() {
    let schema = schema();
    for (message, error) in [
        (&b"\x0a"[..], "unexpected EOF"),
        (b"\x0a\x05", "unexpected EOF"),
        (b"\x80", "unexpected EOF"),
        (b"\x08\x01", "proto: wrong wireType = 0 for field Metadata"),
        (b"\x0c", "proto: Widget: wiretype end group for non-group"),
        (b"\x02\0", "proto: Widget: illegal tag 0 (wire type 2)"),
        (b"\x7e", "proto: illegal wireType 6"),
        (b"\x7b\x08", "unexpected EOF"),
        (b"\x7b", "unexpected EOF"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "proto: integer overflow"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "proto: negative length found during unmarshaling"),
        (b"\x12\x02\x0a\0", "proto: wrong wireType = 2 for field Count"),
        (b"\x12\x05\x19\0\0\0\0", "unexpected EOF"),
        (b"\x12\x09\x19\0\0\0\0\0\0\xf0\x7f", "json: unsupported value: inf"),
        (b"\x12\x04\x62\x02\x08\x02", "impossible IntOrString.Type"),
        (b"\x12\x07\x5a\x05\x12\x03\x0a\x01x", "quantities must match the regular expression"),
        (b"\x12\x05\x5a\x03\x0a\x01", "unexpected EOF"),
    ] {
        let refused = |result: Result<(), crate::codec::DecodeError>| {
            let message = result.expect_err("malformed").to_string();
            assert!(message.starts_with(error), "{message} is not {error}");
        };
        refused(decode(&schema, WIDGET, message).map(drop));
        let mut out = b"before".to_vec();
        refused(protobuf_to_json(&schema, WIDGET, message, &Overlay::default(), &mut out));
        assert_eq!(out, b"before");
    }
    let raw = b"\x12\x07\x6a\x05\x0a\x03{]}";
    let message = decode(&schema, WIDGET, raw).expect_err("raw JSON that is none").to_string();
    assert!(message.starts_with("invalid character ']'"), "{message}");
}

#[test]
fn depth_is_bounded() {
    let schema = schema();
    let mut props = Vec::new();
    for _ in 0..100_000 {
        // Lengths of nested messages add up to quadratic work unless depth is bounded; this many are refused.
        if props.len() > 1 << 16 {
            break;
        }
        props = delimited(0x1a, &delimited(0x12, &props));
    }
    let message = delimited(0x12, &[&b"\x8a\x01"[..], &delimited(0, &props)[1..]].concat());
    assert_eq!(
        decode(&schema, WIDGET, &message).map_err(|e| e.to_string()),
        Err("exceeded max depth".into())
    );
    let mut out = Vec::new();
    assert!(protobuf_to_json(&schema, WIDGET, &message, &Overlay::default(), &mut out).is_err());
    assert_eq!(out, b"");

    let mut tree = Value::Object(Map::new());
    for _ in 0..crate::codec::MAX_DEPTH + 1 {
        tree = Value::Object([("additional".into(), tree)].into_iter().collect());
    }
    assert_eq!(encode(&schema, PROPS, &tree).map_err(|e| e.to_string()), Err("exceeded max depth".into()));
}

#[test]
fn trees_that_do_not_fit_the_type_are_refused() {
    let schema = schema();
    let check = |field: &str, value: Value, message: &str| {
        let spec: Map = [(field.into(), value)].into_iter().collect();
        let tree = Value::Object([("spec".into(), Value::Object(spec))].into_iter().collect());
        assert_eq!(encode(&schema, WIDGET, &tree).map_err(|e| e.to_string()), Err(message.into()));
    };
    check("count", "x".into(), "proto: count: expected a number, got a string");
    check("zeta", Value::Int(1), "proto: zeta: expected a string, got a number");
    check("groups", "x".into(), "proto: groups: expected a list, got a string");
    check("parts", vec![Value::Bool(true)].into(), "proto: parts: expected an object, got a boolean");
    check("seen", "x".into(), {
        r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#
    });
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(
        prop_oneof![any::<u8>(), 0u8..32, Just(0x0au8), Just(0x12u8)], 0..200,
    )) {
        let schema = schema();
        let mut out = Vec::new();
        let transcoded = protobuf_to_json(&schema, WIDGET, &bytes, &Overlay::default(), &mut out);
        if let Ok(tree) = decode(&schema, WIDGET, &bytes) {
            prop_assert_eq!(transcoded, Ok(()));
            let mut want = Vec::new();
            json::encode(&schema, WIDGET, &tree, &mut want);
            prop_assert_eq!(String::from_utf8(out), String::from_utf8(want));
            // What was read and written once stays.
            let message = encode(&schema, WIDGET, &tree).expect("decoded trees fit");
            let again = decode(&schema, WIDGET, &message).expect("what was written");
            prop_assert_eq!(encode(&schema, WIDGET, &again), Ok(message));
        }
    }
}
