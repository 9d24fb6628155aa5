//! Values at evaluation: JSON as it came, by reference and read by its declared type when it is looked at, and
//! what expressions make of it.

mod adapt;
mod compare;
mod output;

pub(crate) use adapt::adapt;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use keelson_apimachinery::{Map as JsonMap, Value as Json};

use crate::library::extension::Extension;
use crate::library::time::Instant;
use crate::meter::{Failure, Meter, Outcome};
use crate::types::Type;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    Bytes(Arc<[u8]>),
    Timestamp(Instant),
    /// Nanoseconds.
    Duration(i64),
    List(List<'a>),
    Map(Map<'a>),
    /// A type, by its name at evaluation.
    Type(Arc<str>),
    Optional(Option<Arc<Val<'a>>>),
    Extension(Arc<Extension>),
}

/// Text: of the input or the program, or made on the way.
#[derive(Clone, Debug)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Arc<str>),
}

/// A list: of the input with the type of its elements, or made on the way.
#[derive(Clone, Debug)]
pub(crate) enum List<'a> {
    Json(&'a [Json], &'a Type),
    Made(Arc<Vec<Val<'a>>>),
}

/// A map or object: of the input with the types of its values, or made on the way.
#[derive(Clone, Debug)]
pub(crate) enum Map<'a> {
    Json(&'a JsonMap, Shape<'a>),
    Made(Arc<BTreeMap<Key, (Val<'a>, Val<'a>)>>),
}

/// The types of a map's values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape<'a> {
    /// All of one type.
    Values(&'a Type),
    /// By field, of the object type that this is.
    Fields(&'a crate::types::ObjectType),
}

/// The key of a map. Numbers are one whatever their types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Bool(bool),
    Number(i128),
    Text(Arc<str>),
}

impl Key {
    fn is_text(&self, text: &str) -> bool {
        matches!(self, Key::Text(own) if **own == *text)
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(text: &'a str) -> Self {
        Val::String(Text::Borrowed(text))
    }
}

impl From<String> for Val<'_> {
    fn from(text: String) -> Self {
        Val::String(Text::Shared(text.into()))
    }
}

impl<'a> From<Vec<Val<'a>>> for Val<'a> {
    fn from(elements: Vec<Val<'a>>) -> Self {
        Val::List(List::Made(Arc::new(elements)))
    }
}

impl<'a> Val<'a> {
    pub(crate) fn optional(value: Option<Val<'a>>) -> Self {
        Val::Optional(value.map(Arc::new))
    }

    pub(crate) fn extension(extension: Extension) -> Self {
        Val::Extension(Arc::new(extension))
    }

    /// The value, borrowing nothing.
    pub(crate) fn into_static(self) -> Outcome<Val<'static>> {
        Ok(match self {
            Val::Null => Val::Null,
            Val::Bool(value) => Val::Bool(value),
            Val::Int(number) => Val::Int(number),
            Val::Uint(number) => Val::Uint(number),
            Val::Double(number) => Val::Double(number),
            Val::String(text) => Val::from(text.to_string()),
            Val::Bytes(bytes) => Val::Bytes(bytes),
            Val::Timestamp(at) => Val::Timestamp(at),
            Val::Duration(nanos) => Val::Duration(nanos),
            Val::Type(name) => Val::Type(name),
            Val::Extension(extension) => Val::Extension(extension),
            Val::Optional(value) => {
                Val::optional(value.map(|value| (*value).clone().into_static()).transpose()?)
            }
            Val::List(list) => {
                Val::from(list.iter().map(|e| e.and_then(Val::into_static)).collect::<Outcome<Vec<_>>>()?)
            }
            Val::Map(map) => {
                let entries = map.entries().into_iter().map(|(key, value)| {
                    let (key, value) = (key.into_static()?, value?.into_static()?);
                    match key.key() {
                        Some(at) => Ok((at, (key, value))),
                        None => error("unsupported key type"),
                    }
                });
                Val::Map(Map::Made(Arc::new(entries.collect::<Outcome<_>>()?)))
            }
        })
    }

    /// The name of its type.
    pub(crate) fn type_name(&self) -> &str {
        match self {
            Val::Null => "null_type",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Uint(_) => "uint",
            Val::Double(_) => "double",
            Val::String(_) => "string",
            Val::Bytes(_) => "bytes",
            Val::Timestamp(_) => "google.protobuf.Timestamp",
            Val::Duration(_) => "google.protobuf.Duration",
            Val::List(_) => "list",
            Val::Map(Map::Json(_, Shape::Fields(object))) => &object.name,
            Val::Map(_) => "map",
            Val::Type(_) => "type",
            Val::Optional(_) => "optional_type",
            Val::Extension(extension) => extension.type_name(),
        }
    }

    /// How large it is, as costs count it: code points, bytes, elements, entries; 1 for what has no size.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Val::String(text) => text.chars().count() as u64,
            Val::Bytes(bytes) => bytes.len() as u64,
            Val::List(list) => list.len() as u64,
            Val::Map(map) => map.len() as u64,
            Val::Optional(Some(value)) => value.size(),
            Val::Extension(extension) => extension.size(),
            _ => 1,
        }
    }

    /// Whether it is the zero value of its type.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Val::Null => true,
            Val::Bool(value) => !value,
            Val::Int(value) => *value == 0,
            Val::Uint(value) => *value == 0,
            Val::Double(value) => *value == 0.0,
            Val::String(text) => text.is_empty(),
            Val::Bytes(bytes) => bytes.is_empty(),
            Val::Timestamp(at) => at.is_zero(),
            Val::Duration(nanos) => *nanos == 0,
            Val::List(list) => list.len() == 0,
            Val::Map(map) => map.len() == 0,
            Val::Optional(value) => value.as_ref().is_none_or(|value| value.is_zero()),
            Val::Type(_) | Val::Extension(_) => false,
        }
    }

    /// Whether a function that is declared for `type_` takes it. Of lists and maps, the first element is asked.
    pub(crate) fn fits(&self, type_: &Type) -> bool {
        match (type_, self) {
            (Type::Dyn | Type::Any | Type::Parameter(_) | Type::Error, _) => true,
            (Type::List(element), Val::List(list)) => {
                list.get(0).is_none_or(|first| first.is_ok_and(|first| first.fits(element)))
            }
            (Type::Map(key, value), Val::Map(map)) => {
                map.first().is_none_or(|(k, v)| k.fits(key) && v.is_ok_and(|v| v.fits(value)))
            }
            (Type::Optional(of), Val::Optional(value)) => value.as_ref().is_none_or(|value| value.fits(of)),
            (Type::Optional(_) | Type::List(_) | Type::Map(..), _) => false,
            (type_, value) => type_.runtime_name() == value.type_name(),
        }
    }

    /// The key of a map that this is.
    pub(crate) fn key(&self) -> Option<Key> {
        Some(match self {
            Val::Bool(value) => Key::Bool(*value),
            Val::Int(value) => Key::Number(i128::from(*value)),
            Val::Uint(value) => Key::Number(i128::from(*value)),
            // Whole numbers within 64 bits are the keys that integers are.
            Val::Double(value) if value.fract() == 0.0 && value.abs() < 2e19 => Key::Number(*value as i128),
            Val::String(text) => Key::Text(match text {
                Text::Borrowed(text) => Arc::from(*text),
                Text::Shared(text) => text.clone(),
            }),
            _ => return None,
        })
    }
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            List::Json(elements, _) => elements.len(),
            List::Made(elements) => elements.len(),
        }
    }

    /// The element at an index, where there is one.
    pub(crate) fn get(&self, index: usize) -> Option<Outcome<Val<'a>>> {
        match self {
            List::Json(elements, type_) => elements.get(index).map(|element| adapt(element, type_)),
            List::Made(elements) => elements.get(index).cloned().map(Ok),
        }
    }

    /// The elements.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Outcome<Val<'a>>> + '_ {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// The elements, as a vector of their own.
    pub(crate) fn to_vec(&self, meter: &mut Meter) -> Outcome<Vec<Val<'a>>> {
        meter.allocate(self.len() * size_of::<Val<'_>>())?;
        match self {
            List::Json(..) => self.iter().collect(),
            List::Made(elements) => Ok(elements.to_vec()),
        }
    }
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Map::Json(map, _) => map.len(),
            Map::Made(map) => map.len(),
        }
    }

    /// The value of a key, where there is one.
    pub(crate) fn get(&self, key: &Val<'_>) -> Option<Outcome<Val<'a>>> {
        match (self, key) {
            (_, Val::String(key)) => self.member(key),
            (Map::Json(..), _) => None,
            (Map::Made(map), key) => map.get(&key.key()?).map(|(_, value)| Ok(value.clone())),
        }
    }

    /// The value of a key that is text.
    pub(crate) fn member(&self, key: &str) -> Option<Outcome<Val<'a>>> {
        match self {
            Map::Json(map, shape) => json_member(map, *shape, key),
            Map::Made(map) => {
                // Text that is longer than keys are isn't copied for the look-up.
                let found = if key.len() <= 256 {
                    map.get(&Key::Text(key.into()))
                } else {
                    map.iter().find(|(other, _)| other.is_text(key)).map(|(_, entry)| entry)
                };
                found.map(|(_, value)| Ok(value.clone()))
            }
        }
    }

    /// The key and value at a position in the order of keys.
    pub(crate) fn entries(&self) -> Vec<(Val<'a>, Outcome<Val<'a>>)> {
        match self {
            Map::Json(map, shape) => {
                let map: &'a JsonMap = map;
                map.iter().map(|(key, value)| (Val::from(key), shape.value(key, value))).collect()
            }
            Map::Made(map) => map.values().map(|(key, value)| (key.clone(), Ok(value.clone()))).collect(),
        }
    }

    fn first(&self) -> Option<(Val<'a>, Outcome<Val<'a>>)> {
        match self {
            Map::Json(map, shape) => {
                let map: &'a JsonMap = map;
                map.iter().next().map(|(key, value)| (Val::from(key), shape.value(key, value)))
            }
            Map::Made(map) => map.values().next().map(|(key, value)| (key.clone(), Ok(value.clone()))),
        }
    }
}

impl<'a> Shape<'a> {
    fn value(self, key: &str, value: &'a Json) -> Outcome<Val<'a>> {
        match self {
            Shape::Values(type_) => adapt(value, type_),
            Shape::Fields(object) => adapt(value, object.fields.get(key).unwrap_or(&Type::Dyn)),
        }
    }
}

/// A member of a map or object. Fields of objects are asked for as expressions write them.
fn json_member<'a>(map: &'a JsonMap, shape: Shape<'a>, key: &str) -> Option<Outcome<Val<'a>>> {
    let unescaped = match shape {
        Shape::Fields(object) if !object.fields.contains_key(key) => crate::types::unescape(key),
        _ => None,
    };
    let key = unescaped.as_deref().unwrap_or(key);
    map.get(key).map(|value| shape.value(key, value))
}

impl fmt::Display for Val<'_> {
    /// As Go prints it in messages like `no such key: x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::Null => f.write_str("null"),
            Val::Bool(value) => write!(f, "{value}"),
            Val::Int(value) => write!(f, "{value}"),
            Val::Uint(value) => write!(f, "{value}"),
            Val::Double(value) => f.write_str(&crate::library::convert::double_text(*value)),
            Val::String(text) => f.write_str(text),
            Val::Type(name) => f.write_str(name),
            other => f.write_str(other.type_name()),
        }
    }
}

/// An error of evaluation with this text.
pub(crate) fn error<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure::Error(message.into().into()))
}

/// What an operator says of values that it isn't for.
pub(crate) fn no_overload<T>() -> Outcome<T> {
    error("no such overload")
}
