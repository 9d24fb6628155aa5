//! Objects of every kind, made up from the schema: all codecs agree on them.

use keelson_api::schema;
use keelson_apimachinery::codec::transcode::{self, Overlay};
use keelson_apimachinery::codec::{json, protobuf, scan};
use keelson_apimachinery::schema::Kind;
use keelson_apimachinery::{Map, TypeId, Value};
use proptest::prelude::*;

/// Numbers out of a seed; what falls out of it matters less than that it falls out again.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % sides
    }

    pub(super) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }
}

/// A value that a client could send for a type.
fn value(kind: &Kind, dice: &mut Dice, depth: usize) -> Value {
    let many = |dice: &mut Dice| 1 + dice.roll(3);
    match kind {
        Kind::Bool => Value::Bool(dice.roll(2) == 1),
        Kind::Int32 | Kind::Int64 => {
            Value::Int([0, 1, -1, 127, 128, 300, i64::from(i32::MIN)][dice.roll(7) as usize])
        }
        Kind::Float64 => Value::Float([0.0, 0.25, -3.5, 1e300][dice.roll(4) as usize]),
        Kind::String => dice
            .pick(&["", "a", "<&>\u{2028}", "\u{e9}\"\\\n", "a longer text that is no short string"])
            .into(),
        Kind::Bytes => dice.pick(&["", "AA==", "AAE=", "AAEC", "/+8="]).into(),
        Kind::Time => {
            dice.pick(&["2026-01-02T03:04:05Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]).into()
        }
        Kind::MicroTime => dice.pick(&["2026-01-02T03:04:05.000006Z", "1969-12-31T23:59:59.999999Z"]).into(),
        Kind::Duration => dice.pick(&["0s", "1m30s", "-1.5h"]).into(),
        Kind::Quantity => {
            dice.pick(&["0", "100m", "1.5Gi", "1e3", "1024Ki", "+5", "123456789012345678901"]).into()
        }
        Kind::IntOrString => match dice.roll(2) {
            0 => Value::Int(dice.roll(70_000) as i64 - 10),
            _ => dice.pick(&["", "25%", "http"]).into(),
        },
        Kind::RawExtension | Kind::FieldsV1 | Kind::Json => {
            Value::Raw(dice.pick(&["{}", "{\"b\":1,\"a\":[\"x y\",null]}", "[1.50]", "\"<\""]).into())
        }
        Kind::SchemaOrArray(id) => match dice.roll(2) {
            0 => vec![object(*id, dice, depth)].into(),
            _ => object(*id, dice, depth),
        },
        Kind::SchemaOrBool(id) => match dice.roll(2) {
            0 => Value::Bool(dice.roll(2) == 1),
            _ => object(*id, dice, depth),
        },
        Kind::SchemaOrStringArray(id) => match dice.roll(2) {
            0 => vec![Value::from("a"), Value::from("")].into(),
            _ => object(*id, dice, depth),
        },
        Kind::Any => Value::Null,
        Kind::Struct(id) => object(*id, dice, depth),
        Kind::List(of) | Kind::ListMessage(of) => {
            (0..many(dice)).map(|_| value(of, dice, depth)).collect::<Vec<_>>().into()
        }
        Kind::Map(of) => {
            let keys = ["", "a", "example.com/b", "\u{e9}<"];
            let entries = (0..many(dice)).map(|_| (dice.pick(&keys).into(), value(of, dice, depth)));
            Value::Object(entries.collect())
        }
    }
}

pub(super) fn object(id: TypeId, dice: &mut Dice, depth: usize) -> Value {
    let mut members = Map::new();
    if depth > 0 {
        add_members(id, dice, depth - 1, &mut members);
    }
    members.into()
}

fn add_members(id: TypeId, dice: &mut Dice, depth: usize, members: &mut Map) {
    for field in &schema().get(id).fields {
        match field.kind {
            Kind::Struct(inner) if field.inline => {
                if field.number != 0 {
                    add_members(inner, dice, depth, members);
                }
            }
            _ if field.number == 0 || dice.roll(3) == 0 => {}
            ref kind => {
                members.insert(field.json.clone(), value(kind, dice, depth));
            }
        }
    }
}

/// The types of objects that are stored.
pub(super) fn types() -> Vec<TypeId> {
    let mut types: Vec<_> = keelson_api::resources().iter().map(|r| r.type_id).collect();
    types.dedup();
    types
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn codecs_agree_on_objects_of_every_kind(seed: u64) {
        let schema = schema();
        for ty in types() {
            let name = &schema.get(ty).name;
            let sent = object(ty, &mut Dice(seed), 7);
            let tree = json::canonicalize(schema, ty, sent).unwrap_or_else(|e| panic!("{name}: {e}"));
            prop_assert_eq!(&tree.strict, &[], "{}", name);
            let mut json = Vec::new();
            json::encode(schema, ty, &tree.value, &mut json);

            let message = protobuf::encode(schema, ty, &tree.value).unwrap_or_else(|e| panic!("{name}: {e}"));
            let read = protobuf::decode(schema, ty, &message).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut read_json = Vec::new();
            json::encode(schema, ty, &read, &mut read_json);
            prop_assert_eq!(text(&read_json), text(&json), "{}", name);
            let again = protobuf::encode(schema, ty, &read);
            prop_assert_eq!(again.as_ref(), Ok(&message), "{}", name);

            let mut transcoded = Vec::new();
            transcode::protobuf_to_json(schema, ty, &message, &Overlay::default(), &mut transcoded)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            prop_assert_eq!(text(&transcoded), text(&json), "{}", name);

            let mut direct = Vec::new();
            prop_assert_eq!(transcode::json_to_protobuf(schema, ty, &json, &mut direct), Ok(vec![]));
            prop_assert_eq!(&direct, &message, "{}", name);
        }
    }

    #[test]
    fn damaged_objects_are_read_or_refused_alike(seed: u64) {
        let schema = schema();
        let mut dice = Dice(seed);
        for ty in types() {
            let tree = json::canonicalize(schema, ty, object(ty, &mut dice, 6)).unwrap().value;
            let mut message = protobuf::encode(schema, ty, &tree).unwrap();
            for _ in 0..=dice.roll(3) {
                if !message.is_empty() {
                    let at = dice.roll(message.len() as u64) as usize;
                    match dice.roll(3) {
                        0 => message[at] = dice.roll(256) as u8,
                        1 => message[at] ^= 1 << dice.roll(8),
                        _ => drop(message.splice(at..=at, [])),
                    }
                }
            }
            let mut transcoded = Vec::new();
            let result = transcode::protobuf_to_json(schema, ty, &message, &Overlay::default(), &mut transcoded);
            let mut spliced = Vec::new();
            let _ = scan::metadata(schema, ty, &message);
            let _ = transcode::with_resource_version(schema, ty, &message, "7", &mut spliced);
            if let Ok(read) = protobuf::decode(schema, ty, &message) {
                prop_assert_eq!(result, Ok(()));
                let mut json = Vec::new();
                json::encode(schema, ty, &read, &mut json);
                // Keys that are not UTF-8 are sorted by what they were.
                if !text(&json).contains('\u{fffd}') {
                    prop_assert_eq!(text(&transcoded), text(&json), "{}", schema.get(ty).name);
                }
            }
        }
    }
}
