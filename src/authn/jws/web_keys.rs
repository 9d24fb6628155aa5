//! JSON Web Key Sets, as issuers publish them.
//!
//! Source: RFC 7517, RFC 7518 section 6.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tracing::debug;

use super::keys::PublicKey;

/// A key of an issuer, under the name that the issuer gave it.
#[derive(Clone, Debug)]
pub(in crate::authn) struct WebKey {
    /// What tokens name it by; may be empty.
    pub(in crate::authn) id: String,
    pub(in crate::authn) key: PublicKey,
}

/// The members that public keys have.
#[derive(Deserialize)]
struct Members {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

/// The keys of a set that can verify signatures here: RSA, and ECDSA over P-256 and P-384. Others are passed
/// over, as are keys that are broken: one of them must not lock everybody out.
///
/// # Errors
/// Where it is no key set.
pub(in crate::authn) fn web_keys(json: &[u8]) -> Result<Vec<WebKey>, String> {
    use serde_json::Value::{Array, Null};
    let mut set: serde_json::Map<_, _> = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let keys = match set.remove("keys") {
        None | Some(Null) => Vec::new(),
        Some(Array(keys)) => keys,
        Some(_) => return Err("its keys are no list".to_owned()),
    };
    let usable = |key: serde_json::Value| match read(key) {
        Ok(key) => Some(key),
        Err(why) => {
            debug!(why, "a key of an issuer's key set is passed over");
            None
        }
    };
    Ok(keys.into_iter().filter_map(usable).collect())
}

fn read(key: serde_json::Value) -> Result<WebKey, String> {
    let key: Members = serde_json::from_value(key).map_err(|e| e.to_string())?;
    let bytes = |member: &Option<String>, name: &str| {
        let text = member.as_deref().filter(|text| !text.is_empty()).ok_or(format!("it has no {name}"))?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its {name} is no base64url"))
    };
    let found = match key.kty.as_str() {
        "RSA" => PublicKey::rsa(&bytes(&key.n, "n")?, &bytes(&key.e, "e")?),
        "EC" => {
            let curve = key.crv.as_deref().unwrap_or_default();
            PublicKey::ecdsa(curve, &bytes(&key.x, "x")?, &bytes(&key.y, "y")?)
        }
        other => return Err(format!("keys of the type {other:?} are not known")),
    };
    let key = WebKey { id: key.kid.unwrap_or_default(), key: found.ok_or("it is no key that can be used")? };
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::jws::PublicKeys;

    const RSA: &[u8] = include_bytes!("../service_account/testdata/rsa.pub.pem");
    const P384: &[u8] = include_bytes!("../service_account/testdata/p384.pem");

    #[test]
    fn keys_are_read_as_they_were_written() {
        let mut keys = PublicKeys::default();
        keys.add(RSA).expect("a key");
        keys.add(P384).expect("a key");
        let read = web_keys(keys.web_key_set().expect("JSON").as_bytes()).expect("a set");
        assert_eq!(read.len(), 2);
        for (read, written) in read.iter().zip(keys.named("")) {
            assert_eq!(&read.key, written);
            assert_eq!(read.id, written.id());
        }
    }

    #[test]
    fn keys_that_are_of_no_use_are_passed_over() {
        let good = r#"{"kty":"RSA","kid":"a","n":"AMI_","e":"AQAB","alg":"RS256","use":"sig","x5c":[]}"#;
        for bad in [
            r#"{"kty":"oct","k":"c2VjcmV0"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-521","x":"AAAA","y":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AAAA"}"#,
            r#"{"kty":"RSA","n":"","e":"AQAB"}"#,
            r#"{"kty":"RSA","n":"AA","e":"AQAB"}"#,
            r#"{"kty":"RSA","n":"***","e":"AQAB"}"#,
            r#"{"kty":1}"#,
            "{}",
            "1",
        ] {
            let read = web_keys(format!(r#"{{"keys":[{bad},{good}]}}"#).as_bytes()).expect("a set");
            assert_eq!(read.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["a"], "{bad}");
        }
        for (none, count) in [
            ("{}", Some(0)),
            (r#"{"keys":null}"#, Some(0)),
            ("[]", None),
            ("", None),
            (r#"{"keys":{}}"#, None),
        ] {
            assert_eq!(web_keys(none.as_bytes()).ok().map(|keys| keys.len()), count, "{none}");
        }
    }
}
