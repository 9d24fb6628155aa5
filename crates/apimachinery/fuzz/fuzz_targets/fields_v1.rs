//! Any bytes are a set of fields or are refused; a set's text reads back as the same set, and the algebra of
//! sets holds.
#![no_main]

use keelson_apimachinery::managed_fields::Set;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (Ok(one), Ok(other)) = (Set::parse(input.0), Set::parse(input.1)) else { return };
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
