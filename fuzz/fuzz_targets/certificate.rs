//! Any bytes are a certificate that names somebody, or are refused; authorities are usable or refused.
#![no_main]

use std::sync::Arc;

use keelson::authn::ClientAuthorities;
use keelson::authn::x509::Subject;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    if let Ok(subject) = Subject::parse(der) {
        assert_eq!(subject.fingerprint.len(), 64);
        match subject.user() {
            Ok(Some(user)) => {
                assert!(!user.name.is_empty() && user.name == subject.common_name);
                assert_eq!(user.groups, subject.organizations);
                assert_eq!(user.uid.is_empty(), subject.uids.is_empty());
                assert_eq!(user.extra.len(), 1);
            }
            Ok(None) => assert!(subject.common_name.is_empty()),
            Err(_) => assert!(!subject.uids.is_empty()),
        }
    }
    let authorities = ClientAuthorities::new(Arc::new(rustls::crypto::ring::default_provider()));
    assert_eq!(authorities.replace(der).is_ok(), authorities.bundle().is_some());
});
