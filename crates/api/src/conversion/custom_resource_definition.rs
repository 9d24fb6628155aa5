//! CustomResourceDefinitions: `v1` says what concerns a version in that version, `v1beta1` says it once where it
//! is the same for all. Stored ones are `v1beta1`; the two say the same, so that nothing is lost either way.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

/// What `v1beta1` says once: its name there, and its name in a version.
const HOISTED: [(&str, &str); 4] = [
    ("subresources", "subresources"),
    ("validation", "schema"),
    (COLUMNS, COLUMNS),
    ("selectableFields", "selectableFields"),
];
const COLUMNS: &str = "additionalPrinterColumns";
/// A column's path in `v1`, and in `v1beta1`.
const PATH: &str = "jsonPath";
const PATH_BETA: &str = "JSONPath";
/// The port of a webhook's service that names none.
const HTTPS: i64 = 443;

/// From `v1` to `v1beta1`.
pub(crate) fn to_v1beta1(object: &mut Object) {
    let Some(spec) = member(object.members_mut(), "spec") else { return };
    if let Some(versions) = list(spec, "versions") {
        versions.iter_mut().for_each(|version| rename_paths(version, PATH, PATH_BETA));
        let first = versions.first().map(|version| version.str_at(&["name"]).to_owned());
        let alike: Vec<_> = HOISTED.iter().filter(|(_, inner)| is_alike(versions, inner)).collect();
        let mut hoisted = Vec::new();
        for (top, inner) in alike {
            let values = versions.iter_mut().filter_map(|v| v.as_object_mut()?.remove(inner));
            hoisted.extend(
                values.reduce(|first, _| first).filter(|v| !is_nothing(v)).map(|value| (*top, value)),
            );
        }
        hoisted.into_iter().for_each(|(top, value)| drop(spec.insert(top, value)));
        if let Some(name) = first {
            spec.insert("version", name);
        }
    }
    if let Some(conversion) = member(spec, "conversion")
        && let Some(Value::Object(mut webhook)) = conversion.remove("webhook")
    {
        let moves = [("clientConfig", "webhookClientConfig"), (REVIEW_VERSIONS, REVIEW_VERSIONS)];
        for (from, to) in moves {
            if let Some(value) = webhook.remove(from).filter(|v| !is_nothing(v)) {
                conversion.insert(to, value);
            }
        }
    }
    // A boolean that `v1` leaves out where it is false is a pointer in `v1beta1`, which means true where it is
    // absent.
    spec.entry("preserveUnknownFields", || Value::Bool(false));
}

const REVIEW_VERSIONS: &str = "conversionReviewVersions";

/// From `v1beta1`, with its defaults, to `v1`.
pub(super) fn to_v1(object: &mut Object) {
    let Some(spec) = member(object.members_mut(), "spec") else { return };
    set_defaults(spec);
    let hoisted = HOISTED.map(|(top, inner)| (inner, spec.remove(top).filter(|v| !v.is_null())));
    let version = spec.remove("version");
    if list(spec, "versions").is_none_or(|versions| versions.is_empty()) {
        let named = version.filter(|name| name.as_str().is_some_and(|name| !name.is_empty()));
        let versions = named.map(|name| vec![only_version(name)]);
        spec.insert("versions", versions.map_or(Value::Null, Value::Array));
    }
    for version in list(spec, "versions").into_iter().flatten() {
        if let Some(version) = version.as_object_mut() {
            for (inner, value) in &hoisted {
                value.iter().for_each(|value| drop(version.insert(*inner, value.clone())));
            }
        }
        rename_paths(version, PATH_BETA, PATH);
    }
    if spec.get("preserveUnknownFields").and_then(Value::as_bool) == Some(false) {
        spec.remove("preserveUnknownFields");
    }
    if let Some(conversion) = member(spec, "conversion") {
        let config = conversion.remove("webhookClientConfig").filter(|v| !v.is_null());
        let review_versions = conversion.remove(REVIEW_VERSIONS).filter(|v| !is_nothing(v));
        if config.is_some() || review_versions.is_some() {
            let mut webhook = Map::new();
            config.into_iter().for_each(|config| drop(webhook.insert("clientConfig", config)));
            webhook.insert(REVIEW_VERSIONS, review_versions.unwrap_or(Value::Null));
            conversion.insert("webhook", webhook);
        }
    }
    remember_stored_version(object);
}

/// What a `v1beta1` object means that leaves things out.
fn set_defaults(spec: &mut Map) {
    let is_unset = |map: &Map, key: &str| map.get(key).and_then(Value::as_str).is_none_or(str::is_empty);
    if is_unset(spec, "scope") {
        spec.insert("scope", "Namespaced");
    }
    if let Some(names) = member(spec, "names") {
        let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        if is_unset(names, "singular") && !kind.is_empty() {
            names.insert("singular", kind.to_lowercase());
        }
        if is_unset(names, "listKind") && !kind.is_empty() {
            names.insert("listKind", format!("{kind}List"));
        }
    }
    spec.entry("preserveUnknownFields", || Value::Bool(true));
    if member(spec, "conversion").is_none() {
        spec.insert("conversion", Map::from_iter([("strategy".into(), "None".into())]));
    }
    let Some(conversion) = member(spec, "conversion") else { return };
    let by_webhook = conversion.get("strategy").and_then(Value::as_str) == Some("Webhook");
    if by_webhook && conversion.get(REVIEW_VERSIONS).is_none_or(is_nothing) {
        conversion.insert(REVIEW_VERSIONS, vec![Value::from("v1beta1")]);
    }
    let config = member(conversion, "webhookClientConfig");
    if let Some(service) = config.and_then(|config| member(config, "service"))
        && service.get("port").is_none_or(Value::is_null)
    {
        service.insert("port", HTTPS);
    }
}

fn remember_stored_version(object: &mut Object) {
    let versions = object.at(&["spec", "versions"]).and_then(Value::as_array).unwrap_or_default();
    let stored = versions.iter().find(|v| v.get("storage").and_then(Value::as_bool) == Some(true));
    let Some(name) = stored.map(|version| Value::from(version.str_at(&["name"]))) else { return };
    let Some(status) = member(object.members_mut(), "status") else { return };
    if status.get("storedVersions").is_none_or(is_nothing) {
        status.insert("storedVersions", vec![name]);
    }
}

fn only_version(name: Value) -> Value {
    let flag = |key: &'static str| (key.into(), Value::Bool(true));
    Value::Object([("name".into(), name), flag("served"), flag("storage")].into_iter().collect())
}

/// Whether all versions say the same under `key`: nothing, or equal values.
fn is_alike(versions: &[Value], key: &str) -> bool {
    let value = |version: &'_ Value| version.get(key).filter(|v| !is_nothing(v)).cloned();
    let Some((first, others)) = versions.split_first() else { return false };
    let first = value(first);
    others.iter().all(|version| value(version) == first)
}

/// Whether the value is `null` or an empty list. (An empty object is something: a pointer to a struct.)
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(<[Value]>::is_empty)
}

fn rename_paths(version: &mut Value, from: &str, to: &'static str) {
    let Some(columns) = version.as_object_mut().and_then(|version| list(version, COLUMNS)) else { return };
    for column in columns.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(path) = column.remove(from) {
            column.insert(to, path);
        }
    }
}

fn member<'a>(map: &'a mut Map, key: &str) -> Option<&'a mut Map> {
    map.get_mut(key)?.as_object_mut()
}

fn list<'a>(map: &'a mut Map, key: &str) -> Option<&'a mut Vec<Value>> {
    match map.get_mut(key)? {
        Value::Array(list) => Some(list),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
