//! What the text of a literal stands for.

/// The text of a string literal, or the bytes of a bytes literal (without its `b`).
///
/// # Errors
/// cel-go's message, for an escape that stands for no character.
pub(super) fn unquote(text: &str, bytes: bool) -> Result<Vec<u8>, &'static str> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (raw, text) = match text.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, text.as_str()),
    };
    let triple = text.len() >= 6 && (text.starts_with("\"\"\"") || text.starts_with("'''"));
    let quotes = if triple { 3 } else { 1 };
    let content = text.get(quotes..text.len().saturating_sub(quotes)).ok_or("unable to unescape string")?;
    if raw || !content.contains('\\') {
        return Ok(content.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = unescape(&rest[at + 1..], bytes, &mut out)?;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Appends what the escape stands for whose text after the backslash `rest` begins with, and returns what follows.
fn unescape<'a>(rest: &'a str, bytes: bool, out: &mut Vec<u8>) -> Result<&'a str, &'static str> {
    let first = rest.chars().next().ok_or("unable to unescape string, found '\\' as last character")?;
    let (digits, radix) = match first {
        'x' | 'X' => (rest.get(1..3), 16),
        'u' if !bytes => (rest.get(1..5), 16),
        'U' if !bytes => (rest.get(1..9), 16),
        '0'..='3' => (rest.get(0..3), 8),
        _ => {
            let plain = match first {
                'a' => 0x07,
                'b' => 0x08,
                'f' => 0x0c,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 0x0b,
                '\\' | '\'' | '"' | '`' | '?' => first as u8,
                _ => return Err("unable to unescape string"),
            };
            out.push(plain);
            return Ok(&rest[1..]);
        }
    };
    let digits = digits.ok_or("unable to unescape string")?;
    let code = u32::from_str_radix(digits, radix).map_err(|_| "unable to unescape string")?;
    if bytes {
        out.push(u8::try_from(code).map_err(|_| "unable to unescape string")?);
    } else {
        let c = char::from_u32(code).ok_or("invalid unicode code point")?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    let prefix = usize::from(radix == 16);
    Ok(&rest[prefix + digits.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_unescaped() {
        for (text, expected) in [
            (r#""a\tb""#, Ok("a\tb")),
            (r"'\u00e9\x41\101'", Ok("éAA")),
            (r#"r"a\tb""#, Ok(r"a\tb")),
            ("'''a'b'''", Ok("a'b")),
            ("'''a\r\nb'''", Ok("a\nb")),
            (r"'\U0001F600'", Ok("😀")),
            (r"'\uD800'", Err("invalid unicode code point")),
            ("''", Ok("")),
        ] {
            assert_eq!(unquote(text, false), expected.map(|s| s.as_bytes().to_vec()), "{text}");
        }
        assert_eq!(unquote(r"'\xff\377é'", true), Ok(vec![0xff, 0xff, 0xc3, 0xa9]));
        assert_eq!(unquote(r"'\u00e9'", true), Err("unable to unescape string"));
    }
}
