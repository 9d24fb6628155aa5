//! Namespaces, nodes, limit ranges, role bindings, and definitions of custom resources.

use keelson_apimachinery::{Map, Text, Value};

use super::members::{fill, has_items, is_set, items, made, object, set_empty, text};

/// A namespace has its name as a label. One that is still to get a name gets the label with it.
pub(super) fn namespace(namespace: &mut Map) {
    const LABEL: &str = "kubernetes.io/metadata.name";
    let Some(metadata) = made(namespace, "metadata") else { return };
    let name = Text::from(text(metadata, "name"));
    if name.is_empty() {
        return;
    }
    if let Some(labels) = made(metadata, "labels") {
        labels.insert(Text::const_new(LABEL), name);
    }
}

/// What nodes may give away is all that they have.
pub(super) fn node_status(status: &mut Map) {
    if !is_set(status, "allocatable") {
        fill(status, "allocatable", "capacity");
    }
}

/// Limits of containers follow from each other: the default from the maximum, the request from the default, or else
/// from the minimum.
pub(super) fn limit_range_item(item: &mut Map) {
    if text(item, "type") != "Container" {
        return;
    }
    fill(item, "default", "max");
    fill(item, "defaultRequest", "default");
    fill(item, "defaultRequest", "min");
}

/// Users and groups are of the RBAC group; service accounts are of none.
pub(super) fn subject(subject: &mut Map) {
    if matches!(text(subject, "kind"), "User" | "Group") {
        set_empty(subject, "apiGroup", "rbac.authorization.k8s.io");
    }
}

/// Names follow from the kind; the stored version is noted where none is yet.
pub(super) fn custom_resource_definition(definition: &mut Map) {
    let Some(spec) = made(definition, "spec") else { return };
    if !is_set(spec, "conversion") {
        let mut conversion = Map::new();
        conversion.insert("strategy", "None");
        spec.insert("conversion", conversion);
    }
    if let Some(names) = made(spec, "names") {
        let kind = text(names, "kind").to_owned();
        if !kind.is_empty() {
            if text(names, "singular").is_empty() {
                names.insert("singular", kind.to_lowercase());
            }
            if text(names, "listKind").is_empty() {
                names.insert("listKind", kind + "List");
            }
        }
    }
    let stored = |version: &&Map| version.get("storage").and_then(Value::as_bool) == Some(true);
    let Some(version) = items(spec, "versions").find(stored) else { return };
    let version = Value::from(text(version, "name"));
    if object(definition, "status").is_some_and(|status| has_items(status, "storedVersions")) {
        return;
    }
    if let Some(status) = made(definition, "status") {
        status.insert("storedVersions", vec![version]);
    }
}
