//! Any bytes are decoded as YAML or refused; what is decoded can be written as YAML, and means the same then.
#![no_main]

use keelson_apimachinery::codec::{json, yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(decoded) = yaml::decode_untyped(text) else { return };
    // Upstream writes a key `<<` without quotes, and reads it as a merge.
    if text.windows(2).any(|pair| pair == b"<<") {
        return;
    }
    let mut sent = Vec::new();
    yaml::encode(&decoded.value, &mut sent);
    let again = yaml::decode_untyped(&sent).expect("what was encoded");
    let [first, second] = [&decoded.value, &again.value].map(|value| {
        let mut text = Vec::new();
        json::encode_untyped(value, &mut text);
        text
    });
    assert_eq!(first, second);
});
