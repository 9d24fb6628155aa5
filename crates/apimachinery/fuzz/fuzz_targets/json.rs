//! Any bytes are decoded as JSON or refused; what is decoded, untyped or as an object of any kind, can be
//! encoded and decoded again, and is stable then.
#![no_main]

use keelson_api::{resources, schema};
use keelson_apimachinery::codec::json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, text) = input;
    if let Ok(decoded) = json::decode_untyped(text) {
        let encode = |value| {
            let mut text = Vec::new();
            json::encode_untyped(value, &mut text);
            text
        };
        // Floats without a fraction come back as integers: the second time nothing changes any more.
        let once = json::decode_untyped(&encode(&decoded.value)).expect("what was encoded");
        let twice = json::decode_untyped(&encode(&once.value)).expect("what was encoded");
        assert!(once.strict.is_empty() && twice.strict.is_empty());
        assert_eq!(once.value, twice.value);
    }
    let ty = resources()[usize::from(kind) % resources().len()].type_id;
    let Ok(decoded) = json::decode(schema(), ty, text) else { return };
    let encode = |value| {
        let mut text = Vec::new();
        json::encode(schema(), ty, value, &mut text);
        text
    };
    let once = json::decode(schema(), ty, &encode(&decoded.value)).expect("what was encoded");
    let twice = json::decode(schema(), ty, &encode(&once.value)).expect("what was encoded");
    assert!(once.strict.is_empty() && twice.strict.is_empty());
    assert_eq!(once.value, twice.value);
    let canonical = json::canonicalize(schema(), ty, once.value.clone()).expect("a canonical tree");
    assert_eq!(canonical.value, once.value);
});
