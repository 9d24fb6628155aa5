//! An `AuthenticationConfiguration` is read and checked, or refused.
#![no_main]

use keelson::authn::jwt::Checked;
use keelson::authn::jwt::config::AuthenticationConfiguration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(configuration) = AuthenticationConfiguration::parse(bytes) else { return };
    let disallowed = configuration.jwt.first().map(|jwt| jwt.issuer.url.clone());
    let _ = Checked::new(&configuration, &[]);
    if let Some(disallowed) = disallowed {
        assert!(Checked::new(&configuration, &[disallowed]).is_err(), "a disallowed issuer is refused");
    }
});
