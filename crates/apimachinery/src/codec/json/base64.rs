//! Base64 as Go's `StdEncoding` reads it: padded, line breaks anywhere, spare bits ignored.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes as padded base64.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The text in the one form that Go writes.
///
/// # Errors
/// Where it is no base64: the offset that Go's error names.
pub(super) fn canonical(text: &str) -> Result<Cow<'_, str>, usize> {
    // The engine refuses line breaks and spare bits, so what it takes is canonical.
    if STANDARD.decode(text).is_ok() {
        return Ok(Cow::Borrowed(text));
    }
    decode(text.as_bytes()).map(|bytes| Cow::Owned(encode(&bytes)))
}

/// Appends the bytes that the text stands for.
///
/// # Errors
/// As [`canonical`]; nothing is appended then.
pub(in crate::codec) fn decode_to(text: &str, out: &mut Vec<u8>) -> Result<(), usize> {
    let length = out.len();
    if STANDARD.decode_vec(text, out).is_err() {
        out.truncate(length);
        out.extend(decode(text.as_bytes())?);
    }
    Ok(())
}

/// Bytes from base64.
///
/// # Errors
/// As [`canonical`].
fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = 0;
    let skip_breaks = |at: &mut usize| {
        while matches!(text.get(*at), Some(b'\r' | b'\n')) {
            *at += 1;
        }
    };
    loop {
        let mut group = 0u32;
        for n in 0..4 {
            skip_breaks(&mut at);
            let Some(&byte) = text.get(at) else {
                return if n == 0 { Ok(bytes) } else { Err(at - n) };
            };
            let Some(bits) = value(byte) else {
                if byte != b'=' || n < 2 {
                    return Err(at);
                }
                at += 1;
                if n == 2 {
                    skip_breaks(&mut at);
                    match text.get(at) {
                        None => return Err(text.len()),
                        Some(b'=') => at += 1,
                        Some(_) => return Err(at - 1),
                    }
                }
                skip_breaks(&mut at);
                if at < text.len() {
                    return Err(at);
                }
                group <<= 6 * (4 - n);
                bytes.extend(&group.to_be_bytes()[1..n]);
                return Ok(bytes);
            };
            group = group << 6 | bits;
            at += 1;
        }
        bytes.extend(&group.to_be_bytes()[1..]);
    }
}

fn value(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_in_go() {
        let check = |text: &str, expected: Result<&str, usize>| {
            let result = canonical(text);
            assert_eq!(result.as_deref().map_err(|at| *at), expected, "{text:?}");
        };
        check("", Ok(""));
        check("AAEC", Ok("AAEC"));
        check("aGk=", Ok("aGk="));
        check("aA==", Ok("aA=="));
        check("aG\nk\r\n=\n", Ok("aGk="));
        check("a\nA=\n=\n", Ok("aA=="));
        check("aB==", Ok("aA=="));
        check("\n", Ok(""));
        check("!!!!", Err(0));
        check("aGk", Err(0));
        check("AAECaGk", Err(4));
        check("AAE-", Err(3));
        check("aA=", Err(3));
        check("aA=A", Err(2));
        check("a===", Err(1));
        check("aGk=A", Err(4));
        check("=", Err(0));
    }
}
