//! YAML text to trees.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::resolve::{Scalar, general, resolve};
use crate::codec::{DecodeError, Decoded, MAX_DEPTH, StrictError, json};
use crate::{Map, Text, Value};

/// Decodes the first document of a YAML text to the tree of its JSON.
///
/// Keys become strings, and repeated ones are strict errors, of which the last wins: all in one strict
/// error, as upstream tells them. Words mean what they mean in YAML 1.1. No text is the same as `null`.
///
/// # Errors
/// Text that is no YAML, with the message and line of Go's library where the parsers agree on what is
/// wrong; keys that are lists, maps or null; numbers that JSON does not have; aliases that stand for far
/// more than what was sent.
pub fn decode_untyped(text: &[u8]) -> Result<Decoded, DecodeError> {
    // Clients send JSON as YAML when they apply, and JSON without repeated keys means the same in both.
    if text.trim_ascii_start().starts_with(b"{")
        && let Ok(decoded) = json::decode_untyped(text)
        && decoded.strict.is_empty()
    {
        let mut value = decoded.value;
        whole_numbers(&mut value);
        return Ok(Decoded { value, strict: decoded.strict });
    }
    let control = |c: &u8| matches!(c, 0..0x20 | 0x7f) && !matches!(c, b'\t' | b'\n' | b'\r');
    if text.iter().any(control) {
        return Err(fail(0, "control characters are not allowed"));
    }
    // The parser holds every token of a list or map in brackets before it hands out the first.
    if text.iter().filter(|b| b",:[]{}".contains(b)).count() > MAXIMAL_TOKENS {
        return Err(fail(0, "document is too complex"));
    }
    let text = std::str::from_utf8(text).map_err(|_| fail(0, "invalid leading UTF-8 octet"))?;
    let budget = (16 * text.len()).max(MINIMAL_BUDGET);
    let mut reader = Reader {
        text,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        open: Vec::new(),
        unended: !text.ends_with('\n'),
        characters: text.chars().count(),
        budget,
        repeated: Vec::new(),
    };
    let value = reader.document()?;
    let strict = if reader.repeated.is_empty() {
        Vec::new()
    } else {
        vec![StrictError(format!("yaml: unmarshal errors:\n  {}", reader.repeated.join("\n  ")))]
    };
    Ok(Decoded { value, strict })
}

/// How many commas, colons and brackets a document may have that is no JSON. About 300 bytes of memory each.
const MAXIMAL_TOKENS: usize = 400_000;

/// What aliases may add to a document, in bytes of memory: so much, or sixteen times the text if that is more.
const MINIMAL_BUDGET: usize = 1 << 20;

/// How many repeated keys are told.
const REPEATED: usize = 100;

/// Floats without a fraction are integers: Go's JSON between YAML and the tree does not tell them apart.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Float(f) => *value = number(*f),
        Value::Array(values) => values.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.iter_mut().for_each(|(_, value)| whole_numbers(value)),
        _ => {}
    }
}

/// A float as JSON text would bring it.
fn number(float: f64) -> Value {
    // Every float of this size without a fraction is written without an exponent, and 2^63 is the bound.
    if float.fract() == 0.0 && float.abs() < 9_223_372_036_854_775_808.0 {
        Value::Int(float as i64)
    } else {
        Value::Float(float)
    }
}

fn fail(line: usize, message: &str) -> DecodeError {
    match line {
        0 => DecodeError::new(format!("yaml: {message}")),
        _ => DecodeError::new(format!("yaml: line {line}: {message}")),
    }
}

/// Who in Go's library finds the fault: its scanner counts lines from 1, its parser from 0.
#[derive(Clone, Copy, PartialEq)]
enum Finder {
    Scanner,
    Parser,
}

/// The parser's message in the words of Go's library.
fn problem(info: &str) -> (&str, Finder) {
    use Finder::*;
    // What was being read is not part of Go's message.
    let problem = match info.split_once(", ") {
        Some((context, problem)) if context.starts_with("while ") => problem,
        _ => info,
    };
    match problem {
        "did not find expected key"
        | "did not find expected ',' or '}'"
        | "did not find expected '-' indicator"
        | "did not find expected node content"
        | "did not find expected <document start>" => (problem, Parser),
        "expected ',' or ']'" | "illegal placement of ':' indicator" => {
            ("did not find expected ',' or ']'", Parser)
        }
        "invalid trailing content after double-quoted scalar" => ("did not find expected key", Parser),
        "the handle wasn't declared" => ("found undefined tag handle", Parser),
        "misplaced bracket" | r#""-" is only valid inside a block"# => {
            ("did not find expected node content", Parser)
        }
        "simple key expect ':'" | "simple key expected" => ("could not find expected ':'", Scanner),
        "recursion limit exceeded" => ("exceeded max depth of 255", Scanner),
        "found unprintable character" => ("control characters are not allowed", Scanner),
        "did not find expected hexadecimal number" => ("did not find expected hexdecimal number", Scanner),
        _ if problem.starts_with("tabs disallowed") || problem.starts_with("unexpected character") => {
            ("found character that cannot start any token", Scanner)
        }
        _ => (problem, Scanner),
    }
}

struct Reader<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    /// Whether the text ends without a newline.
    unended: bool,
    /// How many characters the text has.
    characters: usize,
    /// The lists and maps around this place, outermost first.
    open: Vec<Collection>,
    /// What has an anchor, with its size in memory.
    anchors: HashMap<usize, (Value, usize)>,
    /// What aliases may still add, in bytes.
    budget: usize,
    repeated: Vec<String>,
}

/// A list or map that is being read.
struct Collection {
    /// 0: none.
    anchor: usize,
    /// In memory.
    size: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Map { entries: Vec<Entry>, key: Key },
}

/// The key of the value that comes next in a map.
enum Key {
    /// The key itself comes next.
    Awaited,
    Of(Text, KeyKind),
    Null,
    Merge,
}

/// What a key was before it became a string.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum KeyKind {
    String,
    Number,
    Bool,
}

struct Entry {
    key: Text,
    kind: KeyKind,
    value: Value,
    /// The line of the value, from 1.
    line: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), DecodeError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Err(fail(0, "did not find expected <document end>")),
        }
    }

    fn syntax(&self, error: &ScanError) -> DecodeError {
        if error.info().ends_with("found unknown anchor") {
            let name = self.name_at(error.marker().index());
            return fail(0, &format!("unknown anchor '{name}' referenced"));
        }
        let (problem, finder) = problem(error.info());
        let line = match problem {
            // It is found where the text ends.
            "found unexpected end of stream" => self.text.matches('\n').count(),
            _ => error.marker().line().saturating_sub(1),
        };
        // Go tells no line 0.
        fail(if finder == Finder::Parser || line == 0 { line } else { line + 1 }, problem)
    }

    /// The name of the alias at this place.
    fn name_at(&self, index: usize) -> String {
        let name = self.text.chars().skip(index).skip_while(|c| *c == '*');
        name.take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    }

    fn document(&mut self) -> Result<Value, DecodeError> {
        loop {
            match self.next()? {
                (Event::DocumentStart(_), _) => break,
                (Event::StreamEnd, _) => return Ok(Value::Null),
                _ => {}
            }
        }
        loop {
            let (event, span) = self.next()?;
            let (anchor, value, size) = match event {
                Event::SequenceStart(anchor, _) => {
                    self.enter(anchor, Content::List(Vec::new()), span)?;
                    continue;
                }
                Event::MappingStart(anchor, _) => {
                    self.enter(anchor, Content::Map { entries: Vec::new(), key: Key::Awaited }, span)?;
                    continue;
                }
                Event::Scalar(text, style, anchor, tag) => {
                    if let Some(key) = self.awaited_key() {
                        if is_merge(&text, style, tag.as_deref()) {
                            *key = Key::Merge;
                            continue;
                        }
                        if anchor == 0 {
                            *key = key_of(&text, style, tag.as_deref())?;
                            self.grow(NODE + text.len());
                            continue;
                        }
                    }
                    let value = self.scalar(&text, style, tag.as_deref(), span)?;
                    (anchor, value, NODE + text.len())
                }
                Event::Alias(id) => {
                    let (value, size) = self.alias(id, span)?;
                    (0, value, size)
                }
                Event::SequenceEnd | Event::MappingEnd => self.leave()?,
                _ => return Err(fail(0, "did not find expected node content")),
            };
            if anchor != 0 {
                // The copy that aliases are made from counts, too.
                self.spend(size)?;
                self.anchors.insert(anchor, (value.clone(), size));
            }
            if self.open.is_empty() {
                return Ok(value);
            }
            self.put(value, size, span.start.line())?;
        }
    }

    fn enter(&mut self, anchor: usize, content: Content, span: Span) -> Result<(), DecodeError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fail(span.start.line(), &format!("exceeded max depth of {MAX_DEPTH}")));
        }
        self.open.push(Collection { anchor, size: NODE, content });
        Ok(())
    }

    /// The place for the key of the map that is being read, where one comes next.
    fn awaited_key(&mut self) -> Option<&mut Key> {
        match &mut self.open.last_mut()?.content {
            Content::Map { key: key @ Key::Awaited, .. } => Some(key),
            _ => None,
        }
    }

    fn grow(&mut self, size: usize) {
        if let Some(collection) = self.open.last_mut() {
            collection.size += size;
        }
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, value: Value, size: usize, line: usize) -> Result<(), DecodeError> {
        self.grow(size);
        let Some(collection) = self.open.last_mut() else { return Ok(()) };
        match &mut collection.content {
            Content::List(values) => values.push(value),
            Content::Map { entries, key } => match std::mem::replace(key, Key::Awaited) {
                Key::Of(key, kind) => entries.push(Entry { key, kind, value, line }),
                Key::Merge => merge(value, line, entries)?,
                Key::Null => {
                    let value = if value.is_null() { "<nil>".to_owned() } else { go_syntax(&value) };
                    let message = "unsupported map key of type: %!s(<nil>), key: <nil>, value: ";
                    return Err(DecodeError::new(format!("{message}{value}")));
                }
                Key::Awaited => {
                    *key = match value {
                        Value::String(text) => Key::Of(text, KeyKind::String),
                        Value::Bool(b) => Key::Of(if b { "true" } else { "false" }.into(), KeyKind::Bool),
                        Value::Int(i) => Key::Of(itoa::Buffer::new().format(i).into(), KeyKind::Number),
                        Value::Float(f) => Key::Of(general(f, true), KeyKind::Number),
                        Value::Null => Key::Null,
                        other => return Err(fail(0, &format!("invalid map key: {}", go_syntax(&other)))),
                    }
                }
            },
        }
        Ok(())
    }

    /// Finishes the innermost list or map.
    fn leave(&mut self) -> Result<(usize, Value, usize), DecodeError> {
        let Some(Collection { anchor, size, content }) = self.open.pop() else {
            return Err(fail(0, "did not find expected node content"));
        };
        let value = match content {
            Content::List(values) => Value::Array(values),
            Content::Map { mut entries, .. } => {
                let count = entries.len();
                let map: Map =
                    entries.iter_mut().map(|e| (e.key.clone(), std::mem::take(&mut e.value))).collect();
                if map.len() < count {
                    self.tell_repeated(&entries);
                }
                Value::Object(map)
            }
        };
        Ok((anchor, value, size))
    }

    #[cold]
    fn tell_repeated(&mut self, entries: &[Entry]) {
        let mut seen = HashSet::new();
        for entry in entries {
            if !seen.insert((entry.kind, entry.key.as_str())) && self.repeated.len() < REPEATED {
                let key = match entry.kind {
                    KeyKind::String => json::quote(&entry.key),
                    KeyKind::Number | KeyKind::Bool => entry.key.to_string(),
                };
                self.repeated.push(format!("line {}: key {key} already set in map", entry.line));
            }
        }
    }

    fn spend(&mut self, size: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(size) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(fail(0, "document contains excessive aliasing")),
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(Value, usize), DecodeError> {
        if self.open.iter().any(|collection| collection.anchor == id) {
            let name = self.name_at(span.start.index());
            return Err(fail(0, &format!("anchor '{name}' value contains itself")));
        }
        let Some(&(_, size)) = self.anchors.get(&id) else {
            let name = self.name_at(span.start.index());
            return Err(fail(0, &format!("unknown anchor '{name}' referenced")));
        };
        self.spend(size)?;
        Ok((self.anchors[&id].0.clone(), size))
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<Value, DecodeError> {
        Ok(match scalar(text, style, tag)? {
            Resolved::Text(text) => Value::String(text),
            Resolved::Scalar(Scalar::Null) => Value::Null,
            Resolved::Scalar(Scalar::Bool(b)) => Value::Bool(b),
            Resolved::Scalar(Scalar::Int(i)) => Value::Int(i),
            Resolved::Scalar(Scalar::Uint(i)) => Value::Float(i as f64),
            Resolved::Scalar(Scalar::Float(f)) if f.is_finite() => number(f),
            Resolved::Scalar(Scalar::Float(f)) => {
                let name = match f {
                    _ if f.is_nan() => "NaN",
                    _ if f > 0.0 => "+Inf",
                    _ => "-Inf",
                };
                return Err(DecodeError::new(format!("json: unsupported value: {name}")));
            }
            Resolved::Scalar(Scalar::Timestamp | Scalar::String) => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                // A block at the end of a text without a last newline does not get one.
                let unended = block && self.unended && span.end.index() >= self.characters;
                Value::String(if unended { text.strip_suffix('\n').unwrap_or(text) } else { text }.into())
            }
        })
    }
}

fn key_of(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Key, DecodeError> {
    Ok(match scalar(text, style, tag)? {
        Resolved::Text(text) => Key::Of(text, KeyKind::String),
        Resolved::Scalar(Scalar::Null) => Key::Null,
        Resolved::Scalar(Scalar::Bool(b)) => Key::Of(if b { "true" } else { "false" }.into(), KeyKind::Bool),
        Resolved::Scalar(Scalar::Int(i)) => Key::Of(itoa::Buffer::new().format(i).into(), KeyKind::Number),
        Resolved::Scalar(Scalar::Uint(i)) => Key::Of(itoa::Buffer::new().format(i).into(), KeyKind::Number),
        Resolved::Scalar(Scalar::Float(f)) => Key::Of(general(f, true), KeyKind::Number),
        Resolved::Scalar(Scalar::Timestamp | Scalar::String) => Key::Of(text.into(), KeyKind::String),
    })
}

/// What a node takes beside its text.
const NODE: usize = 64;

fn is_merge(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> bool {
    text == "<<"
        && match tag {
            None => style == ScalarStyle::Plain,
            Some(tag) => core_tag(tag) == Some("merge"),
        }
}

/// Puts a map, or the maps of a list with the first the strongest, among the entries.
fn merge(value: Value, line: usize, entries: &mut Vec<Entry>) -> Result<(), DecodeError> {
    let maps = match value {
        Value::Object(map) => vec![Value::Object(map)],
        Value::Array(maps) => maps,
        _ => Vec::from([value]),
    };
    for map in maps.into_iter().rev() {
        let Value::Object(map) = map else {
            return Err(fail(0, "map merge requires map or sequence of maps as the value"));
        };
        entries.extend(map.into_iter().map(|(key, value)| Entry { key, kind: KeyKind::String, value, line }));
    }
    Ok(())
}

enum Resolved {
    Text(Text),
    /// Where it is a string, or what counts as one, the scalar's own text.
    Scalar(Scalar),
}

/// The suffix of a tag of YAML's own.
fn core_tag(tag: &Tag) -> Option<&str> {
    tag.is_yaml_core_schema().then_some(tag.suffix.as_str())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Resolved, DecodeError> {
    let tag = match tag {
        None if style == ScalarStyle::Plain => return Ok(Resolved::Scalar(resolve(text))),
        None => return Ok(Resolved::Scalar(Scalar::String)),
        // "As if it were plain", in Go's library.
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => {
            return Ok(Resolved::Scalar(resolve(text)));
        }
        Some(tag) => tag,
    };
    let Some(tag) = core_tag(tag) else { return Ok(Resolved::Scalar(Scalar::String)) };
    let resolved = resolve(text);
    let name = match resolved {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) | Scalar::Uint(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::Timestamp => "timestamp",
        Scalar::String => "str",
    };
    match (tag, resolved) {
        ("binary", _) => {
            let bytes = STANDARD
                .decode(text.replace(['\n', '\r'], ""))
                .map_err(|_| fail(0, "!!binary value contains invalid base64 data"))?;
            Ok(Resolved::Text(String::from_utf8_lossy(&bytes).into()))
        }
        ("float", Scalar::Int(i)) => Ok(Resolved::Scalar(Scalar::Float(i as f64))),
        ("bool" | "int" | "float" | "null" | "timestamp", resolved) if tag == name => {
            Ok(Resolved::Scalar(resolved))
        }
        ("bool" | "int" | "float" | "null" | "timestamp", _) => {
            Err(fail(0, &format!("cannot decode !!{name} `{text}` as a !!{tag}")))
        }
        _ => Ok(Resolved::Scalar(Scalar::String)),
    }
}

/// A value as Go's `%#v` prints it.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => general(*f, false).into(),
        Value::String(text) | Value::Raw(text) => json::quote(text),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", values.join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{}:{}", json::quote(key), go_syntax(value))).collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", entries.join(", "))
        }
    }
}
