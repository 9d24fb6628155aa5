//! Facts of an object read straight from its protobuf bytes, borrowed: what selection, the cache and
//! preconditions need, without decoding the rest.
//!
//! Strings must be UTF-8 here, as nothing can be put in their place.

use std::borrow::Cow;

use super::DecodeError;
use super::protobuf::reader::{DELIMITED, Reader, Step, VARINT, wrong_wire_type};
use crate::TypeId;
use crate::schema::{Kind, Schema, StructType};

/// What an object's metadata says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MetaScan<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.namespace`; empty for cluster-wide objects.
    pub namespace: &'a str,
    /// `metadata.uid`.
    pub uid: &'a str,
    /// `metadata.resourceVersion`, which is empty in storage.
    pub resource_version: &'a str,
    /// `metadata.labels` in the message's order, which is that of keys.
    pub labels: Vec<(&'a str, &'a str)>,
    /// `metadata.generation`.
    pub generation: i64,
    /// Whether `metadata.deletionTimestamp` is set.
    pub has_deletion_timestamp: bool,
    /// Whether `metadata.finalizers` has any.
    pub has_finalizers: bool,
}

impl<'a> MetaScan<'a> {
    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        // The last of equal keys is the one that counts.
        self.labels.iter().rev().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }
}

/// The numbers of `metav1.ObjectMeta`'s fields. They are part of what is stored, and never change.
mod number {
    pub(super) const NAME: u32 = 1;
    pub(super) const NAMESPACE: u32 = 3;
    pub(super) const UID: u32 = 5;
    pub(super) const RESOURCE_VERSION: u32 = 6;
    pub(super) const GENERATION: u32 = 7;
    pub(super) const DELETION_TIMESTAMP: u32 = 9;
    pub(super) const LABELS: u32 = 11;
    pub(super) const FINALIZERS: u32 = 14;
}

/// Reads the metadata of an object of this type.
///
/// # Errors
/// A type without `ObjectMeta`, a malformed message, a string that is not UTF-8.
pub fn metadata<'a>(schema: &Schema, ty: TypeId, message: &'a [u8]) -> Result<MetaScan<'a>, DecodeError> {
    let field = schema.json_field(ty, "metadata").map(|(_, field)| field);
    let is_object_meta = |kind: &Kind| match kind {
        Kind::Struct(inner) => schema.get(*inner).name.ends_with("ObjectMeta"),
        _ => false,
    };
    let Some(field) = field.filter(|field| field.number != 0 && is_object_meta(&field.kind)) else {
        return Err(DecodeError::new(format!("{} has no ObjectMeta", schema.get(ty).go_name)));
    };
    let mut scan = MetaScan::default();
    for_each(message, &schema.get(ty).go_name, field.number, |value| match value {
        Field::Delimited(content) => object_meta(content, &mut scan),
        Field::Number(_) => wrong_wire_type(VARINT, "metadata"),
    })?;
    Ok(scan)
}

fn object_meta<'a>(message: &'a [u8], scan: &mut MetaScan<'a>) -> Step<()> {
    let mut reader = Reader::new(message, 0);
    while !reader.is_at_end() {
        let tag = reader.tag("ObjectMeta")?;
        match (tag.number, tag.wire_type) {
            (number::GENERATION, VARINT) => scan.generation = reader.varint()? as i64,
            (
                number::NAME
                | number::NAMESPACE
                | number::UID
                | number::RESOURCE_VERSION
                | number::LABELS
                | number::DELETION_TIMESTAMP
                | number::FINALIZERS,
                DELIMITED,
            ) => {
                let (start, end) = reader.delimited()?;
                let content = &message[start..end];
                match tag.number {
                    number::NAME => scan.name = utf8(content, "metadata.name")?,
                    number::NAMESPACE => scan.namespace = utf8(content, "metadata.namespace")?,
                    number::UID => scan.uid = utf8(content, "metadata.uid")?,
                    number::RESOURCE_VERSION => {
                        scan.resource_version = utf8(content, "metadata.resourceVersion")?;
                    }
                    number::LABELS => scan.labels.push(pair(content)?),
                    number::DELETION_TIMESTAMP => scan.has_deletion_timestamp = !content.is_empty(),
                    _ => scan.has_finalizers = true,
                }
            }
            _ => reader.skip(tag)?,
        }
    }
    Ok(())
}

/// A map's entry of strings.
fn pair(message: &[u8]) -> Step<(&str, &str)> {
    let mut reader = Reader::new(message, 0);
    let (mut key, mut value) = ("", "");
    while !reader.is_at_end() {
        let tag = reader.tag("MapEntry")?;
        match (tag.number, tag.wire_type) {
            (1 | 2, DELIMITED) => {
                let (start, end) = reader.delimited()?;
                let text = utf8(&message[start..end], "a map's entry")?;
                *(if tag.number == 1 { &mut key } else { &mut value }) = text;
            }
            (1 | 2, other) => return wrong_wire_type(other, "mapEntry"),
            _ => reader.skip(tag)?,
        }
    }
    Ok((key, value))
}

/// The string or boolean at a path of JSON names, such as `["spec", "nodeName"]`; a map's value is named by its
/// key. `None` where it is not in the message.
///
/// # Errors
/// A path that leads to nothing of that kind in this type (found out as far as the message has it), a malformed
/// message, a string that is not UTF-8.
pub fn string_at<'a>(
    schema: &Schema,
    ty: TypeId,
    message: &'a [u8],
    json_path: &[&str],
) -> Result<Option<&'a str>, DecodeError> {
    match text_at(schema, ty, message, json_path)? {
        None => Ok(None),
        Some(Cow::Borrowed(text)) => Ok(Some(text)),
        Some(Cow::Owned(_)) => Err(no_such_field(schema.get(ty), json_path)),
    }
}

/// As [`string_at`], and numbers as text, too.
///
/// # Errors
/// As [`string_at`].
pub fn text_at<'a>(
    schema: &Schema,
    ty: TypeId,
    message: &'a [u8],
    json_path: &[&str],
) -> Result<Option<Cow<'a, str>>, DecodeError> {
    let mut found = None;
    let (&first, rest) = json_path.split_first().ok_or_else(|| no_such_field(schema.get(ty), json_path))?;
    let step = Path { schema, whole: json_path, of: ty };
    step.member(ty, message, first, rest, &mut found)?;
    Ok(found)
}

/// Whether the member at a path of JSON names, without lists or maps on the way, is there and not empty. `false`
/// for a path that leads nowhere, and for what is malformed before it.
pub fn has(schema: &Schema, ty: TypeId, message: &[u8], json_path: &[&str]) -> bool {
    let (mut ty, mut message) = (Some(ty), message);
    for (i, name) in json_path.iter().enumerate() {
        let Some((path, field)) = ty.and_then(|ty| schema.json_field(ty, name)) else { return false };
        if path.len() != 1 {
            return false;
        }
        let mut found = None;
        let walked = for_each(message, name, field.number, |value| {
            if let Field::Delimited(content) = value {
                found = Some(content);
            }
            Ok(())
        });
        let (Ok(()), Some(content)) = (walked, found) else { return false };
        if i + 1 == json_path.len() {
            return !content.is_empty();
        }
        ty = match field.kind {
            Kind::Struct(inner) => Some(inner),
            _ => None,
        };
        message = content;
    }
    false
}

struct Path<'s> {
    schema: &'s Schema,
    whole: &'s [&'s str],
    of: TypeId,
}

impl Path<'_> {
    fn wrong<T>(&self) -> Step<T> {
        Err(no_such_field(self.schema.get(self.of), self.whole))
    }

    fn member<'a>(
        &self,
        id: TypeId,
        message: &'a [u8],
        key: &str,
        rest: &[&str],
        found: &mut Option<Cow<'a, str>>,
    ) -> Step<()> {
        match self.schema.json_field(id, key) {
            Some((path, field)) => self.descend(id, message, path, &field.kind, rest, found),
            None => self.wrong(),
        }
    }

    /// Goes down a path of field indexes, which inlined structs make longer than one, to the field itself.
    fn descend<'a>(
        &self,
        id: TypeId,
        message: &'a [u8],
        path: &[u16],
        kind: &Kind,
        rest: &[&str],
        found: &mut Option<Cow<'a, str>>,
    ) -> Step<()> {
        let of = self.schema.get(id);
        let Some((index, deeper)) = path.split_first() else { return self.wrong() };
        let field = &of.fields[usize::from(*index)];
        if field.number == 0 {
            return self.wrong();
        }
        for_each(message, &of.go_name, field.number, |value| match (&field.kind, value) {
            (Kind::Struct(inner), Field::Delimited(content)) if !deeper.is_empty() => {
                self.descend(*inner, content, deeper, kind, rest, found)
            }
            (_, value) if deeper.is_empty() => self.value(kind, value, rest, found),
            _ => self.wrong(),
        })
    }

    fn value<'a>(
        &self,
        kind: &Kind,
        value: Field<'a>,
        rest: &[&str],
        found: &mut Option<Cow<'a, str>>,
    ) -> Step<()> {
        match (kind, value, rest.split_first()) {
            (Kind::String, Field::Delimited(content), None) => {
                *found = Some(Cow::Borrowed(utf8(content, self.whole[self.whole.len() - 1])?));
            }
            (Kind::Bool, Field::Number(bool), None) => {
                *found = Some(Cow::Borrowed(if bool != 0 { "true" } else { "false" }));
            }
            (Kind::Int32, Field::Number(int), None) => *found = Some(Cow::Owned((int as i32).to_string())),
            (Kind::Int64, Field::Number(int), None) => *found = Some(Cow::Owned((int as i64).to_string())),
            (Kind::Struct(inner), Field::Delimited(content), Some((key, rest))) => {
                self.member(*inner, content, key, rest, found)?;
            }
            (Kind::Map(of), Field::Delimited(content), Some((key, []))) if **of == Kind::String => {
                let (name, value) = pair(content)?;
                if name == *key {
                    *found = Some(Cow::Borrowed(value));
                }
            }
            (Kind::String | Kind::Struct(_) | Kind::Map(_), Field::Number(_), _) => {
                return wrong_wire_type(VARINT, self.whole[self.whole.len() - 1]);
            }
            (Kind::Bool | Kind::Int32 | Kind::Int64, Field::Delimited(_), _) => {
                return wrong_wire_type(DELIMITED, self.whole[self.whole.len() - 1]);
            }
            _ => return self.wrong(),
        }
        Ok(())
    }
}

/// The value of a field.
enum Field<'a> {
    Number(u64),
    Delimited(&'a [u8]),
}

/// Calls `visit` with each occurrence of the field `number`, and skips the others.
fn for_each<'a>(
    message: &'a [u8],
    name: &str,
    number: u32,
    mut visit: impl FnMut(Field<'a>) -> Step<()>,
) -> Step<()> {
    let mut reader = Reader::new(message, 0);
    while !reader.is_at_end() {
        let tag = reader.tag(name)?;
        match (tag.number == number, tag.wire_type) {
            (true, VARINT) => visit(Field::Number(reader.varint()?))?,
            (true, DELIMITED) => {
                let (start, end) = reader.delimited()?;
                visit(Field::Delimited(&message[start..end]))?;
            }
            _ => reader.skip(tag)?,
        }
    }
    Ok(())
}

#[cold]
fn no_such_field(of: &StructType, path: &[&str]) -> DecodeError {
    DecodeError::new(format!("{} has no text at {}", of.go_name, path.join(".")))
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Step<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::new(format!("proto: {name} is not UTF-8")))
}

#[cfg(test)]
mod tests;
