//! Bearer tokens in the handshake of a WebSocket: browsers can't set the `Authorization` header there, but they can
//! offer subprotocols. `base64url.bearer.authorization.k8s.io.TOKEN` is one, beside at least one other, which
//! is there to be agreed on.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};

use crate::request::wants_web_socket;

const PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

/// Go's decoder without padding: what hangs over in the last character is thrown away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The token that is offered as a subprotocol, if the request wants a WebSocket at all.
///
/// # Errors
/// Why what is offered can't be used, for the log.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) || !wants_web_socket(headers) {
        return Ok(None);
    }
    let (mut token, mut others) = (None, false);
    for protocol in headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().flat_map(protocols) {
        let Some(encoded) = protocol.strip_prefix(PREFIX.as_bytes()) else {
            others = true;
            continue;
        };
        if token.is_some() {
            return Err("multiple base64.bearer.authorization tokens specified");
        }
        let decoded =
            BASE64.decode(encoded).map_err(|_| "invalid base64.bearer.authorization token encoding")?;
        let text = String::from_utf8(decoded).map_err(|_| "invalid base64.bearer.authorization token")?;
        token = Some(text);
    }
    let token = token.filter(|token| !token.is_empty());
    if token.is_some() && !others {
        return Err("missing additional subprotocol");
    }
    Ok(token)
}

/// Takes the token from among the subprotocols, so that nobody agrees on it or sees it.
pub(super) fn remove_token(headers: &mut HeaderMap) {
    let is_token = |protocol: &&[u8]| protocol.starts_with(PREFIX.as_bytes());
    if !headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().flat_map(protocols).any(|p| is_token(&p)) {
        return;
    }
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().flat_map(protocols);
    let others: Vec<&[u8]> = offered.filter(|protocol| !is_token(protocol)).collect();
    let others = HeaderValue::from_bytes(&others.join(&b","[..])).ok().filter(|others| !others.is_empty());
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Some(others) = others {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, others);
    }
}

/// The subprotocols of one header.
fn protocols(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handshake that offers these.
    fn handshake(offered: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("upgrade", HeaderValue::from_static("websocket"));
        headers.insert("connection", HeaderValue::from_static("Upgrade"));
        for line in offered {
            headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(line).expect("a header"));
        }
        headers
    }

    fn offer(encoded: &str) -> String {
        format!("{PREFIX}{encoded}")
    }

    #[test]
    fn a_token_is_offered_beside_other_subprotocols() {
        let check = |offered: &[&str], wanted: Result<Option<&str>, &str>, left: Option<&str>| {
            let mut headers = handshake(offered);
            assert_eq!(token(&headers), wanted.map(|token| token.map(str::to_owned)), "{offered:?}");
            remove_token(&mut headers);
            let lines: Vec<_> = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().collect();
            assert!(lines.len() <= 1 || !offered.join("").contains(PREFIX));
            let first = lines.first().map(|value| value.to_str().expect("text"));
            assert_eq!(first, left, "{offered:?}");
        };
        let (good, other) = (offer("c2VjcmV0"), "v4.channel.k8s.io");
        check(&[], Ok(None), None);
        check(&[other], Ok(None), Some(other));
        check(&[&good, other], Ok(Some("secret")), Some(other));
        check(&[&format!("a, {good},b")], Ok(Some("secret")), Some("a,b"));
        check(&["a", &good, "b , c"], Ok(Some("secret")), Some("a,b,c"));
        check(&[&good], Err("missing additional subprotocol"), None);
        let multiple = Err("multiple base64.bearer.authorization tokens specified");
        check(&[&good, &good, other], multiple, Some(other));
        let encoding = Err("invalid base64.bearer.authorization token encoding");
        check(&[&offer("c2VjcmV0="), other], encoding, Some(other));
        check(&[&offer("a+b/"), other], encoding, Some(other));
        check(&[&offer("gICA"), other], Err("invalid base64.bearer.authorization token"), Some(other));
        check(&[&offer(""), other], Ok(None), Some(other));
        check(&[&offer("")], Ok(None), None);
        // What hangs over is thrown away.
        check(&[&offer("c2VjcmV0MR"), other], Ok(Some("secret1")), Some(other));
    }

    #[test]
    fn only_handshakes_may_offer_one() {
        let mut headers = handshake(&[&offer("c2VjcmV0"), "a"]);
        headers.remove("upgrade");
        assert_eq!(token(&headers), Ok(None));
    }
}
