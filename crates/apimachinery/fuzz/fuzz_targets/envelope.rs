//! Any bytes open as an envelope or are refused; what opens can be sealed and opened again.
#![no_main]

use keelson_apimachinery::codec::envelope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(opened) = envelope::open(bytes) else { return };
    let sealed = envelope::seal(opened.api_version, opened.kind, opened.raw);
    let again = envelope::open(&sealed).expect("what was sealed");
    assert_eq!((again.api_version, again.kind, again.raw), (opened.api_version, opened.kind, opened.raw));
});
