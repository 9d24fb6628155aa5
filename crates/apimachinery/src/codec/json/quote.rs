//! Quoting text for errors, as Go does.

/// Text in double quotes.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if c == '"' {
            out.push('\\');
        }
        push(c, &mut out);
    }
    out.push('"');
    out
}

/// A character in single quotes.
pub(super) fn quote_char(c: char) -> String {
    let mut out = String::from("'");
    if c == '\'' {
        out.push('\\');
    }
    push(c, &mut out);
    out.push('\'');
    out
}

fn push(c: char, out: &mut String) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0b' => out.push_str("\\v"),
        '\x0c' => out.push_str("\\f"),
        '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", c as u32)),
        // Not all that Go's Unicode tables call unprintable, but what is met in practice.
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{feff}' => {
            out.push_str(&format!("\\u{:04x}", c as u32));
        }
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_in_go() {
        assert_eq!(quote("a'b\"c\\\n\0\u{7f}\u{e9}\u{200b}"), r#""a'b\"c\\\n\x00\x7fé\u200b""#);
        assert_eq!(quote_char('\''), r"'\''");
        assert_eq!(quote_char('"'), "'\"'");
    }
}
