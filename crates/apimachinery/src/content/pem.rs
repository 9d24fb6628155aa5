//! PEM blocks, as Go's `encoding/pem` finds them: text between blocks is skipped.
//!
//! Source: RFC 1421, section 4.4; RFC 7468.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A block of a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind `BEGIN`: `CERTIFICATE`.
    pub kind: String,
    /// Whether lines such as `Proc-Type: 4,ENCRYPTED` come before the content.
    pub has_headers: bool,
    /// The decoded content.
    pub content: Vec<u8>,
}

/// The blocks of a PEM file, in order. Malformed ones are skipped.
pub fn blocks(text: &[u8]) -> impl Iterator<Item = Block> {
    let text = String::from_utf8_lossy(text).into_owned();
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim_end).peekable();
    while let Some(line) = lines.next() {
        let kind = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        let Some(kind) = kind else { continue };
        let end = format!("-----END {kind}-----");
        let mut has_headers = false;
        while lines.peek().is_some_and(|line| line.contains(':')) {
            lines.next();
            has_headers = true;
        }
        let mut body = String::new();
        let mut closed = false;
        while let Some(line) = lines.peek() {
            // Another block before this one's end: this one is malformed, the other may not be.
            if line.starts_with("-----BEGIN ") {
                break;
            }
            closed = *line == end;
            if !closed {
                body.extend(line.chars().filter(|c| !c.is_ascii_whitespace()));
            }
            lines.next();
            if closed {
                break;
            }
        }
        if closed && let Ok(content) = STANDARD.decode(&body) {
            found.push(Block { kind: kind.to_owned(), has_headers, content });
        }
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_between_other_text() {
        let check = |text: &str, expected: &[(&str, bool, &[u8])]| {
            let found: Vec<_> = blocks(text.as_bytes()).collect();
            let found: Vec<_> =
                found.iter().map(|b| (b.kind.as_str(), b.has_headers, b.content.as_slice())).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("", &[]);
        check("not a block", &[]);
        check("x\n-----BEGIN A-----\nYWI=\n-----END A-----\ny\n", &[("A", false, b"ab")]);
        check("-----BEGIN A-----\nKey: v\n\nYWI=\n-----END A-----", &[("A", true, b"ab")]);
        check("-----BEGIN A-----\nYW\nI=\r\n-----END A-----\n", &[("A", false, b"ab")]);
        check("-----BEGIN A-----\nYWI=\n-----END B-----\n", &[]);
        check("-----BEGIN A-----\n!\n-----END A-----\n", &[]);
        check("-----BEGIN A-----\n-----BEGIN B-----\nYWI=\n-----END B-----\n", &[("B", false, b"ab")]);
    }
}
