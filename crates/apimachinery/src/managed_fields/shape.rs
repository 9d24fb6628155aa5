//! How values of a type merge: the schema as the walks over two values see it.

use crate::schema::{Kind, ListType, Merge};
use crate::{Schema, Text, TypeId, Value};

use super::element::PathElement;

/// How a value merges.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'s> {
    /// A leaf.
    Scalar(Scalar),
    /// An object with known members.
    Struct {
        /// Its type.
        id: TypeId,
        /// Whether it is a leaf all the same.
        atomic: bool,
    },
    /// An object with any members, all of one kind.
    Map {
        /// What its members are.
        of: &'s Kind,
        /// Whether it is a leaf all the same.
        atomic: bool,
    },
    /// A list.
    List {
        /// What its items are.
        of: &'s Kind,
        /// How they are told apart.
        items: Items<'s>,
    },
    /// Any JSON: objects merge by their members, all else is a leaf.
    Untyped,
}

/// What a leaf must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Boolean,
    Numeric,
    String,
    /// Any of them.
    Any,
}

/// How the items of a list are told apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Items<'s> {
    /// Not at all: the list is a leaf.
    Atomic,
    /// By their values.
    Set,
    /// By these members.
    Map(&'s [Text]),
}

/// A member of an object, as its shape knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'s> {
    pub(super) shape: Shape<'s>,
    /// Whether the type names it; the keys of maps are not named.
    pub(super) named: bool,
}

impl<'s> Shape<'s> {
    /// The shape of a whole object.
    pub(super) fn of_type(schema: &'s Schema, id: TypeId) -> Self {
        Shape::Struct { id, atomic: schema.get(id).atomic }
    }

    /// The shape of values of a kind, in a field that merges so.
    fn of_field(schema: &'s Schema, kind: &'s Kind, merge: Option<&'s Merge>) -> Self {
        let atomic_map = merge.is_some_and(|m| m.atomic_map);
        match kind {
            Kind::Bool => Shape::Scalar(Scalar::Boolean),
            Kind::Int32 | Kind::Int64 | Kind::Float64 => Shape::Scalar(Scalar::Numeric),
            Kind::String | Kind::Bytes | Kind::Duration => Shape::Scalar(Scalar::String),
            Kind::Time | Kind::MicroTime | Kind::Quantity | Kind::IntOrString => Shape::Scalar(Scalar::Any),
            Kind::RawExtension | Kind::FieldsV1 | Kind::Json | Kind::Any => Shape::Untyped,
            Kind::SchemaOrArray(_) | Kind::SchemaOrBool(_) | Kind::SchemaOrStringArray(_) => Shape::Untyped,
            Kind::Struct(id) => {
                let granular = merge.is_some_and(|m| m.granular);
                Shape::Struct { id: *id, atomic: atomic_map || (schema.get(*id).atomic && !granular) }
            }
            Kind::Map(of) => Shape::Map { of, atomic: atomic_map },
            Kind::List(of) | Kind::ListMessage(of) => {
                let items = match merge.map(|m| (m.list_type, m.list_map_keys.as_slice())) {
                    Some((Some(ListType::Set), _)) => Items::Set,
                    Some((Some(ListType::Map), keys)) if !keys.is_empty() => Items::Map(keys),
                    _ => Items::Atomic,
                };
                Shape::List { of, items }
            }
        }
    }

    /// The shape of a list's items.
    pub(super) fn of_kind(schema: &'s Schema, kind: &'s Kind) -> Self {
        Shape::of_field(schema, kind, None)
    }

    /// The shape of the member `key` of an object; `None` where there is no such member.
    pub(super) fn member(self, schema: &'s Schema, key: &str) -> Option<Member<'s>> {
        match self {
            Shape::Struct { id, .. } => {
                let (_, field) = schema.json_field(id, key)?;
                let shape = Shape::of_field(schema, &field.kind, Some(&field.merge));
                Some(Member { shape, named: true })
            }
            Shape::Map { of, .. } => Some(Member { shape: Shape::of_kind(schema, of), named: false }),
            Shape::Untyped => Some(Member { shape: Shape::Untyped, named: false }),
            Shape::Scalar(_) | Shape::List { .. } => None,
        }
    }
}

/// What tells an item of a list from the others.
///
/// # Errors
/// A text where the item has no key, or one that can't be.
pub(super) fn item_element(
    schema: &Schema,
    items: Items<'_>,
    of: &Kind,
    item: &Value,
) -> Result<PathElement, String> {
    match items {
        Items::Atomic => Err("invalid indexing of non-associative list".into()),
        Items::Set => match item {
            Value::Object(_) | Value::Raw(_) => {
                Err("associative list without keys has an element that's a map type".into())
            }
            Value::Array(_) => Err("not supported: associative list with lists as elements".into()),
            Value::Null => Err("associative list without keys has an element that's an explicit null".into()),
            scalar => Ok(PathElement::Value(scalar.clone())),
        },
        Items::Map(keys) => {
            let members = match item {
                Value::Object(members) => members,
                Value::Null => return Err("associative list with keys may not have a null element".into()),
                _ => return Err("associative list with keys may not have non-map elements".into()),
            };
            let mut fields = Vec::with_capacity(keys.len());
            for key in keys {
                let value = match members.get(key) {
                    Some(value) => Some(value.clone()),
                    None => default_of(schema, of, key),
                };
                fields.extend(value.map(|value| (key.clone(), value)));
            }
            if fields.is_empty() {
                let quoted: Vec<String> = keys.iter().map(|key| crate::field::quote(key)).collect();
                return Err(format!(
                    "associative list with keys has an element that omits all key fields [{}] (and doesn't have \
                     default values for any key fields)",
                    quoted.join(" ")
                ));
            }
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(PathElement::Key(fields))
        }
    }
}

/// The default of a key: the documented one, or the zero value of a field that is always written.
fn default_of(schema: &Schema, of: &Kind, key: &str) -> Option<Value> {
    let Kind::Struct(id) = of else { return None };
    let (_, field) = schema.json_field(*id, key)?;
    if field.default.is_some() {
        return field.default.clone();
    }
    if field.pointer || field.omit != crate::schema::Omit::Never {
        return None;
    }
    match field.kind {
        Kind::Bool => Some(Value::Bool(false)),
        Kind::Int32 | Kind::Int64 => Some(Value::Int(0)),
        Kind::String => Some(Value::String(Text::const_new(""))),
        _ => None,
    }
}
