//! Signed tokens: the one place that takes a JSON Web Signature in its compact form apart and verifies it.
//!
//! [`parse`] only takes apart; a token says nothing before [`PublicKey::verifies`] said that its owner signed
//! it. Which keys may have signed it, and what its payload says, is for [`super::service_account`] and
//! [`super::jwt`] to know. A key verifies signatures of its own kind and no others, whatever a token's header
//! names.
//!
//! Source: RFC 7515 (JWS), RFC 7519 (JWT).

mod der;
mod keys;
mod web_keys;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

pub use keys::{KeyError, PublicKey, PublicKeys, SigningKey};
pub(super) use web_keys::{WebKey, web_keys};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 1 << 20;

/// The algorithms that signatures may be of, by their JWS names.
pub(super) const ALGORITHMS: [&str; 8] =
    ["ES256", "ES384", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

/// A token's header.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood; none are.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// A token in its parts; nothing is verified.
#[derive(Clone, Debug)]
pub struct Compact<'a> {
    /// The JWS algorithm that it claims to be signed with.
    pub algorithm: String,
    /// What it calls the key that signed it; empty where it doesn't.
    pub key_id: String,
    /// What it says.
    pub payload: Vec<u8>,
    /// What is signed.
    pub message: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Takes a token apart; `None` where it is none of this form.
pub fn parse(token: &str) -> Option<Compact<'_>> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    let header: Header = object(&URL_SAFE_NO_PAD.decode(header).ok()?)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    header.crit.is_none().then(|| Compact {
        algorithm: header.alg,
        key_id: header.kid.unwrap_or_default(),
        payload,
        message,
        signature,
    })
}

/// Who claims to have issued a token; `None` where it is no token of this form. Good for nothing but to know
/// who is to verify it.
pub fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        #[serde(default, deserialize_with = "or_empty")]
        iss: String,
    }
    fn or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        Option::deserialize(deserializer).map(Option::unwrap_or_default)
    }
    if token.len() > MAX_TOKEN {
        return None;
    }
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    object::<Issuer>(&payload).map(|claims| claims.iss)
}

/// Reads a header or claims, which have to be an object: a list of its fields' values is none.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok()).flatten()
}
