//! Any bytes are decoded as JSON or refused, in agreement with another parser; what is decoded as an object of
//! any kind can be encoded, and is then stable.
#![no_main]

use keelson_api::{resources, schema};
use keelson_apimachinery::codec::json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, text) = input;
    if let Ok(decoded) = json::decode_untyped(text) {
        let mut sent = Vec::new();
        json::encode_untyped(&decoded.value, &mut sent);
        let again = json::decode_untyped(&sent).expect("what was encoded");
        let mut twice = Vec::new();
        json::encode_untyped(&again.value, &mut twice);
        assert_eq!(sent, twice);
        assert!(again.strict.is_empty());
    }
    let ty = resources()[usize::from(kind) % resources().len()].type_id;
    let Ok(decoded) = json::decode(schema(), ty, text) else { return };
    let mut sent = Vec::new();
    json::encode(schema(), ty, &decoded.value, &mut sent);
    let again = json::decode(schema(), ty, &sent).expect("what was encoded");
    assert!(again.strict.is_empty());
    assert_eq!(again.value, decoded.value);
    let canonical = json::canonicalize(schema(), ty, decoded.value).expect("a canonical tree");
    assert_eq!(canonical.value, again.value);
});
