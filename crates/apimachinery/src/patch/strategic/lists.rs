//! Merging lists: of scalars as sets, of objects by their merge key.

use std::collections::{HashMap, HashSet};

use super::super::printed::printed_list;
use super::order::{By, Identity, Places, arrange, key_of, object};
use super::place::{Place, Strategy};
use super::{
    DIRECTIVE, PatchError, SET_ORDER, discard_directives, listed, merge_objects, no_merge_key, opaque,
    unknown_directive, wrong_type,
};
use crate::{Map, Value};

/// Merges the lists that the patch orders with `$setElementOrder`, and takes them out of the patch.
pub(super) fn merge_ordered(
    original: &mut Map,
    patch: &mut Map,
    place: &Place<'_>,
) -> Result<(), PatchError> {
    let directives: Vec<crate::Text> =
        patch.keys().filter(|k| k.starts_with(SET_ORDER)).map(crate::Text::from).collect();
    for directive in directives {
        let wanted = match patch.remove(&directive) {
            Some(Value::Array(wanted)) => wanted,
            Some(other) => return Err(wrong_type("[]interface {}", &other)),
            None => continue,
        };
        let key = listed(&directive, SET_ORDER)?;
        let current = take_list(original, key)?;
        let change = take_list(patch, key)?;
        let (inner, strategy) = place.list(key)?;
        let by = strategy.key.as_deref().map_or(By::Value, By::Key);
        check_order(change.as_deref().unwrap_or_default(), &wanted, by)?;
        let places = |list: Option<&Vec<Value>>| Places::of(list.map_or(&[], Vec::as_slice), by);
        let before = places(current.as_ref());
        let merged = match (current, change) {
            (None, None) => continue,
            (Some(current), None) => {
                element_type(&current, &[])?;
                current
            }
            (None, Some(mut change)) => {
                element_type(&[], &change)?;
                change.retain_mut(discard_directives);
                change
            }
            (Some(current), Some(change)) => {
                element_type(&current, &change)?;
                merge_as(current, change, &inner, &strategy, false)?
            }
        };
        if matches!(by, By::Value) && merged.iter().any(|v| matches!(v, Value::Object(_))) {
            return Err(opaque(format!(
                "cannot order lists of objects without merge key for {}",
                inner.go_kind()
            )));
        }
        let arranged = arrange(merged, &Places::of(&wanted, by)?, &before?, by)?;
        original.insert(key, arranged);
    }
    Ok(())
}

/// Takes a list out of an object.
fn take_list(from: &mut Map, key: &str) -> Result<Option<Vec<Value>>, PatchError> {
    match from.remove(key) {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(other) => Err(wrong_type("[]interface {}", &other)),
    }
}

/// Refuses a patch whose elements are not all in the wanted order, or stand in another one.
fn check_order(change: &[Value], wanted: &[Value], by: By<'_>) -> Result<(), PatchError> {
    if change.is_empty() || wanted.is_empty() {
        return Ok(());
    }
    let mut rest = wanted.iter();
    for item in change {
        if let By::Key(_) = by
            && object(item)?.contains_key(DIRECTIVE)
        {
            continue;
        }
        let identity = by.identity(item)?;
        let found = loop {
            match rest.next() {
                Some(next) if by.identity(next)? == identity => break true,
                Some(_) => {}
                None => break false,
            }
        };
        if !found {
            let (change, wanted) = (printed_list(change), printed_list(wanted));
            let text =
                format!("The order in patch list:\n{change}\n doesn't match {SET_ORDER} list:\n{wanted}\n");
            return Err(opaque(text));
        }
    }
    Ok(())
}

/// Merges two lists as their field says.
pub(super) fn merge_as(
    original: Vec<Value>,
    patch: Vec<Value>,
    inner: &Place<'_>,
    strategy: &Strategy,
    deletes: bool,
) -> Result<Vec<Value>, PatchError> {
    if !strategy.merge && !deletes {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    match (element_type(&original, &patch)?, strategy.key.as_deref()) {
        (Elements::Scalars, _) if deletes => {
            let unwanted: HashSet<Identity> = patch.iter().map(Identity::of).collect();
            Ok(original.into_iter().filter(|v| !unwanted.contains(&Identity::of(v))).collect())
        }
        (Elements::Scalars, None) => union(original, patch),
        (Elements::Scalars, Some(_)) => {
            // The key says that elements are objects: name the first that is none.
            let first = original.first().or(patch.first()).unwrap_or(&Value::Null);
            Err(wrong_type("map[string]interface {}", first))
        }
        (Elements::Objects, None) => {
            Err(opaque(format!("cannot merge lists without merge key for {}", inner.go_kind())))
        }
        (Elements::Objects, Some(key)) => merge_by_key(original, patch, key, inner),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Elements {
    Scalars,
    Objects,
}

/// What the lists' elements are, which must all be of one type and no lists.
fn element_type(original: &[Value], patch: &[Value]) -> Result<Elements, PatchError> {
    let mut all = original.iter().chain(patch);
    let first = all.next().ok_or_else(|| opaque("no elements in any of the given slices"))?;
    if matches!(first, Value::Array(_)) {
        return Err(PatchError::Inapplicable("lists of lists are not supported".to_owned()));
    }
    if first.is_null() || all.any(|v| std::mem::discriminant(v) != std::mem::discriminant(first)) {
        let shown = format!("[{} {}]", printed_list(original), printed_list(patch));
        return Err(opaque(format!("list element types are not identical: {shown}")));
    }
    Ok(if matches!(first, Value::Object(_)) { Elements::Objects } else { Elements::Scalars })
}

/// The values of both lists, each once.
fn union(original: Vec<Value>, patch: Vec<Value>) -> Result<Vec<Value>, PatchError> {
    let (wanted, before) = (Places::of(&patch, By::Value)?, Places::of(&original, By::Value)?);
    let mut seen = HashSet::new();
    let both = original.into_iter().chain(patch).filter(|v| seen.insert(Identity::of(v))).collect();
    arrange(both, &wanted, &before, By::Value)
}

fn merge_by_key(
    original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    inner: &Place<'_>,
) -> Result<Vec<Value>, PatchError> {
    let by = By::Key(key);
    let (original, patch) = obey_directives(original, patch, key)?;
    let wanted = Places::of(&patch, by)?;
    let before = Places::of(&original, by)?;
    let mut places = HashMap::with_capacity(original.len() + patch.len());
    for (i, item) in original.iter().enumerate() {
        places.entry(by.identity(item)?).or_insert(i);
    }
    let mut merged = original;
    for item in patch {
        let identity = by.identity(&item)?;
        match (places.get(&identity), item) {
            (Some(at), Value::Object(change)) => {
                let current = match std::mem::take(&mut merged[*at]) {
                    Value::Object(current) => current,
                    _ => Map::new(),
                };
                merged[*at] = Value::Object(merge_objects(current, change, inner)?);
            }
            (_, item) => {
                places.insert(identity, merged.len());
                merged.push(item);
            }
        }
    }
    arrange(merged, &wanted, &before, by)
}

/// Removes elements that the patch deletes, or all of them where it replaces the list. Gives the original
/// and the patch that are left to merge.
fn obey_directives(
    original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut rest = Vec::with_capacity(patch.len());
    let mut deleted = HashSet::new();
    let mut replace = false;
    for item in patch {
        let map = object(&item)?;
        match map.get(DIRECTIVE) {
            None => rest.push(item),
            Some(directive) => match directive.as_str() {
                Some("delete") => {
                    deleted.insert(Identity::of(key_of(map, key)?));
                }
                Some("replace") => replace = true,
                Some("merge") => return Err(opaque("merging lists cannot yet be specified in the patch")),
                _ => return Err(unknown_directive(directive, map)),
            },
        }
    }
    if replace {
        if let Some(without) = rest.iter().filter_map(Value::as_object).find(|m| !m.contains_key(key)) {
            return Err(no_merge_key(without, key));
        }
        return Ok((rest, Vec::new()));
    }
    let mut left = original;
    if !deleted.is_empty() {
        left.retain(|item| item.get(key).is_none_or(|v| !deleted.contains(&Identity::of(v))));
    }
    Ok((left, rest))
}
