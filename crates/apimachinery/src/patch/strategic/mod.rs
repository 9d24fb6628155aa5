//! Strategic merge patch: a merge patch whose lists of objects merge by key, as the type's schema says.
//!
//! Directives, members of the patch that say how to merge:
//! - `$patch: delete | replace` in an object: empty it, or take the patch's instead. In an element of a
//!   keyed list: remove the element with this key, or take the whole list from the patch.
//! - `$retainKeys: [names]`: drop the object's members that are not listed.
//! - `$deleteFromPrimitiveList/x: [values]`: remove these values from the list `x`.
//! - `$setElementOrder/x: […]`: put the list `x` in this order; elements that it doesn't name keep their
//!   order among themselves and fall between.
//!
//! An object that is added whole keeps no null members, and none that hold a `$patch` directive.

mod lists;
mod order;
mod place;
#[cfg(test)]
mod tests;

use place::{Place, Strategy};

use super::{PatchError, go_json_type, raw};
use crate::{Map, Schema, TypeId, Value};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

/// The object of type `ty` as the patch changes it. The patch is decoded JSON.
///
/// # Errors
/// [`PatchError::Malformed`] for malformed directives, [`PatchError::Inapplicable`] for lists of lists, and
/// [`PatchError::Opaque`] for the rest, such as elements without their merge key and unknown directives.
pub fn strategic(schema: &Schema, ty: TypeId, original: Value, patch: Value) -> Result<Value, PatchError> {
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => Map::new(),
        other => {
            let found = go_json_type(&other);
            let text =
                format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
            return Err(PatchError::Malformed(text));
        }
    };
    let original = match original {
        Value::Object(original) => original,
        _ => Map::new(),
    };
    merge_objects(original, patch, &Place::object(schema, ty)).map(Value::Object)
}

fn opaque(text: impl Into<String>) -> PatchError {
    PatchError::Opaque(text.into())
}

fn bad_order() -> PatchError {
    PatchError::Malformed("invalid patch format of setElementOrder list".to_owned())
}

fn no_merge_key(item: &Map, key: &str) -> PatchError {
    let item = super::printed(&Value::Object(item.clone()));
    opaque(format!("map: {item} does not contain declared merge key: {key}"))
}

fn unknown_directive(directive: &Value, within: &Map) -> PatchError {
    let shown = match directive {
        Value::String(text) => text.to_string(),
        Value::Null => "%!s(<nil>)".to_owned(),
        other => format!("%!s({}={})", go_type(other), super::printed(other)),
    };
    let within = super::printed(&Value::Object(within.clone()));
    opaque(format!("unknown patch type: {shown} in map: {within}"))
}

/// The Go type of a decoded JSON value, as error texts name it.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Raw(_) | Value::Object(_) => "map[string]interface {}",
    }
}

fn wrong_type(expected: &str, found: &Value) -> PatchError {
    opaque(format!("expected a {expected}, but received a {}", go_type(found)))
}

fn merge_objects(mut original: Map, mut patch: Map, place: &Place<'_>) -> Result<Map, PatchError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(unknown_directive(directive, &patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    lists::merge_ordered(&mut original, &mut patch, place)?;
    for (key, change) in patch {
        let deletes = key.starts_with(DELETE_FROM_LIST);
        let key = if deletes { listed(&key, DELETE_FROM_LIST)? } else { key.as_str() };
        merge_member(&mut original, key, change, deletes, place)?;
    }
    Ok(original)
}

/// The list's name behind a directive's prefix.
fn listed<'a>(key: &'a str, prefix: &str) -> Result<&'a str, PatchError> {
    match key.split_once('/') {
        Some((directive, name)) if directive == prefix => Ok(name),
        _ if prefix == SET_ORDER => Err(bad_order()),
        _ => Err(PatchError::Malformed("invalid patch format of primitive list".to_owned())),
    }
}

fn merge_member(
    original: &mut Map,
    key: &str,
    change: Value,
    deletes: bool,
    place: &Place<'_>,
) -> Result<(), PatchError> {
    if change.is_null() {
        original.remove(key);
        return Ok(());
    }
    let Some(current) = original.get_mut(key) else {
        if !deletes {
            add(original, key, change);
        }
        return Ok(());
    };
    raw::open(current);
    let merged = match (std::mem::take(current), change) {
        (Value::Object(from), Value::Object(change)) => {
            let (inner, strategy) = place.member(key)?;
            match strategy {
                Strategy { replace: true, .. } => Value::Object(change),
                _ => Value::Object(merge_objects(from, change, &inner)?),
            }
        }
        (Value::Array(from), Value::Array(change)) => {
            let (inner, strategy) = place.list(key)?;
            Value::Array(lists::merge_as(from, change, &inner, &strategy, deletes)?)
        }
        (kept, _) if deletes => kept,
        (_, change) => {
            original.remove(key);
            add(original, key, change);
            return Ok(());
        }
    };
    // The key was found above; only its value was taken.
    if let Some(current) = original.get_mut(key) {
        *current = merged;
    }
    Ok(())
}

/// Adds a member that merges with nothing.
fn add(original: &mut Map, key: &str, mut value: Value) {
    discard_nulls(&mut value);
    if discard_directives(&mut value) {
        original.insert(key, value);
    }
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.iter_mut().for_each(|(_, v)| discard_nulls(v));
        }
        Value::Array(list) => list.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// Removes the objects that hold a `$patch` directive from within a value; false where the value is one.
fn discard_directives(value: &mut Value) -> bool {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => return false,
        Value::Object(map) => map.retain(|_, v| discard_directives(v)),
        Value::Array(list) => list.retain_mut(discard_directives),
        _ => {}
    }
    true
}

/// Obeys `$retainKeys`, and takes it out of the patch.
fn retain_keys(original: &mut Map, patch: &mut Map) -> Result<(), PatchError> {
    let Some(retained) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let malformed = || PatchError::Malformed("invalid patch format of retainKeys".to_owned());
    let Value::Array(retained) = retained else {
        return Err(malformed());
    };
    let retained: std::collections::HashSet<&str> = retained.iter().filter_map(Value::as_str).collect();
    for (key, value) in patch.iter() {
        let exempt = value.is_null() || key.starts_with(DELETE_FROM_LIST) || key.starts_with(SET_ORDER);
        if !exempt && !retained.contains(key) {
            return Err(malformed());
        }
    }
    original.retain(|key, _| retained.contains(key));
    Ok(())
}
