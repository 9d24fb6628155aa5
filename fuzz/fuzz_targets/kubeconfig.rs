//! A webhook's kubeconfig is read or refused.
#![no_main]

use std::path::Path;

use keelson::outbound::kubeconfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(settings) = kubeconfig::parse(bytes, Path::new("/")) {
        assert!(matches!(settings.url.scheme_str(), Some("http" | "https")));
        assert!(settings.url.host().is_some_and(|host| !host.is_empty()));
    }
});
