//! Any token is taken apart or refused, and whatever it claims names a user by the rules, or nobody.
#![no_main]

use std::sync::LazyLock;

use keelson::authn::jws;
use keelson::authn::jwt::Checked;
use keelson::authn::jwt::config::AuthenticationConfiguration;
use libfuzzer_sys::fuzz_target;

const CONFIGURATION: &str = r#"
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer: {url: "https://claims", audiences: [a]}
  claimMappings:
    username: {claim: email, prefix: "p:"}
    groups: {claim: groups, prefix: "g:"}
    uid: {claim: sub}
- issuer: {url: "https://expressions", audiences: [a]}
  claimValidationRules:
  - expression: "!has(claims.bad) || claims.bad == false"
  claimMappings:
    username: {expression: "claims.sub"}
    groups: {expression: "claims.?groups.orValue([])"}
    extra: [{key: example.org/a, valueExpression: "claims.example__dot__org__slash__a"}]
  userValidationRules:
  - expression: "!user.username.startsWith('system:')"
"#;

static RULES: LazyLock<Checked> = LazyLock::new(|| {
    let configuration = AuthenticationConfiguration::parse(CONFIGURATION.as_bytes()).expect("a configuration");
    Checked::new(&configuration, &[]).expect("a good one")
});

fuzz_target!(|input: (&str, &[u8])| {
    let (token, payload) = input;
    if let Some(parsed) = jws::parse(token) {
        assert!(token.starts_with(parsed.message) && parsed.payload.len() <= token.len());
        assert_eq!(token.matches('.').count(), 2);
    }
    let _ = jws::claimed_issuer(token);
    if let Ok(user) = RULES.user_of(payload) {
        assert!(user.name.starts_with("p:") || !user.name.starts_with("system:"));
        assert!(user.extra.values().all(|values| !values.is_empty()));
    }
});
