//! Cuts an expression into tokens.

use crate::source::{Issues, Offset};

/// A token: its kind, where it begins and its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) at: Offset,
    pub(super) text: &'a str,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// An operator, a bracket, or a word of the language: told apart by its text.
    Sign,
    Int,
    Uint,
    Float,
    String,
    Bytes,
    Ident,
    /// An identifier in backquotes.
    Escaped,
    End,
}

impl Token<'_> {
    /// Whether this is the sign or word `text`.
    pub(super) fn is(&self, text: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == text
    }

    /// The token as errors show it.
    pub(super) fn shown(&self) -> String {
        match self.kind {
            TokenKind::End => "<EOF>".to_owned(),
            _ => self.text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t"),
        }
    }
}

/// Signs, longer ones before their beginnings.
const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":",
    "+", "*", "/", "%",
];

/// Words that are tokens of their own.
const WORDS: [&str; 4] = ["in", "true", "false", "null"];

/// The tokens of `text`, with one of kind `End` after the last. What is no token is told to `issues` and skipped.
pub(super) fn tokens<'a>(text: &'a str, issues: &mut Issues) -> Vec<Token<'a>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut at: Offset = 0;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = if matches!(first, ' ' | '\t' | '\r' | '\n' | '\u{c}') {
            (None, 1)
        } else if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else {
            match token(rest) {
                Ok((kind, length)) => (Some(kind), length),
                Err(length) => {
                    let wrong = rest[..length].replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
                    issues.at(at, format!("Syntax error: token recognition error at: '{wrong}'"));
                    (None, length)
                }
            }
        };
        let (text, after) = rest.split_at(length);
        if let Some(kind) = kind {
            tokens.push(Token { kind, at, text });
        }
        at += u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        rest = after;
    }
    tokens.push(Token { kind: TokenKind::End, at, text: "" });
    tokens
}

/// The kind and length of the token that `rest` begins with, or how much of it is no token.
fn token(rest: &str) -> Result<(TokenKind, usize), usize> {
    let bytes = rest.as_bytes();
    let first = bytes[0];
    if let Some(result) = quoted(rest) {
        return result;
    }
    if first.is_ascii_digit() || (first == b'.' && bytes.get(1).is_some_and(u8::is_ascii_digit)) {
        return Ok(number(bytes));
    }
    if first.is_ascii_alphabetic() || first == b'_' {
        let length = bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let kind = if WORDS.contains(&&rest[..length]) { TokenKind::Sign } else { TokenKind::Ident };
        return Ok((kind, length));
    }
    if first == b'`' {
        let inner = bytes[1..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b' '))
            .count();
        return if inner > 0 && bytes.get(inner + 1) == Some(&b'`') {
            Ok((TokenKind::Escaped, inner + 2))
        } else {
            Err(whole_chars(rest, inner + 2))
        };
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((TokenKind::Sign, sign.len()));
    }
    // A lone `&`, `|` or `=` takes the character after it along, as it could have begun an operator.
    let alone = rest.chars().next().map_or(1, char::len_utf8);
    Err(if matches!(first, b'&' | b'|' | b'=') { whole_chars(rest, alone + 1) } else { alone })
}

/// `length`, made longer to the end of a character, and no longer than `text`.
fn whole_chars(text: &str, length: usize) -> usize {
    (length..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn number(bytes: &[u8]) -> (TokenKind, usize) {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let unsigned = |at: usize, kind: TokenKind| match bytes.get(at) {
        Some(b'u' | b'U') => (TokenKind::Uint, at + 1),
        _ => (kind, at),
    };
    if bytes.starts_with(b"0x") {
        let hex = bytes[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if hex > 0 {
            return unsigned(2 + hex, TokenKind::Int);
        }
    }
    let mut end = digits(0);
    let mut float = false;
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
        float = true;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = bytes.get(end + 1 + sign..).map_or(0, |_| digits(end + 1 + sign));
        if exponent > 0 {
            end += 1 + sign + exponent;
            float = true;
        }
    }
    if float { (TokenKind::Float, end) } else { unsigned(end, TokenKind::Int) }
}

/// A string or bytes literal, where `rest` begins with one: with `b` and `r` before the quotes.
fn quoted(rest: &str) -> Option<Result<(TokenKind, usize), usize>> {
    let bytes = rest.as_bytes();
    let mut start = 0;
    let mut kind = TokenKind::String;
    if matches!(bytes[0], b'b' | b'B') {
        kind = TokenKind::Bytes;
        start = 1;
    }
    let mut raw = false;
    if matches!(bytes.get(start), Some(b'r' | b'R')) {
        raw = true;
        start += 1;
    }
    let quote = *bytes.get(start).filter(|b| matches!(b, b'"' | b'\''))?;
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if triple { 3 } else { 1 };
    loop {
        match bytes.get(at) {
            None => break,
            Some(&b) if b == quote => {
                if !triple {
                    return Some(Ok((kind, at + 1)));
                }
                if bytes[at..].starts_with(&[quote; 3]) {
                    return Some(Ok((kind, at + 3)));
                }
                at += 1;
            }
            Some(b'\n' | b'\r') if !triple => break,
            Some(b'\\') if !raw => match escape(&bytes[at..]) {
                Ok(length) => at += length,
                // What comes after a bad escape is read anew.
                Err(length) => return Some(Err(whole_chars(rest, (at + length).min(rest.len())))),
            },
            Some(_) => at += 1,
        }
    }
    if triple {
        // Two quotes are an empty literal of their own.
        return Some(Ok((kind, start + 2)));
    }
    // The character that ends the line is taken along.
    Some(Err(whole_chars(rest, (at + 1).min(rest.len()))))
}

/// The length of the escape sequence that `bytes` begins with; or how much of it is none, with the byte that is
/// wrong.
fn escape(bytes: &[u8]) -> Result<usize, usize> {
    let hex = |count: usize| {
        let found = bytes[2..].iter().take(count).take_while(|b| b.is_ascii_hexdigit()).count();
        if found == count { Ok(2 + count) } else { Err(2 + found + 1) }
    };
    match bytes.get(1) {
        Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`') => Ok(2),
        Some(b'x' | b'X') => hex(2),
        Some(b'u') => hex(4),
        Some(b'U') => hex(8),
        Some(b'0'..=b'3') => {
            let found = bytes[2..].iter().take(2).take_while(|b| (b'0'..=b'7').contains(*b)).count();
            if found == 2 { Ok(4) } else { Err(2 + found + 1) }
        }
        _ => Err(2),
    }
}
