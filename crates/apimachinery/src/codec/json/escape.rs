//! Writing strings, raw JSON and floats as Go's encoder does.

/// Writes a string with its quotes. As Go does for safety inside HTML, `<`, `>`, `&`, U+2028 and U+2029 are
/// escaped.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escape::<false>(text, out);
    out.push(b'"');
}

/// Writes JSON text that is compact already, with the escapes that [`write_string`] makes for HTML.
pub(crate) fn write_raw(json: &str, out: &mut Vec<u8>) {
    out.reserve(json.len());
    escape::<true>(json, out);
}

fn escape<const RAW: bool>(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    loop {
        let n = plain::<RAW>(rest);
        out.extend_from_slice(&rest[..n]);
        let Some(&byte) = rest.get(n) else { return };
        rest = &rest[n + 1..];
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x08 => out.extend(b"\\b"),
            0x0c => out.extend(b"\\f"),
            0xe2 => match rest {
                [0x80, last @ (0xa8 | 0xa9), ..] => {
                    out.extend([b'\\', b'u', b'2', b'0', b'2', HEX[(last & 0xf) as usize]]);
                    rest = &rest[2..];
                }
                _ => out.push(byte),
            },
            _ => {
                let (high, low) = (HEX[(byte >> 4) as usize], HEX[(byte & 0xf) as usize]);
                out.extend([b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }
}

/// How many bytes stand for themselves. The byte behind them may, too, where it is 0xe2.
fn plain<const RAW: bool>(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let equal = |word: u64, byte: u8| {
        let difference = word ^ (ONES * u64::from(byte));
        difference.wrapping_sub(ONES) & !difference & HIGHS
    };
    let mut n = 0;
    while let Some(chunk) = bytes.get(n..n + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes were taken"));
        // `<` and `>` differ in one bit, and so do `"` and `&`. The lowest byte that is marked is rightly so.
        let mut special = equal(word | (ONES * 2), b'>') | equal(word, 0xe2);
        special |= if RAW {
            equal(word, b'&')
        } else {
            let below = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
            equal(word | (ONES * 4), b'&') | equal(word, b'\\') | below
        };
        if special != 0 {
            return n + special.trailing_zeros() as usize / 8;
        }
        n += 8;
    }
    let special = |b: &u8| match b {
        b'<' | b'>' | b'&' | 0xe2 => true,
        b'"' | b'\\' | 0..0x20 => !RAW,
        _ => false,
    };
    bytes[n..].iter().position(special).map_or(bytes.len(), |i| n + i)
}

/// Writes a float: shortest digits, with an exponent below 1e-6 and from 1e21.
pub(crate) fn write_float(float: f64, out: &mut Vec<u8>) {
    use std::io::Write;

    let magnitude = float.abs();
    let written = if !float.is_finite() {
        // Go's encoder fails here; no decoder makes such a value.
        write!(out, "null")
    } else if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{float:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let sign = if exponent.starts_with('-') { "" } else { "+" };
        write!(out, "{digits}e{sign}{exponent}")
    } else {
        write!(out, "{float}")
    };
    written.expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_in_go() {
        let check = |text: &str, expected: &str| {
            let mut out = Vec::new();
            write_string(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{expected}\""));
        };
        check("plain text that is longer than a word", "plain text that is longer than a word");
        check("\"\\/\x08\x0c\n\r\t\x01\x7f", "\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f");
        check("<a href='x'>&</a>", r"\u003ca href='x'\u003e\u0026\u003c/a\u003e");
        check("\u{2028}\u{2029}\u{2027}\u{e9}\u{20ac}", "\\u2028\\u2029\u{2027}\u{e9}\u{20ac}");
    }

    #[test]
    fn every_byte_is_found_at_every_place() {
        for before in 0..20 {
            for fill in ["a", "\u{7f}", "!", "=", "[", "?", ";", "\u{e9}"] {
                for (special, string, raw) in [
                    ("<", "\\u003c", "\\u003c"),
                    (">", "\\u003e", "\\u003e"),
                    ("&", "\\u0026", "\\u0026"),
                    ("\"", "\\\"", "\""),
                    ("\\", "\\\\", "\\"),
                    ("\u{1f}", "\\u001f", "\u{1f}"),
                    ("\u{2028}", "\\u2028", "\\u2028"),
                    ("\u{2030}", "\u{2030}", "\u{2030}"),
                ] {
                    let fills = fill.repeat(before);
                    let text = format!("{fills}{special}{fills}{special}");
                    let mut out = Vec::new();
                    escape::<false>(&text, &mut out);
                    assert_eq!(String::from_utf8(out).unwrap(), format!("{fills}{string}{fills}{string}"));
                    let mut out = Vec::new();
                    escape::<true>(&text, &mut out);
                    assert_eq!(String::from_utf8(out).unwrap(), format!("{fills}{raw}{fills}{raw}"));
                }
            }
        }
    }

    #[test]
    fn floats_are_written_as_in_go() {
        let check = |float: f64, expected: &str| {
            let mut out = Vec::new();
            write_float(float, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(1.5, "1.5");
        check(100_000_000_000_000_000_000.0, "100000000000000000000");
        check(1e21, "1e+21");
        check(-1.25e30, "-1.25e+30");
        check(0.000001, "0.000001");
        check(0.00000012, "1.2e-7");
        check(1e-10, "1e-10");
        check(f64::MAX, "1.7976931348623157e+308");
        check(5e-324, "5e-324");
        check(0.1 + 0.2, "0.30000000000000004");
    }
}
