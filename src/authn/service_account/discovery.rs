//! What others verify tokens by: the issuer's configuration and its keys.
//!
//! Source: OpenID Connect Discovery 1.0, section 3; RFC 7517; "Service account issuer discovery" in the
//! Kubernetes documentation.

use serde::Serialize;

use crate::authn::jws::PublicKeys;

/// Where the configuration is.
pub const CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";
/// Where the keys are.
pub const KEYS_PATH: &str = "/openid/v1/jwks";

/// The documents, both JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    /// For [`CONFIGURATION_PATH`].
    pub configuration: String,
    /// For [`KEYS_PATH`].
    pub keys: String,
}

#[derive(Serialize)]
struct Configuration<'a> {
    issuer: &'a str,
    jwks_uri: &'a str,
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: Vec<&'static str>,
}

/// The documents of an issuer whose keys are at `keys_url`.
///
/// # Errors
/// Where either is no URL that OpenID allows: then there is nothing to be found at the paths.
pub fn documents(issuer: &str, keys_url: &str, keys: &PublicKeys) -> Result<Documents, String> {
    if !issuer.starts_with("https://") {
        return Err(format!("issuer URL must use https scheme, got: {issuer}"));
    }
    if issuer.contains('?') {
        return Err(format!("issuer URL may not include a query, got: {issuer}"));
    }
    if issuer.contains('#') {
        return Err(format!("issuer URL may not include a fragment, got: {issuer}"));
    }
    if !keys_url.starts_with("https://") {
        return Err(format!("jwksURI requires https scheme, parsed as: {keys_url}"));
    }
    let configuration = Configuration {
        issuer,
        jwks_uri: keys_url,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: keys.algorithms().into_iter().collect(),
    };
    let made = serde_json::to_string(&configuration)
        .and_then(|configuration| Ok(Documents { configuration, keys: keys.web_key_set()? }));
    made.map_err(|failure| failure.to_string())
}
