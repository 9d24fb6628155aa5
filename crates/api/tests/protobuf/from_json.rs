//! JSON as no encoder writes it, to protobuf: straight and by way of a tree.

use keelson_api::schema;
use keelson_apimachinery::codec::{DecodeError, StrictError, json, protobuf, transcode};
use keelson_apimachinery::{TypeId, Value};
use proptest::prelude::*;

use crate::objects::{Dice, object, types};

fn through_tree(ty: TypeId, text: &[u8]) -> Result<(Vec<u8>, Vec<StrictError>), DecodeError> {
    let decoded = json::decode(schema(), ty, text)?;
    Ok((protobuf::encode(schema(), ty, &decoded.value)?, decoded.strict))
}

fn directly(ty: TypeId, text: &[u8]) -> Result<(Vec<u8>, Vec<StrictError>), DecodeError> {
    let mut out = Vec::new();
    let strict = transcode::json_to_protobuf(schema(), ty, text, &mut out)?;
    Ok((out, strict))
}

/// What one in how many members has; 0: none.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    repeated: u64,
    unknown: u64,
    wrong: u64,
}

impl Trouble {
    fn happens(one_in: u64, dice: &mut Dice) -> bool {
        one_in != 0 && dice.roll(one_in) == 0
    }

    /// Writes a tree with members in any order, and with trouble.
    fn write(self, value: &Value, dice: &mut Dice, out: &mut Vec<u8>) {
        match value {
            Value::Array(values) => {
                out.extend(b"[ ");
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    self.write(value, dice, out);
                }
                out.push(b']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                out.push(b'{');
                let mut comma = "";
                while !members.is_empty() {
                    let at = dice.roll(members.len() as u64) as usize;
                    let (key, mut value) = members[at];
                    if Trouble::happens(self.wrong, dice) {
                        value = members[dice.roll(members.len() as u64) as usize].1;
                    }
                    let repeats = Trouble::happens(self.repeated, dice);
                    if !repeats {
                        members.swap_remove(at);
                    }
                    if Trouble::happens(self.unknown, dice) {
                        out.extend(comma.as_bytes());
                        out.extend(dice.pick(&["\"x\":{\"a\":[]}", "\"\\u0079\": 1", "\"\":null"]).bytes());
                        comma = ",\n";
                    }
                    out.extend(comma.as_bytes());
                    comma = ", ";
                    json::encode_untyped(&Value::from(key), out);
                    out.push(b':');
                    match repeats && dice.roll(4) == 0 {
                        true => out.extend(b"null"),
                        false => self.write(value, dice, out),
                    }
                }
                out.push(b'}');
            }
            other => json::encode_untyped(other, out),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn members_come_in_any_order_repeated_and_unknown(seed: u64, often in 4u64..30) {
        let mut dice = Dice(seed);
        for ty in types() {
            let tree = object(ty, &mut dice, 6);
            for trouble in [
                Trouble { repeated: 0, unknown: 0, wrong: 0 },
                Trouble { repeated: often, unknown: often, wrong: 0 },
                Trouble { repeated: often, unknown: often, wrong: 50 },
            ] {
                let mut text = Vec::new();
                trouble.write(&tree, &mut dice, &mut text);
                let want = through_tree(ty, &text);
                // Unknown members of maps are entries of a wrong type.
                prop_assert!(trouble.wrong + trouble.unknown > 0 || want.is_ok(), "{:?}", want);
                prop_assert_eq!(directly(ty, &text), want, "{}", String::from_utf8_lossy(&text));
                // Damaged.
                let at = dice.roll(text.len() as u64) as usize;
                text[at] = dice.roll(256) as u8;
                prop_assert_eq!(directly(ty, &text), through_tree(ty, &text), "{}", String::from_utf8_lossy(&text));
            }
        }
    }
}
