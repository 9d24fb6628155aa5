//! The reader of JSON text: tokens, strings, numbers, and skipping, with the texts of Go's decoder for what
//! is no JSON.

use std::borrow::Cow;

use super::quote::{quote, quote_char};
use crate::codec::{DecodeError, MAX_DEPTH};

/// A position in JSON text. The text is valid UTF-8, so that strings without escapes are slices of it.
#[derive(Clone)]
pub(in crate::codec) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// What a value begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::codec) enum Token {
    Null,
    True,
    False,
    String,
    Number,
    Array,
    Object,
}

impl Token {
    /// What Go calls it in errors.
    pub(in crate::codec) fn name(self) -> &'static str {
        match self {
            Token::Null => "null",
            Token::True | Token::False => "bool",
            Token::String => "string",
            Token::Number => "number",
            Token::Array => "array",
            Token::Object => "object",
        }
    }
}

/// Text that is no JSON. Boxed small, as results of every step carry it.
pub(in crate::codec) type SyntaxError = Box<DecodeError>;

fn error<T>(message: impl Into<Box<str>>) -> Result<T, SyntaxError> {
    Err(Box::new(DecodeError::new(message)))
}

/// The bytes as text: each byte that is not UTF-8 becomes U+FFFD, as Go's decoder has it. Outside of strings
/// such bytes are an error, which is worded by the byte itself.
pub(in crate::codec) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, SyntaxError> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    // Where the replaced bytes are in the text, and what they were.
    let mut replaced = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            replaced.push((text.len(), *byte));
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    let mut parser = Parser::new(&text);
    if let Err(wrong) = parser.document() {
        let Ok(i) = replaced.binary_search_by_key(&parser.at, |(at, _)| *at) else { return Err(wrong) };
        let byte = format!("'\\x{:02x}'", replaced[i].1);
        return error(wrong.message().replace("'\u{fffd}'", &byte));
    }
    Ok(Cow::Owned(text))
}

impl<'a> Parser<'a> {
    pub(in crate::codec) fn new(text: &'a str) -> Self {
        Parser { text, at: 0, depth: 0 }
    }

    /// How many bytes have been read.
    pub(in crate::codec) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes there are.
    pub(in crate::codec) fn length(&self) -> usize {
        self.text.len()
    }

    /// The text from a position to here.
    pub(in crate::codec) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    #[cold]
    fn unexpected<T>(&self, context: &str) -> Result<T, SyntaxError> {
        let Some(c) = self.text[self.at..].chars().next() else {
            return error("unexpected end of JSON input");
        };
        error(format!("invalid character {} {context}", quote_char(c)))
    }

    /// An escape that is none; its backslash is at `start`.
    #[cold]
    fn bad_escape<T>(&self, start: usize) -> Result<T, SyntaxError> {
        let rest = &self.text.as_bytes()[start..];
        let length = match rest {
            [_] => return error("unexpected end of JSON input"),
            [_, b'u', hex @ ..] if hex.len() < 4 && hex.iter().all(u8::is_ascii_hexdigit) => {
                return error("unexpected end of JSON input");
            }
            [_, b'u', ..] => rest.len().min(6),
            _ => 2,
        };
        let escape = String::from_utf8_lossy(&rest[..length]);
        if escape.contains(|c: char| !matches!(c, '!'..='~') || c == '`') {
            return error(format!("invalid escape sequence {} in string", quote(&escape)));
        }
        error(format!("invalid escape sequence `{escape}` in string"))
    }

    /// Skips space, and says what value begins here. Nothing else is read.
    pub(in crate::codec) fn peek(&mut self) -> Result<Token, SyntaxError> {
        match self.space() {
            Some(b'"') => Ok(Token::String),
            Some(b'{') => Ok(Token::Object),
            Some(b'[') => Ok(Token::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Token::Number),
            Some(b't') => Ok(Token::True),
            Some(b'f') => Ok(Token::False),
            Some(b'n') => Ok(Token::Null),
            _ => self.unexpected("looking for beginning of value"),
        }
    }

    /// Reads the literal that [`Parser::peek`] saw.
    pub(in crate::codec) fn literal(&mut self, token: Token) -> Result<(), SyntaxError> {
        let word = match token {
            Token::True => "true",
            Token::False => "false",
            _ => "null",
        };
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        for expected in word.bytes() {
            if self.byte() != Some(expected) {
                let context = format!("in literal {word} (expecting '{}')", char::from(expected));
                return self.unexpected(&context);
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Reads the number that [`Parser::peek`] saw, and hands back its text.
    pub(in crate::codec) fn number(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.unexpected("in numeric literal"),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            if !matches!(self.byte(), Some(b'0'..=b'9')) {
                return self.unexpected("in numeric literal");
            }
            self.digits();
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            if !matches!(self.byte(), Some(b'0'..=b'9')) {
                return self.unexpected("in numeric literal");
            }
            self.digits();
        }
        Ok(self.since(start))
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
    }

    /// Reads the string that [`Parser::peek`] saw.
    pub(in crate::codec) fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        self.at += 1;
        let start = self.at;
        self.at += plain(&self.text.as_bytes()[start..]);
        if self.byte() == Some(b'"') {
            let plain = self.since(start);
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped(start).map(Cow::Owned)
    }

    /// The rest of a string that began at `start` and has something special here.
    #[cold]
    fn escaped(&mut self, start: usize) -> Result<String, SyntaxError> {
        let mut out = self.since(start).to_owned();
        loop {
            let plain_from = self.at;
            self.at += plain(&self.text.as_bytes()[plain_from..]);
            out.push_str(self.since(plain_from));
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let start = self.at;
                    self.at += 1;
                    let c = match self.byte() {
                        Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
                        Some(b'b') => '\x08',
                        Some(b'f') => '\x0c',
                        Some(b'n') => '\n',
                        Some(b'r') => '\r',
                        Some(b't') => '\t',
                        Some(b'u') => {
                            self.at += 1;
                            out.push(self.unicode(start)?);
                            continue;
                        }
                        _ => return self.bad_escape(start),
                    };
                    self.at += 1;
                    out.push(c);
                }
                _ => return self.unexpected("in string"),
            }
        }
    }

    /// The character of an escape whose `\u` is read and began at `start`. Half a surrogate pair is U+FFFD.
    fn unicode(&mut self, start: usize) -> Result<char, SyntaxError> {
        let first = self.hex4(start)?;
        if (0xd800..0xdc00).contains(&first) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex4(before)?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // The second escape stands for itself.
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self, start: usize) -> Result<u32, SyntaxError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte().and_then(|b| char::from(b).to_digit(16)) else {
                return self.bad_escape(start);
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn enter(&mut self) -> Result<(), SyntaxError> {
        if self.depth >= MAX_DEPTH {
            return error("exceeded max depth");
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Reads the `[` that [`Parser::peek`] saw. Says whether there is a first element.
    pub(in crate::codec) fn enter_array(&mut self) -> Result<bool, SyntaxError> {
        self.enter()?;
        if self.space() == Some(b']') {
            self.leave();
            return Ok(false);
        }
        Ok(true)
    }

    /// Behind an element: whether there is another.
    pub(in crate::codec) fn next_element(&mut self) -> Result<bool, SyntaxError> {
        match self.space() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b']') => {
                self.leave();
                Ok(false)
            }
            _ => self.unexpected("after array element"),
        }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Reads the `{` that [`Parser::peek`] saw. Says whether there is a first member.
    pub(in crate::codec) fn enter_object(&mut self) -> Result<bool, SyntaxError> {
        self.enter()?;
        if self.space() == Some(b'}') {
            self.leave();
            return Ok(false);
        }
        Ok(true)
    }

    /// Reads a member's key and colon.
    pub(in crate::codec) fn key(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        if self.space() != Some(b'"') {
            return self.unexpected("looking for beginning of object key string");
        }
        let key = self.string()?;
        if self.space() != Some(b':') {
            return self.unexpected("after object key");
        }
        self.at += 1;
        Ok(key)
    }

    /// Behind a member: whether there is another.
    pub(in crate::codec) fn next_member(&mut self) -> Result<bool, SyntaxError> {
        match self.space() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b'}') => {
                self.leave();
                Ok(false)
            }
            _ => self.unexpected("after object key:value pair"),
        }
    }

    /// Behind the value: nothing but space.
    pub(in crate::codec) fn end(&mut self) -> Result<(), SyntaxError> {
        match self.space() {
            None => Ok(()),
            Some(_) => self.unexpected("after top-level value"),
        }
    }

    /// Reads a value, and forgets it.
    pub(in crate::codec) fn skip(&mut self) -> Result<(), SyntaxError> {
        match self.peek()? {
            token @ (Token::Null | Token::True | Token::False) => self.literal(token),
            Token::Number => self.number().map(drop),
            Token::String => self.string().map(drop),
            Token::Array => {
                let mut more = self.enter_array()?;
                while more {
                    self.skip()?;
                    more = self.next_element()?;
                }
                Ok(())
            }
            Token::Object => {
                let mut more = self.enter_object()?;
                while more {
                    self.key()?;
                    self.skip()?;
                    more = self.next_member()?;
                }
                Ok(())
            }
        }
    }

    /// Reads a value and the end of the text.
    pub(in crate::codec) fn document(&mut self) -> Result<(), SyntaxError> {
        self.skip()?;
        self.end()
    }
}

/// How many bytes of a string's inside stand for themselves: none is a quote, backslash or control character.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut n = 0;
    while let Some(chunk) = bytes.get(n..n + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes were taken"));
        // The high bit of each byte that is below 0x20, a quote or a backslash. Borrows can mark a byte too
        // many only above one that is rightly marked.
        let below = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let special =
            below | zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if special != 0 {
            return n + special.trailing_zeros() as usize / 8;
        }
        n += 8;
    }
    let rest = bytes[n..].iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
    rest.map_or(bytes.len(), |i| n + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_stops_at_the_first_special_byte() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for before in 0..20 {
                for fill in [b'a', b'!', b'#', b' ', 0x7f, 0x80, 0xff] {
                    let mut bytes = vec![fill; before];
                    bytes.push(special);
                    bytes.extend([b'"', 1, fill, fill, fill, fill, fill, fill, fill]);
                    assert_eq!(plain(&bytes), before, "{special} {fill}");
                }
            }
        }
        assert_eq!(plain(b"no special bytes in here"), 24);
    }

    #[test]
    fn syntax_errors_read_as_in_go() {
        let check = |input: &[u8], message: &str| {
            let result = text(input).and_then(|text| Parser::new(&text).document());
            assert_eq!(result.unwrap_err().message(), message, "{}", String::from_utf8_lossy(input));
        };
        let value = "looking for beginning of value";
        check(b"", "unexpected end of JSON input");
        check(b" \n", "unexpected end of JSON input");
        check(b"{\"a\"", "unexpected end of JSON input");
        check(b"{\"a\":[1", "unexpected end of JSON input");
        check(b"\"abc", "unexpected end of JSON input");
        check(b"nul", "unexpected end of JSON input");
        check(b"-", "unexpected end of JSON input");
        check(b"data", &format!("invalid character 'd' {value}"));
        check(b"[1,]", &format!("invalid character ']' {value}"));
        check(b"'a'", &format!(r"invalid character '\'' {value}"));
        check(b"\x8e", &format!(r"invalid character '\x8e' {value}"));
        check("[\"\u{e9}\",\u{e9}]".as_bytes(), &format!("invalid character '\u{e9}' {value}"));
        check(b"[\"\xff\",\xe9]", &format!(r"invalid character '\xe9' {value}"));
        check(b"{]", "invalid character ']' looking for beginning of object key string");
        check(b"{\"a\":1,}", "invalid character '}' looking for beginning of object key string");
        check(b"{\"a\" 1}", "invalid character '1' after object key");
        check(b"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair");
        check(b"[1 2]", "invalid character '2' after array element");
        check(b"{} {}", "invalid character '{' after top-level value");
        check(b"01", "invalid character '1' after top-level value");
        check(b"not", "invalid character 'o' in literal null (expecting 'u')");
        check(b"trye", "invalid character 'y' in literal true (expecting 'u')");
        check(b"\"\n\"", r"invalid character '\n' in string");
        check(br#""\x""#, r"invalid escape sequence `\x` in string");
        check(br#""\u12g4""#, r"invalid escape sequence `\u12g4` in string");
        check(br#""\ ""#, r#"invalid escape sequence "\\ " in string"#);
        check(br#""\u12"#, "unexpected end of JSON input");
        check(br#""\"#, "unexpected end of JSON input");
        check(b"-a", "invalid character 'a' in numeric literal");
        check(b"1.a", "invalid character 'a' in numeric literal");
        check(b"1ex", "invalid character 'x' in numeric literal");
        check("[".repeat(MAX_DEPTH + 1).as_bytes(), "exceeded max depth");
    }

    #[test]
    fn strings_are_unescaped_as_in_go() {
        let check = |input: &[u8], expected: &str| {
            let text = text(input).unwrap();
            let mut parser = Parser::new(&text);
            assert_eq!(parser.peek().unwrap(), Token::String);
            assert_eq!(parser.string().unwrap(), expected);
        };
        check(br#""plain""#, "plain");
        check(br#""\"\\\/\b\f\n\r\t\u00e9""#, "\"\\/\x08\x0c\n\r\t\u{e9}");
        check(br#""\ud83d\ude00""#, "\u{1f600}");
        check(br#""\ud83dx""#, "\u{fffd}x");
        check(br#""\ud83d\u0041""#, "\u{fffd}A");
        check(br#""\ude00""#, "\u{fffd}");
        check(b"\"a\xff\xe2\x82b\"", "a\u{fffd}\u{fffd}\u{fffd}b");
    }
}
