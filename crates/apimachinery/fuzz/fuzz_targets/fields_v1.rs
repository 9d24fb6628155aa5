//! Any bytes are a set of fields or are refused; a set's text reads back as the same set, and the algebra of
//! sets holds. Two texts, each in a line.
#![no_main]

use keelson_apimachinery::managed_fields::Set;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(2, |byte| *byte == b'\n').map(Set::parse);
    let Some(Ok(one)) = lines.next() else { return };
    let other = match lines.next() {
        Some(Ok(other)) => other,
        _ => Set::parse(br#"{"f:metadata":{".":{},"f:labels":{"f:a":{}}}}"#).expect("a set"),
    };
    let again = Set::parse(one.to_json().as_bytes()).expect("what it printed");
    assert_eq!(again.to_json(), one.to_json());
    let both = one.union(&other);
    assert!(one.paths().iter().all(|path| both.has(path)));
    assert!(other.paths().iter().all(|path| both.has(path)));
    let common = one.intersection(&other);
    assert!(common.paths().iter().all(|path| one.has(path) && other.has(path)));
    let rest = one.difference(&other);
    assert!(rest.paths().iter().all(|path| one.has(path) && !other.has(path)));
    assert_eq!(rest.len() + common.len(), one.len());
    let _ = (one.recursive_difference(&other), one.leaves());
});
