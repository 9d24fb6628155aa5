//! Objects of every kind, made up from the schema: all codecs agree on them.

use keelson_api::schema;
use keelson_apimachinery::codec::transcode::{self, Overlay};
use keelson_apimachinery::codec::{json, protobuf, scan};
use proptest::prelude::*;

use crate::objects::{Dice, object, types};

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
