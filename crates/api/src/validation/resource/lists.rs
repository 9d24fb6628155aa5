//! Lists and maps with a greatest size.

use super::super::{Errors, Node};

/// Checks the items of a list; one that is too long is only told that.
pub(super) fn bounded(
    list: &Node<'_>,
    max: usize,
    errors: &mut Errors,
    item: impl Fn(&Node<'_>, &mut Errors),
) {
    if list.len() > max {
        errors.push(list.too_many(list.len(), max));
        return;
    }
    list.items().for_each(|node| item(&node, errors));
}

/// As [`bounded`]; no two items may have the same member `key` (or be the same, where it is `""`).
pub(super) fn set(
    list: &Node<'_>,
    max: usize,
    key: &str,
    errors: &mut Errors,
    item: impl Fn(&Node<'_>, &mut Errors),
) {
    bounded(list, max, errors, item);
    if list.len() > max {
        return;
    }
    let text = |node: &Node<'_>| -> String {
        if key.is_empty() { node.text().to_owned() } else { node.child(key).text().to_owned() }
    };
    let mut seen = std::collections::BTreeSet::new();
    for node in list.items() {
        let key = text(&node);
        if seen.contains(&key) {
            errors.push(node.duplicate_text(&key));
        }
        seen.insert(key);
    }
}

/// Checks the entries of a map; one that is too large is only told that.
pub(super) fn map(
    map: &Node<'_>,
    max: usize,
    errors: &mut Errors,
    key: impl Fn(&str, &Node<'_>, &mut Errors),
    value: impl Fn(&Node<'_>, &mut Errors),
) {
    if map.len() > max {
        errors.push(map.too_many(map.len(), max));
        return;
    }
    for (name, node) in map.entries() {
        key(name, map, errors);
        value(&node, errors);
    }
}
