//! Merging a configuration into an object, and taking fields out of one.

use super::element::{PathElement, open_raw};
use super::set::Set;
use super::shape::{Items, Shape, item_element};
use super::walk::{as_list, as_map};
use crate::schema::Kind;
use crate::{Map, Schema, TypeId, Value};

/// The object that `live` becomes with everything that `config` says. Nothing is removed; where both have a
/// leaf, that of `config` is taken. Items of lists keep the order of `live`, but for those that `config`
/// names, which come in its order.
pub fn merge(schema: &Schema, ty: TypeId, live: &Value, config: &Value) -> Value {
    let shape = Shape::of_type(schema, ty);
    Merge { schema }.values(shape, Some(live), Some(config)).unwrap_or(Value::Null)
}

/// The object without the fields of a set. Atomic values go whole; what becomes empty becomes null.
pub fn remove_items(schema: &Schema, ty: TypeId, value: &Value, fields: &Set) -> Value {
    Pick { schema, extract: false }.value(Shape::of_type(schema, ty), value, fields)
}

/// The object with nothing but the fields of a set.
pub fn extract_items(schema: &Schema, ty: TypeId, value: &Value, fields: &Set) -> Value {
    Pick { schema, extract: true }.value(Shape::of_type(schema, ty), value, fields)
}

/// The set with the named fields on the way to what is in it: `spec` where `spec.replicas` is.
pub(super) fn with_named_fields(schema: &Schema, ty: TypeId, set: &Set) -> Set {
    named(schema, Some(Shape::of_type(schema, ty)), set)
}

fn named(schema: &Schema, shape: Option<Shape<'_>>, set: &Set) -> Set {
    let mut out = Set::new();
    for member in set.members() {
        out.insert_member(member.clone());
    }
    for (element, below) in set.children() {
        let (shape, is_named) = match (element, shape) {
            (PathElement::Field(name), Some(shape)) => match shape.member(schema, name) {
                Some(member) => (Some(member.shape), member.named),
                None => (None, false),
            },
            (PathElement::Key(_), Some(Shape::List { of, .. })) => (Some(Shape::of_kind(schema, of)), false),
            _ => (None, false),
        };
        if is_named {
            out.insert_member(element.clone());
        }
        out.insert_child(element.clone(), named(schema, shape, below));
    }
    out
}

struct Merge<'s> {
    schema: &'s Schema,
}

impl<'s> Merge<'s> {
    fn values(&self, shape: Shape<'s>, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
        let leaf = || config.or(live).cloned();
        match shape {
            Shape::Scalar(_) | Shape::List { items: Items::Atomic, .. } => leaf(),
            Shape::Struct { atomic: true, .. } | Shape::Map { atomic: true, .. } => leaf(),
            Shape::List { of, items } => {
                let (live_items, config_items) = (as_list(live), as_list(config));
                if config_items.is_empty() {
                    return if live_items.is_empty() { leaf() } else { live.cloned() };
                }
                let merged = self.lists(of, items, live_items, config_items);
                (!merged.is_empty()).then_some(Value::Array(merged))
            }
            Shape::Struct { .. } | Shape::Map { .. } | Shape::Untyped => {
                if config.is_none() {
                    return leaf();
                }
                let (before, after) = (live.and_then(as_map), config.and_then(as_map));
                match (before.filter(|m| !m.is_empty()), after.filter(|m| !m.is_empty())) {
                    (None, None) => leaf(),
                    // What says nothing of the members leaves them; a scalar in their place does not.
                    (Some(_), None) if config.is_some_and(|v| v.is_null() || as_map(v).is_some()) => {
                        live.cloned()
                    }
                    (_, None) => leaf(),
                    (before, Some(after)) => {
                        let empty = Map::new();
                        self.maps(shape, before.as_deref().unwrap_or(&empty), &after)
                    }
                }
            }
        }
    }

    fn maps(&self, shape: Shape<'s>, live: &Map, config: &Map) -> Option<Value> {
        let mut out = live.clone();
        for (key, value) in config.iter() {
            let Some(member) = shape.member(self.schema, key) else { continue };
            match self.values(member.shape, live.get(key), Some(value)) {
                Some(merged) => out.insert(key, merged),
                None => out.remove(key),
            };
        }
        (!out.is_empty()).then_some(Value::Object(out))
    }

    fn lists(&self, of: &'s Kind, items: Items<'s>, live: &[Value], config: &[Value]) -> Vec<Value> {
        let shape = Shape::of_kind(self.schema, of);
        let element = |item: &Value| item_element(self.schema, items, of, item).ok();
        let config: Vec<(PathElement, &Value)> =
            config.iter().filter_map(|item| Some((element(item)?, item))).collect();
        let live: Vec<(PathElement, &Value)> =
            live.iter().filter_map(|item| Some((element(item)?, item))).collect();
        let sorted = |list: &[(PathElement, &Value)]| {
            let mut order: Vec<usize> = (0..list.len()).collect();
            order.sort_by(|a, b| list[*a].0.cmp(&list[*b].0));
            order
        };
        let (live_order, config_order) = (sorted(&live), sorted(&config));
        let find = |list: &[(PathElement, &Value)], order: &[usize], element: &PathElement| {
            let from = order.partition_point(|i| list[*i].0 < *element);
            let until = order.partition_point(|i| list[*i].0 <= *element);
            (until > from).then(|| (order[from], until - from))
        };
        // What an item of the configuration merges with; items that are there twice merge with nothing.
        let merged = |(element, item): &(PathElement, &Value)| {
            let partner = match find(&live, &live_order, element) {
                Some((at, 1)) => Some(live[at].1),
                _ => None,
            };
            self.values(shape, partner, Some(item))
        };
        let mut out = Vec::with_capacity(live.len().max(config.len()));
        // The items that both have come in the order of the configuration, at the places where the live list
        // has them; what only the configuration has comes right before what follows it there.
        let shared = (0..config.len()).filter(|i| find(&live, &live_order, &config[*i].0).is_some());
        let (mut shared, mut next) = (shared.peekable(), 0);
        for (element, item) in &live {
            if find(&config, &config_order, element).is_none() {
                out.push((*item).clone());
            } else if let Some(wanted) = shared.next_if(|i| config[*i].0 == *element) {
                out.extend(config[next..=wanted].iter().filter_map(merged));
                next = wanted + 1;
            }
        }
        out.extend(config[next..].iter().filter_map(merged));
        out
    }
}

struct Pick<'s> {
    schema: &'s Schema,
    extract: bool,
}

impl<'s> Pick<'s> {
    fn value(&self, shape: Shape<'s>, value: &Value, fields: &Set) -> Value {
        let whole = || if self.extract { value.clone() } else { Value::Null };
        match shape {
            Shape::Scalar(_) => value.clone(),
            Shape::List { items: Items::Atomic, .. } => whole(),
            Shape::Struct { atomic: true, .. } | Shape::Map { atomic: true, .. } => whole(),
            Shape::List { of, items } => match value {
                Value::Array(list) if !list.is_empty() => self.list(of, items, list, fields),
                _ => whole(),
            },
            Shape::Untyped if !matches!(value, Value::Object(_) | Value::Raw(_)) => match value {
                Value::Array(_) | Value::Null => whole(),
                scalar => scalar.clone(),
            },
            Shape::Untyped | Shape::Struct { .. } | Shape::Map { .. } => match value {
                Value::Raw(raw) => self.value(shape, &open_raw(raw), fields),
                Value::Object(members) if !members.is_empty() => self.map(shape, members, fields),
                _ => whole(),
            },
        }
    }

    fn map(&self, shape: Shape<'s>, members: &Map, fields: &Set) -> Value {
        let mut out = Vec::with_capacity(members.len());
        for (key, value) in members.iter() {
            let element = PathElement::field(key);
            let below = fields.child(&element);
            let Some(member) = shape.member(self.schema, key) else { continue };
            let kept = match (fields.has_member(&element), below) {
                (true, _) if !self.extract => continue,
                // A field that is in the set with nothing below it is taken with nothing of its own.
                (true, None) => self.value(member.shape, value, &Set::new()),
                (_, Some(below)) => self.value(member.shape, value, below),
                (false, None) if self.extract => continue,
                (false, None) => value.clone(),
            };
            out.push((key.into(), kept));
        }
        if out.is_empty() { Value::Null } else { Value::Object(out.into_iter().collect()) }
    }

    fn list(&self, of: &'s Kind, items: Items<'s>, list: &[Value], fields: &Set) -> Value {
        let shape = Shape::of_kind(self.schema, of);
        let mut out = Vec::with_capacity(list.len());
        for item in list {
            let element = item_element(self.schema, items, of, item).ok();
            let exact = element.as_ref().is_some_and(|e| fields.has_member(e));
            let below = element.as_ref().and_then(|e| fields.child(e));
            match (exact, below) {
                (true, _) if !self.extract => {}
                (_, Some(below)) => out.push(self.value(shape, item, below)),
                (false, None) if self.extract => {}
                _ => out.push(item.clone()),
            }
        }
        if out.is_empty() { Value::Null } else { Value::Array(out) }
    }
}
