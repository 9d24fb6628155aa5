//! A file of ABAC's policies is read or refused.
#![no_main]

use keelson::authz::abac::Policies;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Policies::parse(bytes);
});
