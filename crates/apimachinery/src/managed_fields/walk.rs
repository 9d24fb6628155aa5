//! Which fields a value has, and which differ between two values.

use std::borrow::Cow;

use super::element::{PathElement, equal, open_raw};
use super::set::Set;
use super::shape::{Items, Shape, item_element};
use crate::schema::Kind;
use crate::{Map, Schema, TypeId, Value};

/// The fields of an object that it says something about: its leaves, items of lists, keys of maps, empty maps
/// and nulls.
pub fn to_set(schema: &Schema, ty: TypeId, value: &Value) -> Set {
    let mut set = Set::new();
    Walk { schema }.fields(Shape::of_type(schema, ty), value, &mut set);
    set
}

/// How a value differs from an older one. No field is in more than one of the sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What only the old value has.
    pub removed: Set,
    /// What both have and is not equal.
    pub modified: Set,
    /// What only the new value has.
    pub added: Set,
}

/// Compares two objects of a type.
pub fn compare(schema: &Schema, ty: TypeId, old: &Value, new: &Value) -> Comparison {
    let mut out = Comparison::default();
    Walk { schema }.differences(Shape::of_type(schema, ty), Some(old), Some(new), &mut out);
    out
}

/// What a walk finds of a value itself, for its parent to note.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Itself {
    Same,
    Added,
    Removed,
    Modified,
}

struct Walk<'s> {
    schema: &'s Schema,
}

/// The object in a value, raw ones opened; `None` for null and what is none.
pub(super) fn as_map(value: &Value) -> Option<Cow<'_, Map>> {
    match value {
        Value::Object(members) => Some(Cow::Borrowed(members)),
        Value::Raw(raw) => match open_raw(raw) {
            Value::Object(members) => Some(Cow::Owned(members)),
            _ => None,
        },
        _ => None,
    }
}

/// The items of a list; none where there is no list.
pub(super) fn as_list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).unwrap_or_default()
}

impl<'s> Walk<'s> {
    /// Adds the fields of `value` to `out`; says whether the value itself is one.
    fn fields(&self, shape: Shape<'s>, value: &Value, out: &mut Set) -> bool {
        match shape {
            Shape::Scalar(_) => true,
            Shape::Struct { atomic: true, .. } | Shape::Map { atomic: true, .. } => true,
            Shape::List { items: Items::Atomic, .. } => true,
            Shape::List { of, items } => {
                self.item_fields(of, items, value.as_array().unwrap_or_default(), out);
                false
            }
            Shape::Struct { .. } | Shape::Map { .. } | Shape::Untyped => {
                let Some(members) = as_map(value) else {
                    return matches!(shape, Shape::Untyped) && !value.is_null();
                };
                for (key, value) in members.iter() {
                    let Some(member) = shape.member(self.schema, key) else { continue };
                    let mut below = Set::new();
                    let leaf = self.fields(member.shape, value, &mut below);
                    let empty = value.is_null() || as_map(value).is_some_and(|m| m.is_empty());
                    if leaf || empty || !member.named {
                        out.insert_member(PathElement::field(key));
                    }
                    out.insert_child(PathElement::field(key), below);
                }
                false
            }
        }
    }

    fn item_fields(&self, of: &'s Kind, items: Items<'s>, list: &[Value], out: &mut Set) {
        let shape = Shape::of_kind(self.schema, of);
        let mut found = self.elements(of, items, list);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for group in found.chunk_by(|a, b| a.0 == b.0) {
            let [(element, item), rest @ ..] = group else { continue };
            // Items that can't be told apart are owned together, as one.
            if rest.is_empty() {
                let mut below = Set::new();
                self.fields(shape, item, &mut below);
                out.insert_child(element.clone(), below);
            }
            out.insert_member(element.clone());
        }
    }

    /// The items that can be told apart from others, in their order.
    fn elements<'v>(
        &self,
        of: &'s Kind,
        items: Items<'s>,
        list: &'v [Value],
    ) -> Vec<(PathElement, &'v Value)> {
        let elements =
            list.iter().filter_map(|item| Some((item_element(self.schema, items, of, item).ok()?, item)));
        elements.collect()
    }

    /// Adds to `out` what differs below the value, and says what of the value itself does.
    fn differences(
        &self,
        shape: Shape<'s>,
        old: Option<&Value>,
        new: Option<&Value>,
        out: &mut Comparison,
    ) -> Itself {
        let leaf = || match (old, new) {
            (None, _) => Itself::Added,
            (_, None) => Itself::Removed,
            (Some(old), Some(new)) if equal(old, new) => Itself::Same,
            _ => Itself::Modified,
        };
        match shape {
            Shape::Scalar(_) | Shape::List { items: Items::Atomic, .. } => return leaf(),
            Shape::Struct { atomic: true, .. } | Shape::Map { atomic: true, .. } => return leaf(),
            Shape::List { of, items } => {
                let (old_items, new_items) = (as_list(old), as_list(new));
                if old_items.is_empty() && new_items.is_empty() {
                    return leaf();
                }
                self.item_differences(of, items, old_items, new_items, out);
            }
            Shape::Struct { .. } | Shape::Map { .. } | Shape::Untyped => {
                if let (Some(a), Some(b)) = (old, new)
                    && a == b
                {
                    return Itself::Same;
                }
                let (before, after) = (old.and_then(as_map), new.and_then(as_map));
                let filled = |m: &Option<Cow<'_, Map>>| m.as_ref().is_some_and(|m| !m.is_empty());
                if !filled(&before) && !filled(&after) {
                    return leaf();
                }
                self.member_differences(shape, before.as_deref(), after.as_deref(), out);
                let is_map =
                    |m: &Option<Cow<'_, Map>>, v: Option<&Value>| m.is_some() || v.is_none_or(Value::is_null);
                if !is_map(&before, old) || !is_map(&after, new) {
                    return leaf();
                }
            }
        }
        match (old, new) {
            (None, _) => Itself::Added,
            (_, None) => Itself::Removed,
            _ => Itself::Same,
        }
    }

    fn member_differences(
        &self,
        shape: Shape<'s>,
        old: Option<&Map>,
        new: Option<&Map>,
        out: &mut Comparison,
    ) {
        let mut olds = old.into_iter().flat_map(Map::iter).peekable();
        let mut news = new.into_iter().flat_map(Map::iter).peekable();
        loop {
            let order = match (olds.peek(), news.peek()) {
                (Some((old, _)), Some((new, _))) => old.cmp(new),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return,
            };
            let before = if order.is_le() { olds.next() } else { None };
            let after = if order.is_ge() { news.next() } else { None };
            let Some((key, _)) = before.or(after) else { return };
            let Some(member) = shape.member(self.schema, key) else { continue };
            let (before, after) = (before.map(|(_, v)| v), after.map(|(_, v)| v));
            self.descend(member.shape, || PathElement::field(key), before, after, out);
        }
    }

    fn item_differences(
        &self,
        of: &'s Kind,
        items: Items<'s>,
        old: &[Value],
        new: &[Value],
        out: &mut Comparison,
    ) {
        let shape = Shape::of_kind(self.schema, of);
        let (mut olds, mut news) = (self.elements(of, items, old), self.elements(of, items, new));
        olds.sort_by(|a, b| a.0.cmp(&b.0));
        news.sort_by(|a, b| a.0.cmp(&b.0));
        let mut olds = olds.chunk_by(|a, b| a.0 == b.0).peekable();
        let mut news = news.chunk_by(|a, b| a.0 == b.0).peekable();
        loop {
            let order = match (olds.peek(), news.peek()) {
                (Some(old), Some(new)) => old[0].0.cmp(&new[0].0),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return,
            };
            let before = if order.is_le() { olds.next().unwrap_or_default() } else { &[] };
            let after = if order.is_ge() { news.next().unwrap_or_default() } else { &[] };
            let Some((element, _)) = before.first().or(after.first()) else { return };
            let (first_old, first_new) = (before.first().map(|(_, v)| *v), after.first().map(|(_, v)| *v));
            // Items that can't be told apart are compared together, and owned as one.
            match (before.len(), after.len()) {
                (0 | 1, 0 | 1) => self.descend(shape, || element.clone(), first_old, first_new, out),
                (2.., 2..) => {
                    let same = before.len() == after.len()
                        && before.iter().zip(after).all(|((_, a), (_, b))| equal(a, b));
                    if !same {
                        out.modified.insert_member(element.clone());
                    }
                }
                (2.., _) => {
                    if first_new.is_some() {
                        self.descend(shape, || element.clone(), None, first_new, out);
                    }
                    out.removed.insert_member(element.clone());
                }
                (_, _) => {
                    if first_old.is_some() {
                        self.descend(shape, || element.clone(), first_old, None, out);
                    }
                    out.added.insert_member(element.clone());
                }
            }
        }
    }

    fn descend(
        &self,
        shape: Shape<'s>,
        element: impl Fn() -> PathElement,
        old: Option<&Value>,
        new: Option<&Value>,
        out: &mut Comparison,
    ) {
        let mut below = Comparison::default();
        let itself = self.differences(shape, old, new, &mut below);
        match itself {
            Itself::Same => {}
            Itself::Added => out.added.insert_member(element()),
            Itself::Removed => out.removed.insert_member(element()),
            Itself::Modified => out.modified.insert_member(element()),
        }
        let keep = |whole: &mut Set, below: Set| {
            if !below.is_empty() {
                whole.insert_child(element(), below);
            }
        };
        keep(&mut out.added, below.added);
        keep(&mut out.removed, below.removed);
        keep(&mut out.modified, below.modified);
    }
}
