//! How rules look at and set members.

use keelson_apimachinery::{Map, Text, Value};

/// The string `key`; `""` where there is none.
pub(super) fn text<'a>(map: &'a Map, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or("")
}

/// Whether `key` is there and not `null`.
pub(super) fn is_set(map: &Map, key: &str) -> bool {
    map.get(key).is_some_and(|value| !value.is_null())
}

/// Sets `key` where it is absent or `null`.
pub(super) fn set_absent(map: &mut Map, key: &'static str, default: impl Into<Value>) {
    if !is_set(map, key) {
        map.insert(Text::const_new(key), default);
    }
}

/// Sets `key` where it is absent, `null` or `""`.
pub(super) fn set_empty(map: &mut Map, key: &'static str, default: &'static str) {
    if !is_set(map, key) || map.get(key).and_then(Value::as_str) == Some("") {
        map.insert(Text::const_new(key), default);
    }
}

/// The object `key`, made where it is absent or `null`; `None` where something else is there.
pub(super) fn made<'a>(map: &'a mut Map, key: &'static str) -> Option<&'a mut Map> {
    let value = map.entry(Text::const_new(key), || Value::Object(Map::new()));
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// The object `key`, where it is one.
pub(super) fn object<'a>(map: &'a Map, key: &str) -> Option<&'a Map> {
    map.get(key)?.as_object()
}

/// The object `key`, where it is one.
pub(super) fn object_mut<'a>(map: &'a mut Map, key: &str) -> Option<&'a mut Map> {
    map.get_mut(key)?.as_object_mut()
}

/// The objects in the list `key`.
pub(super) fn items<'a>(map: &'a Map, key: &str) -> impl Iterator<Item = &'a Map> {
    map.get(key).and_then(Value::as_array).unwrap_or_default().iter().filter_map(Value::as_object)
}

/// The objects in the list `key`.
pub(super) fn items_mut<'a>(map: &'a mut Map, key: &str) -> impl Iterator<Item = &'a mut Map> {
    let list = match map.get_mut(key) {
        Some(Value::Array(list)) => list.as_mut_slice(),
        _ => &mut [],
    };
    list.iter_mut().filter_map(Value::as_object_mut)
}

/// Whether `key` is a list or map with something in it.
pub(super) fn has_items(map: &Map, key: &str) -> bool {
    match map.get(key) {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
        _ => false,
    }
}

/// Gives the map `to` the entries of the map `from` that it lacks.
pub(super) fn fill(map: &mut Map, to: &'static str, from: &str) {
    let Some(from) = object(map, from) else { return };
    let has = object(map, to);
    let lacks = |key: &str| has.is_none_or(|to| !to.contains_key(key));
    let missing: Vec<(Text, Value)> =
        from.iter().filter(|(key, _)| lacks(key)).map(|(key, value)| (key.into(), value.clone())).collect();
    if missing.is_empty() {
        return;
    }
    let Some(to) = made(map, to) else { return };
    for (key, value) in missing {
        to.insert(key, value);
    }
}
