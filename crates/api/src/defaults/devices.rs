//! Devices that pods claim.

use keelson_apimachinery::{Map, Value};

use super::members::{is_set, object_mut, set_absent, text};

/// A request for an exact count wants one.
pub(super) fn count(request: &mut Map) {
    let none = !is_set(request, "count") || request.get("count").and_then(Value::as_i64) == Some(0);
    if none && text(request, "allocationMode") == "ExactCount" {
        request.insert("count", 1);
    }
}

/// What a node must have for a device counts once.
pub(super) fn device(device: &mut Map) {
    let Some(mappings) = object_mut(device, "nodeAllocatableResourceMappings") else { return };
    for (_, mapping) in mappings.iter_mut() {
        if let Value::Object(mapping) = mapping {
            set_absent(mapping, "allocationMultiplier", "1");
        }
    }
}
