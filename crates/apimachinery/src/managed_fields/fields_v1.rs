//! `FieldsV1`: field sets as JSON.
//!
//! An object whose keys are path elements: `{"f:spec":{"f:replicas":{}}}`. An element with nothing below it is
//! in the set; one with something below it is so only with a member `"."`.
//!
//! Source: the API reference, `FieldsV1 v1 meta`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::element::{BadElement, PathElement};
use super::set::Set;

impl Set {
    /// Reads `FieldsV1`. Nesting is bounded by the JSON reader (128 levels); elements of unknown kinds are
    /// left out.
    ///
    /// # Errors
    /// A text for what is no JSON, or no field set.
    pub fn parse(text: &[u8]) -> Result<Set, String> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let found = Node.deserialize(&mut reader).map_err(|error| error.to_string())?;
        reader.end().map_err(|error| error.to_string())?;
        Ok(found.set)
    }

    /// The set as `FieldsV1`.
    pub fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(512);
        self.write(false, &mut out);
        String::from_utf8(out).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
    }

    fn write(&self, is_member: bool, out: &mut Vec<u8>) {
        out.push(b'{');
        if is_member {
            out.extend_from_slice(b"\".\":{}");
        }
        let mut first = !is_member;
        let (mut members, mut children) =
            (self.members().iter().peekable(), self.children().iter().peekable());
        loop {
            let order = match (members.peek(), children.peek()) {
                (Some(member), Some((child, _))) => (*member).cmp(child),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            if !first {
                out.push(b',');
            }
            first = false;
            let member = if order.is_le() { members.next() } else { None };
            let child = if order.is_ge() { children.next() } else { None };
            if let Some(element) = child.map(|(e, _)| e).or(member) {
                element.write(out);
                out.push(b':');
            }
            match child {
                Some((_, below)) => below.write(member.is_some(), out),
                None => out.extend_from_slice(b"{}"),
            }
        }
        out.push(b'}');
    }
}

/// What stands behind a path element.
#[derive(Default)]
struct Found {
    set: Set,
    /// Whether there was a member `"."`.
    dot: bool,
}

struct Node;

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Found, D::Error> {
        reader.deserialize_any(self)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path element")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        reader.deserialize_str(Text)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of path elements")
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some(Key(key)) = map.next_key::<Key<'_>>()? {
            if key == "." {
                map.next_value::<IgnoredAny>()?;
                found.dot = true;
                continue;
            }
            match PathElement::parse(&key) {
                Ok(element) => {
                    let below = map.next_value_seed(Node)?;
                    if below.dot || below.set.is_empty() {
                        found.set.insert_member(element.clone());
                    }
                    found.set.insert_child(element, below.set);
                }
                Err(BadElement::Unknown) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Err(BadElement::Invalid) => {
                    return Err(A::Error::custom(format_args!("{key:?} is no path element")));
                }
            }
        }
        Ok(found)
    }
}
