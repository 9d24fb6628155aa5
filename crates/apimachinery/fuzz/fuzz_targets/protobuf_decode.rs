//! Any bytes are decoded as an object of any kind or refused; what is decoded can be encoded, and is then
//! stable.
#![no_main]

use keelson_api::{resources, schema};
use keelson_apimachinery::codec::protobuf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, message) = input;
    let ty = resources()[usize::from(kind) % resources().len()].type_id;
    let Ok(tree) = protobuf::decode(schema(), ty, message) else { return };
    let once = protobuf::encode(schema(), ty, &tree).expect("a decoded tree fits its type");
    let again = protobuf::decode(schema(), ty, &once).expect("what was encoded");
    let twice = protobuf::encode(schema(), ty, &again).expect("a decoded tree fits its type");
    assert_eq!(once, twice);
});
