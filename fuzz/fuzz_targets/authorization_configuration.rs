//! An `AuthorizationConfiguration` is read and validated, or refused; what is valid can be configured.
#![no_main]

use keelson::authz::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(configuration) = config::parse(bytes) {
        let errors = config::validate(&configuration);
        let loaded = config::load(bytes, &[]);
        assert!(errors.is_empty() || loaded.is_err(), "what is invalid is not used");
    }
});
