//! One step of a field's path.

use std::cmp::Ordering;
use std::fmt;

use crate::codec::json;
use crate::field::quote;
use crate::{Text, Value};

/// One step from a value to something inside it.
///
/// Elements have the total order in which field sets are written: fields, keys, values, indexes.
#[derive(Clone, Debug)]
pub enum PathElement {
    /// A member of an object: `f:name`.
    Field(Text),
    /// The item of a list whose key fields have these values, sorted by name: `k:{"name":"x"}`.
    Key(Vec<(Text, Value)>),
    /// The item of a set with this value: `v:"x"`.
    Value(Value),
    /// The item of a list at this place: `i:0`.
    Index(i64),
}

/// Why a key of `FieldsV1` is no path element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadElement {
    /// Of a kind that some other version knows: it is left out.
    Unknown,
    /// Broken.
    Invalid,
}

impl PathElement {
    /// A member of an object.
    pub fn field(name: &str) -> Self {
        PathElement::Field(name.into())
    }

    /// Reads a key of `FieldsV1`.
    pub(super) fn parse(text: &str) -> Result<Self, BadElement> {
        let mut chars = text.chars();
        let (Some(kind), Some(':')) = (chars.next(), chars.next()) else { return Err(BadElement::Invalid) };
        let rest = chars.as_str();
        let value =
            || json::decode_untyped(rest.as_bytes()).map(|d| d.value).map_err(|_| BadElement::Invalid);
        if let ('k', Some(fields)) = (kind, plain_key(rest)) {
            return Ok(PathElement::Key(fields));
        }
        match kind {
            'f' => Ok(PathElement::Field(rest.into())),
            'v' => Ok(PathElement::Value(value()?)),
            'k' => match value()? {
                Value::Object(members) => Ok(PathElement::Key(members.into_iter().collect())),
                Value::Null => Ok(PathElement::Key(Vec::new())),
                _ => Err(BadElement::Invalid),
            },
            'i' => rest.parse().map(PathElement::Index).map_err(|_| BadElement::Invalid),
            _ => Err(BadElement::Unknown),
        }
    }

    /// Writes the element as a key of `FieldsV1`, quotes included.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        match self {
            PathElement::Field(name) => {
                out.extend_from_slice(b"f:");
                escape(name, out);
            }
            PathElement::Key(fields) => {
                let mut text = Vec::with_capacity(32);
                text.push(b'{');
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        text.push(b',');
                    }
                    text.push(b'"');
                    escape(name, &mut text);
                    text.extend_from_slice(b"\":");
                    json::encode_untyped(value, &mut text);
                }
                text.push(b'}');
                out.extend_from_slice(b"k:");
                escape(&String::from_utf8_lossy(&text), out);
            }
            PathElement::Value(value) => {
                let mut text = Vec::with_capacity(32);
                json::encode_untyped(value, &mut text);
                out.extend_from_slice(b"v:");
                escape(&String::from_utf8_lossy(&text), out);
            }
            PathElement::Index(i) => {
                out.extend_from_slice(b"i:");
                out.extend_from_slice(itoa::Buffer::new().format(*i).as_bytes());
            }
        }
        out.push(b'"');
    }

    fn rank(&self) -> u8 {
        match self {
            PathElement::Field(_) => 0,
            PathElement::Key(_) => 1,
            PathElement::Value(_) => 2,
            PathElement::Index(_) => 3,
        }
    }
}

/// The fields of a key as it is mostly written, sorted and with strings and small numbers that need no
/// unescaping; `None` leaves it to the JSON decoder.
fn plain_key(text: &str) -> Option<Vec<(Text, Value)>> {
    let plain = |text: &str| !text.bytes().any(|byte| byte == b'\\' || byte < 0x20);
    let mut rest = text.strip_prefix('{')?;
    let mut fields: Vec<(Text, Value)> = Vec::with_capacity(2);
    loop {
        let (name, after) = rest.strip_prefix('"')?.split_once("\":")?;
        let (value, after) = match after.strip_prefix('"') {
            Some(string) => {
                let (string, after) = string.split_once('"')?;
                (Value::from(string), after)
            }
            None => {
                let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                let number =
                    after.get(..digits).filter(|d| d.len() < 10 && (*d == "0" || !d.starts_with('0')))?;
                (Value::Int(number.parse().ok()?), after.get(digits..)?)
            }
        };
        if name.contains('"') || fields.last().is_some_and(|(last, _)| last.as_str() >= name) {
            return None;
        }
        fields.push((name.into(), value));
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return (after == "}" && plain(text)).then_some(fields),
        }
    }
}

/// Writes what stands between the quotes of a JSON string. Unlike the text of objects it leaves `<`, `>` and
/// `&` alone: sets are stored so, and what sends them escapes them.
fn escape(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            ..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (PathElement::Field(a), PathElement::Field(b)) => a.cmp(b),
            (PathElement::Key(a), PathElement::Key(b)) => {
                for ((a_name, a_value), (b_name, b_value)) in a.iter().zip(b) {
                    let order = a_name.cmp(b_name).then_with(|| compare_values(a_value, b_value));
                    if order.is_ne() {
                        return order;
                    }
                }
                a.len().cmp(&b.len())
            }
            (PathElement::Value(a), PathElement::Value(b)) => compare_values(a, b),
            (PathElement::Index(a), PathElement::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

/// As conflicts show it: `.name`, `[name="x"]`, `[="x"]`, `[0]`.
impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathElement::Field(name) => write!(f, ".{name}"),
            PathElement::Key(fields) => {
                f.write_str("[")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}={}", if i > 0 { "," } else { "" }, Shown(value))?;
                }
                f.write_str("]")
            }
            PathElement::Value(value) => write!(f, "[={}]", Shown(value)),
            PathElement::Index(i) => write!(f, "[{i}]"),
        }
    }
}

/// A value as conflicts show it.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => write!(f, "{x}"),
            Value::String(s) => f.write_str(&quote(s)),
            Value::Raw(json) => f.write_str(json),
            Value::Array(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if i > 0 { "," } else { "" }, Shown(item))?;
                }
                f.write_str("]")
            }
            Value::Object(members) => {
                members.iter().try_for_each(|(name, value)| write!(f, "{name}={}", Shown(value)))
            }
        }
    }
}

/// A total order of values: numbers, strings, booleans, lists, objects, null.
pub(super) fn compare_values(a: &Value, b: &Value) -> Ordering {
    fn rank(value: &Value) -> u8 {
        match value {
            Value::Int(_) | Value::Float(_) => 0,
            Value::String(_) => 1,
            Value::Bool(_) => 2,
            Value::Array(_) => 3,
            Value::Object(_) => 4,
            Value::Raw(_) => 5,
            Value::Null => 6,
        }
    }
    let lists = |a: &[Value], b: &[Value]| {
        let differ = a.iter().zip(b).map(|(a, b)| compare_values(a, b)).find(|order| order.is_ne());
        differ.unwrap_or_else(|| a.len().cmp(&b.len()))
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Int(a), Value::Float(b)) => (*a as f64).total_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.total_cmp(&(*b as f64)),
        (Value::String(a), Value::String(b)) | (Value::Raw(a), Value::Raw(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => lists(a, b),
        (Value::Object(a), Value::Object(b)) => {
            for ((a_key, a_value), (b_key, b_value)) in a.iter().zip(b.iter()) {
                let order = a_key.cmp(b_key).then_with(|| compare_values(a_value, b_value));
                if order.is_ne() {
                    return order;
                }
            }
            a.len().cmp(&b.len())
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Whether two values say the same: numbers by their value, raw JSON by its content.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Raw(x), Value::Raw(y)) if x == y => true,
        (Value::Raw(raw), other) | (other, Value::Raw(raw)) => equal(&open_raw(raw), other),
        (Value::Int(i), Value::Float(x)) | (Value::Float(x), Value::Int(i)) => *i as f64 == *x,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((k, a), (l, b))| k == l && equal(a, b))
        }
        _ => a == b,
    }
}

/// The tree of raw JSON. Raw values are valid JSON; one nested too deep to read counts as a string.
pub(super) fn open_raw(raw: &Text) -> Value {
    match json::decode_untyped(raw.as_bytes()) {
        Ok(decoded) => decoded.value,
        Err(_) => Value::String(raw.clone()),
    }
}
