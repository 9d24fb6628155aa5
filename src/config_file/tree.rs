//! From a decoded tree to a value of a type, with the paths of what is wrong or unknown.

use std::cell::RefCell;
use std::fmt;

use keelson_apimachinery::{Text, Value};
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// The value of a tree, and the paths of the members that its type does not know.
///
/// # Errors
/// A value of another type, or a member that is missing, with its path.
pub(super) fn deserialize<T: DeserializeOwned>(tree: &Value) -> Result<(T, Vec<String>), String> {
    let unknown = RefCell::new(Vec::new());
    let at = At { value: tree, place: Place::Root, unknown: &unknown };
    let value = T::deserialize(at).map_err(|error| error.reason)?;
    Ok((value, unknown.into_inner()))
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Member(Place::Root, name) => out.write_str(name),
            Place::Member(within, name) => write!(out, "{within}.{name}"),
            Place::Item(within, index) => write!(out, "{within}[{index}]"),
        }
    }
}

/// What is wrong, behind its path once that is known.
#[derive(Debug)]
struct Wrong {
    reason: String,
    is_located: bool,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Wrong { reason: reason.to_string(), is_located: false }
    }
}

/// A value at its place.
#[derive(Clone, Copy)]
struct At<'t, 'p> {
    value: &'t Value,
    place: Place<'p>,
    unknown: &'p RefCell<Vec<String>>,
}

impl At<'_, '_> {
    /// Puts the path in front of what is wrong, unless what is inside did.
    fn located<T>(&self, result: Result<T, Wrong>) -> Result<T, Wrong> {
        result.map_err(|wrong| match self.place {
            place @ (Place::Member(..) | Place::Item(..)) if !wrong.is_located => {
                Wrong { reason: format!("{place}: {}", wrong.reason), is_located: true }
            }
            _ => Wrong { is_located: true, ..wrong },
        })
    }
}

impl<'de> Deserializer<'de> for At<'de, '_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value {
            Value::Null => self.located(visitor.visit_unit()),
            Value::Bool(value) => self.located(visitor.visit_bool(*value)),
            Value::Int(value) => self.located(visitor.visit_i64(*value)),
            Value::Float(value) => self.located(visitor.visit_f64(*value)),
            Value::String(text) | Value::Raw(text) => self.located(visitor.visit_borrowed_str(text)),
            Value::Array(list) => {
                let items = Items { at: &self, list: list.iter().enumerate() };
                self.located(visitor.visit_seq(items))
            }
            Value::Object(map) => {
                let members: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
                let members = Members { at: &self, members: members.into_iter(), value: None };
                self.located(visitor.visit_map(members))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.value {
            // A type whose fields may all be absent may be absent itself.
            Value::Object(_) => self.deserialize_any(visitor),
            other => {
                let found = match other {
                    Value::Array(_) => Unexpected::Seq,
                    Value::Null => Unexpected::Unit,
                    Value::Bool(value) => Unexpected::Bool(*value),
                    Value::Int(value) => Unexpected::Signed(*value),
                    Value::Float(value) => Unexpected::Float(*value),
                    _ => Unexpected::Other("string"),
                };
                self.located(Err(serde::de::Error::invalid_type(found, &"an object")))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.value {
            Value::String(text) => self.located(visitor.visit_enum(Variant(text))),
            _ => self.deserialize_any(visitor),
        }
    }

    /// A member that the type does not know.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let path = self.place.to_string();
        if !matches!(path.as_str(), "apiVersion" | "kind") {
            self.unknown.borrow_mut().push(path);
        }
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier
    }
}

struct Items<'t, 'p> {
    at: &'p At<'t, 'p>,
    list: std::iter::Enumerate<std::slice::Iter<'t, Value>>,
}

impl<'t> SeqAccess<'t> for Items<'t, '_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some((index, value)) = self.list.next() else { return Ok(None) };
        let place = Place::Item(&self.at.place, index);
        let at = At { value, place, unknown: self.at.unknown };
        at.located(seed.deserialize(at)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len())
    }
}

struct Members<'t, 'p> {
    at: &'p At<'t, 'p>,
    members: std::vec::IntoIter<(&'t str, &'t Value)>,
    value: Option<(&'t str, &'t Value)>,
}

impl<'t> MapAccess<'t> for Members<'t, '_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.value = self.members.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, value)) = self.value.take() else {
            return Err(serde::de::Error::custom("a value was asked for before its key"));
        };
        let place = Place::Member(&self.at.place, key);
        let at = At { value, place, unknown: self.at.unknown };
        at.located(seed.deserialize(at))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len())
    }
}

/// A variant without content, by its name.
struct Variant<'t>(&'t Text);

impl<'t> EnumAccess<'t> for Variant<'t> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self), Wrong> {
        let name = StrDeserializer::<Wrong>::new(self.0);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'t> VariantAccess<'t> for Variant<'t> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, _: T) -> Result<T::Value, Wrong> {
        Err(serde::de::Error::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, _: V) -> Result<V::Value, Wrong> {
        Err(serde::de::Error::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
    }

    fn struct_variant<V: Visitor<'t>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Wrong> {
        Err(serde::de::Error::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
    }
}
