//! Trees to YAML text.

use std::cmp::Ordering;

use super::resolve::{Scalar, general, resolve};
use crate::codec::json;
use crate::{Map, Value};

/// Writes a tree as `sigs.k8s.io/yaml` writes the JSON of it: keys sorted with numbers in their natural
/// order, lists at the indentation of their key, strings quoted only where they must be, and folded at
/// spaces behind column 80. Ends with a newline.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    let mut emitter = Emitter { out, column: 0, indent: 0, at_blank: true, at_indent: true };
    emitter.node(value, Place::Root);
    emitter.line();
}

const STEP: usize = 2;
const WIDTH: usize = 80;
/// The longest key, in bytes, that stands before its colon without a question mark.
const SIMPLE_KEY: usize = 128;

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    /// A value of a mapping.
    Value,
    /// An element of a sequence.
    Element,
    /// A key that is short.
    SimpleKey,
    /// A key behind a question mark.
    Key,
}

struct Emitter<'a> {
    out: &'a mut Vec<u8>,
    /// In characters, from 0.
    column: usize,
    indent: usize,
    /// Whether a space or the line's beginning is behind.
    at_blank: bool,
    /// Whether nothing but indentation and indicators is behind in this line.
    at_indent: bool,
}

impl Emitter<'_> {
    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::Null => self.plain("null", place),
            Value::Bool(b) => self.plain(if *b { "true" } else { "false" }, place),
            Value::Int(i) => self.plain(itoa::Buffer::new().format(*i), place),
            Value::Float(f) => self.float(*f, place),
            Value::String(text) => self.string(text, place),
            Value::Raw(raw) => match json::decode_untyped(raw.as_bytes()) {
                Ok(decoded) => self.node(&decoded.value, place),
                Err(_) => self.string(raw, place),
            },
            Value::Array(values) if values.is_empty() => self.flow("[]"),
            Value::Object(map) if map.is_empty() => self.flow("{}"),
            Value::Array(values) => self.sequence(values, place),
            Value::Object(map) => self.mapping(map, place),
        }
    }

    /// Floats read their JSON text again, for which some are integers.
    fn float(&mut self, float: f64, place: Place) {
        let mut text = Vec::new();
        json::write_float(float, &mut text);
        let text = String::from_utf8_lossy(&text);
        match resolve(&text) {
            Scalar::Float(float) => self.plain(&general(float, false), place),
            _ => self.plain(&text, place),
        }
    }

    fn sequence(&mut self, values: &[Value], place: Place) {
        let outer = self.indent;
        // As a mapping's value it stands at its key's indentation.
        self.indent += match place {
            Place::Root => 0,
            Place::Value if !self.at_indent => 0,
            _ => STEP,
        };
        for value in values {
            self.line();
            self.indicator("-", true);
            self.node(value, Place::Element);
        }
        self.indent = outer;
    }

    fn mapping(&mut self, map: &Map, place: Place) {
        let outer = self.indent;
        if place != Place::Root {
            self.indent += STEP;
        }
        for (key, value) in sorted(map.iter().collect()) {
            self.line();
            if key.len() <= SIMPLE_KEY && !key.contains(is_break) {
                self.string(key, Place::SimpleKey);
                self.put(":");
                (self.at_blank, self.at_indent) = (false, false);
            } else {
                self.indicator("?", true);
                self.string(key, Place::Key);
                self.line();
                self.indicator(":", true);
            }
            self.node(value, Place::Value);
        }
        self.indent = outer;
    }

    /// Begins a line, unless this one has room, and indents it.
    fn line(&mut self) {
        let fits =
            self.at_indent && (self.column < self.indent || self.column == self.indent && self.at_blank);
        if !fits {
            self.newline();
        }
        while self.column < self.indent {
            self.put(" ");
        }
        (self.at_blank, self.at_indent) = (true, true);
    }

    fn newline(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.chars().count();
    }

    fn put_char(&mut self, c: char) {
        self.put(c.encode_utf8(&mut [0; 4]));
    }

    fn blank(&mut self) {
        if !self.at_blank {
            self.put(" ");
        }
    }

    fn indicator(&mut self, text: &str, indents: bool) {
        self.blank();
        self.put(text);
        self.at_blank = false;
        self.at_indent &= indents;
    }

    fn flow(&mut self, text: &str) {
        self.indicator(text, false);
    }

    fn string(&mut self, text: &str, place: Place) {
        let analysis = Analysis::of(text);
        let outer = self.indent;
        // What a scalar continues with in the next line stands deeper than its parent.
        self.indent += STEP;
        // Upstream writes these as they are, as YAML 1.1 breaks lines at them. For YAML 1.2 they are text, so that
        // a literal block could not be read again.
        let readable = !text.contains(['\u{85}', '\u{2028}', '\u{2029}']);
        if text.contains('\n') && analysis.block && readable && place != Place::SimpleKey {
            self.literal(text);
        } else if !text.contains('\n') && resolve(text) == Scalar::String && !is_base_60(text) {
            if analysis.plain {
                self.plain(text, place);
            } else if analysis.single_quoted {
                self.single_quoted(text, place);
            } else {
                self.double_quoted(text, place);
            }
        } else {
            self.double_quoted(text, place);
        }
        self.indent = outer;
    }

    /// Whether a line may break at the space that is next; `rest` is what comes behind it.
    fn breaks(&self, place: Place, spaces: bool, rest: &str) -> bool {
        place != Place::SimpleKey && !spaces && self.column > WIDTH && !rest.starts_with(' ')
    }

    fn plain(&mut self, text: &str, place: Place) {
        if !text.is_empty() {
            self.blank();
        }
        let mut spaces = false;
        for (i, c) in text.char_indices() {
            if c == ' ' {
                if self.breaks(place, spaces, &text[i + 1..]) {
                    self.line();
                } else {
                    self.put(" ");
                }
            } else {
                self.put_char(c);
                self.at_indent = false;
            }
            spaces = c == ' ';
        }
        (self.at_blank, self.at_indent) = (false, false);
    }

    fn single_quoted(&mut self, text: &str, place: Place) {
        self.indicator("'", false);
        let mut spaces = false;
        for (i, c) in text.char_indices() {
            match c {
                ' ' if i > 0 && i + 1 < text.len() && self.breaks(place, spaces, &text[i + 1..]) => {
                    self.line()
                }
                '\'' => self.put("''"),
                c => self.put_char(c),
            }
            if c != ' ' {
                self.at_indent = false;
            }
            spaces = c == ' ';
        }
        self.put("'");
        (self.at_blank, self.at_indent) = (false, false);
    }

    fn double_quoted(&mut self, text: &str, place: Place) {
        self.indicator("\"", false);
        let mut spaces = false;
        for (i, c) in text.char_indices() {
            if c == ' ' {
                let inside = i > 0 && i + 1 < text.len();
                if place != Place::SimpleKey && !spaces && self.column > WIDTH && inside {
                    self.line();
                    if text[i + 1..].starts_with(' ') {
                        self.put("\\");
                    }
                } else {
                    self.put(" ");
                }
            } else if !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
            } else {
                self.put_char(c);
            }
            spaces = c == ' ';
        }
        self.put("\"");
        (self.at_blank, self.at_indent) = (false, false);
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0b' => 'v',
            '\x0c' => 'f',
            '\r' => 'r',
            '\x1b' => 'e',
            '"' | '\\' => c,
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = c as u32;
                let text = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return self.put(&text);
            }
        };
        self.put("\\");
        self.put_char(short);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", false);
        if text.starts_with([' ', '\n', '\u{85}', '\u{2028}', '\u{2029}', '\r']) {
            self.put("2");
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().is_some_and(is_break), from_end.next()) {
            (false, _) => self.put("-"),
            (true, None) => self.put("+"),
            (true, Some(c)) if is_break(c) => self.put("+"),
            (true, Some(_)) => {}
        }
        self.newline();
        (self.at_blank, self.at_indent) = (true, true);
        let mut breaks = true;
        for c in text.chars() {
            if c == '\n' {
                self.newline();
                (self.at_indent, breaks) = (true, true);
            } else if is_break(c) {
                self.put_char(c);
                self.column = 0;
                (self.at_indent, breaks) = (true, true);
            } else {
                if breaks {
                    self.line();
                }
                self.put_char(c);
                (self.at_indent, breaks) = (false, false);
            }
        }
    }
}

/// In which styles a string can be written.
struct Analysis {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Analysis {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Analysis { plain: true, single_quoted: true, block: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut line_breaks, mut break_space, mut space_break) = (false, false, false, false);
        let mut before = None::<char>;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let blank_follows = rest.as_str().chars().next().is_none_or(|c| matches!(c, ' ' | '\t'));
            indicators |= match (c, before) {
                ('?' | ':' | '-', None) => blank_follows,
                (c, None) => "#,[]{}&*!|>'\"%@`".contains(c),
                (':', _) => blank_follows,
                ('#', Some(before)) => matches!(before, ' ' | '\t') || is_break(before),
                _ => false,
            };
            special |= !is_printable(c);
            break_space |= c == ' ' && before.is_some_and(is_break);
            space_break |= is_break(c) && before == Some(' ');
            line_breaks |= is_break(c);
            before = Some(c);
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let edges = text.starts_with(edge) || text.ends_with(edge);
        Analysis {
            plain: !(indicators || special || line_breaks || edges || break_space || space_break),
            single_quoted: !(special || line_breaks),
            block: !(special || space_break || text.ends_with(' ')),
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether Go's library writes a character as it is. It escapes all those beyond U+FFFF.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && c != '\u{feff}'
}

/// Whether YAML 1.1 reads the text as a number with sixty as its base, which Go's library fears.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (unsigned, ""),
    };
    let mut groups = whole.split(':');
    let first = groups.next().unwrap_or("");
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut count = 0;
    let sixties = groups.all(|group| {
        count += 1;
        matches!(group.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    count > 0
        && sixties
        && first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && digits(fraction)
}

/// The order of keys in Go's library: letters behind all else, and digits by the number that they make.
///
/// Of some keys this is no order: `a` before `b`, `b` before `c` and `c` before `a`. See [`sorted`].
fn natural(a: &str, b: &str) -> Ordering {
    let equal =
        a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let (Some(x), Some(y)) = (a[equal..].chars().next(), b[equal..].chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero counts only behind other digits of the same number.
    let mut start = 0;
    if x == '0' || y == '0' {
        let digits = a[..equal].chars().rev().take_while(char::is_ascii_digit);
        start = i64::from(digits.into_iter().any(|c| c != '0'));
    }
    let number = |text: &str| {
        let digits = text[equal..].bytes().take_while(u8::is_ascii_digit);
        digits.fold((start, 0usize), |(number, count), digit| {
            (number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), count + 1)
        })
    };
    let ((m, m_digits), (n, n_digits)) = (number(a), number(b));
    m.cmp(&n).then(m_digits.cmp(&n_digits)).then(x.cmp(&y))
}

/// Sorts entries by their keys, stably. The standard library's sorts may panic where [`natural`] is no order;
/// merging always ends.
fn sorted<'v>(mut entries: Vec<(&'v str, &'v Value)>) -> Vec<(&'v str, &'v Value)> {
    if entries.is_sorted_by(|(a, _), (b, _)| natural(a, b) != Ordering::Greater) {
        return entries;
    }
    let length = entries.len();
    let behind = sorted(entries.split_off(length / 2));
    let (mut front, mut behind) = (sorted(entries).into_iter().peekable(), behind.into_iter().peekable());
    let mut merged = Vec::with_capacity(length);
    while let (Some((a, _)), Some((b, _))) = (front.peek(), behind.peek()) {
        let first = if natural(a, b) == Ordering::Greater { &mut behind } else { &mut front };
        merged.extend(first.next());
    }
    merged.extend(front.chain(behind));
    merged
}
