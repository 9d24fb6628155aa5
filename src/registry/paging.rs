//! Continue tokens: where the next page of a list starts, and which revision it shows.
//!
//! A token is base64url JSON, `{"v":"meta.k8s.io/v1","rv":12,"start":"name\u0000"}`, readable for
//! kube-apiserver and readable from it, so that a client can change servers between two pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keelson_apimachinery::Status;
use serde::{Deserialize, Serialize};

const VERSION: &str = "meta.k8s.io/v1";

#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(default)]
    v: String,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: String,
}

/// Where a page starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The first key to show; empty for the first of all.
    pub key: String,
    /// The revision to show; 0 for the current one.
    pub revision: u64,
}

/// The token for the page that starts behind `last_key`; `revision` -1 lets it show the then current state.
pub fn encode(last_key: &str, prefix: &str, revision: i64) -> String {
    let start = format!("{}\0", last_key.strip_prefix(prefix).unwrap_or(last_key));
    encode_start(start, revision)
}

/// The token that goes on at `start_key` with the then current state.
pub fn encode_inconsistent(start_key: &str, prefix: &str) -> String {
    encode_start(start_key.strip_prefix(prefix).unwrap_or(start_key).to_owned(), -1)
}

fn encode_start(start: String, rv: i64) -> String {
    let token = Token { v: VERSION.into(), rv, start };
    let json = serde_json::to_vec(&token).expect("strings and numbers always serialize");
    URL_SAFE_NO_PAD.encode(json)
}

/// Reads a token of a list whose keys start with `prefix`.
///
/// # Errors
/// 400 with upstream's texts.
pub fn decode(token: &str, prefix: &str) -> Result<Start, Status> {
    let refuse =
        |why: String| Status::bad_request(format!("invalid continue token: continue key is not valid{why}"));
    let bytes = URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| refuse(format!(": illegal base64 data at input byte {}", bad_base64_at(token))))?;
    let token: Token = serde_json::from_slice(&bytes)
        .map_err(|error| refuse(format!(": {}", json_error(&bytes, &error))))?;
    if token.v != VERSION {
        let why = format!(": server does not recognize this encoded version {}", token.v);
        return Err(refuse(why));
    }
    if token.rv == 0 {
        return Err(refuse(format!(": incorrect encoded start resourceVersion (version {VERSION})")));
    }
    if token.start.is_empty() {
        return Err(refuse(format!(": encoded start key empty (version {VERSION})")));
    }
    // A start key must not lead out of the directory.
    let key = token.start.strip_prefix('/').unwrap_or(&token.start);
    if key.is_empty() || key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refuse(format!(": {}", token.start)));
    }
    Ok(Start { key: format!("{prefix}{key}"), revision: u64::try_from(token.rv).unwrap_or(0) })
}

/// What Go's decoder says of bytes that are no JSON.
fn json_error(bytes: &[u8], error: &serde_json::Error) -> String {
    match bytes.iter().find(|c| !c.is_ascii_whitespace()) {
        None => "unexpected end of JSON input".to_owned(),
        Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => error.to_string(),
        Some(c @ 0x21..=0x7e) => {
            format!("invalid character '{}' looking for beginning of value", char::from(*c))
        }
        Some(c) => format!("invalid character '\\x{c:02x}' looking for beginning of value"),
    }
}

/// Where Go's decoder would stop.
fn bad_base64_at(token: &str) -> usize {
    let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    token.bytes().position(|c| !good(c)).unwrap_or(token.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_kube_apiserver() {
        let token = encode("configmaps/ns/b", "configmaps/ns/", 12);
        let json = URL_SAFE_NO_PAD.decode(&token).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"v":"meta.k8s.io/v1","rv":12,"start":"b\u0000"}"#);
        let start = decode(&token, "configmaps/ns/").unwrap();
        assert_eq!(start, Start { key: "configmaps/ns/b\0".into(), revision: 12 });
        let latest = encode_inconsistent(&start.key, "configmaps/ns/");
        assert_eq!(decode(&latest, "configmaps/ns/").unwrap().revision, 0);
    }

    #[test]
    fn bad_tokens_are_refused() {
        let check = |json: &str, why: &str| {
            let status = decode(&URL_SAFE_NO_PAD.encode(json), "pods/").unwrap_err();
            let expected = format!("invalid continue token: continue key is not valid{why}");
            assert_eq!((status.code(), status.message()), (400, expected.as_str()), "{json}");
        };
        let junk = decode("junk", "pods/").unwrap_err();
        assert!(junk.message().ends_with(": invalid character '\\x8e' looking for beginning of value"));
        check(r#"{"v":"x","rv":1,"start":"a"}"#, ": server does not recognize this encoded version x");
        check(
            r#"{"v":"meta.k8s.io/v1","start":"a"}"#,
            ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        );
        check(r#"{"v":"meta.k8s.io/v1","rv":1}"#, ": encoded start key empty (version meta.k8s.io/v1)");
        check(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../a"}"#, ": ../a");
        assert_eq!(
            decode("!", "pods/").unwrap_err().message(),
            "invalid continue token: continue key is not valid: illegal base64 data at input byte 0"
        );
    }
}
