//! Bytes to bytes agrees with going through a tree, for any bytes as an object of any kind.
#![no_main]

use keelson_api::{resources, schema};
use keelson_apimachinery::codec::transcode::{self, Overlay};
use keelson_apimachinery::codec::{json, protobuf, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, message) = input;
    let ty = resources()[usize::from(kind) % resources().len()].type_id;
    // As JSON, whatever it is.
    let mut straight = Vec::new();
    let strict = transcode::json_to_protobuf(schema(), ty, message, &mut straight);
    let tree = json::decode(schema(), ty, message)
        .and_then(|decoded| Ok((decoded.strict, protobuf::encode(schema(), ty, &decoded.value)?)));
    assert_eq!(strict.map(|strict| (strict, straight)), tree);

    let mut transcoded = Vec::new();
    let result = transcode::protobuf_to_json(schema(), ty, message, &Overlay::default(), &mut transcoded);
    let mut versioned = Vec::new();
    let spliced = transcode::with_resource_version(schema(), ty, message, "7", &mut versioned);
    let scanned = scan::metadata(schema(), ty, message);

    let Ok(tree) = protobuf::decode(schema(), ty, message) else { return };
    result.expect("what can be decoded can be transcoded");
    let mut through_tree = Vec::new();
    json::encode(schema(), ty, &tree, &mut through_tree);
    let through_tree = String::from_utf8(through_tree).expect("JSON is UTF-8");
    // Keys that are not UTF-8 are sorted by what they were; strings that are not cannot be borrowed.
    if through_tree.contains('\u{fffd}') {
        return;
    }
    assert_eq!(String::from_utf8(transcoded).expect("JSON is UTF-8"), through_tree);
    spliced.expect("what can be decoded can be spliced");
    // A string that is not UTF-8 may hide behind a later one.
    if let Ok(scanned) = scanned {
        assert_eq!(tree.str_at(&["metadata", "name"]), scanned.name);
    }
    let tree = protobuf::decode(schema(), ty, &versioned).expect("what was spliced");
    assert_eq!(tree.str_at(&["metadata", "resourceVersion"]), "7");
    // Not all of it can be read again: protobuf has times past the year 9999, which no JSON decoder takes.
    let mut back = Vec::new();
    let direct = transcode::json_to_protobuf(schema(), ty, through_tree.as_bytes(), &mut back);
    let tree = json::decode(schema(), ty, through_tree.as_bytes())
        .and_then(|decoded| protobuf::encode(schema(), ty, &decoded.value));
    let accepted = direct.is_ok();
    assert_eq!(direct.map(|strict| (strict, back.clone())), tree.map(|message| (Vec::new(), message)));
    if accepted {
        let mut again = Vec::new();
        transcode::protobuf_to_json(schema(), ty, &back, &Overlay::default(), &mut again)
            .expect("what was encoded");
        assert_eq!(String::from_utf8(again).expect("JSON is UTF-8"), through_tree);
    }
});
