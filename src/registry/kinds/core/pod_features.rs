//! Fields of pods and their templates that belong to features which are off by default in 1.36: writes lose
//! them, unless the old object uses the feature already.
//!
//! Source: upstream's `api/pod` (`DropDisabledTemplateFields`, `DropDisabledPodFields`).

use keelson_apimachinery::{Map, Value};

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
const STATUSES: [&str; 3] = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];

/// Drops such fields from the spec of a pod; `old` is the spec that it replaces.
pub(in crate::registry) fn drop_disabled_fields(spec: &mut Map, old: Option<&Value>) {
    for kind in ["clusterTrustBundle", "podCertificate"] {
        if !old.is_some_and(|old| sources(old).any(|source| is_set(source.get(kind)))) {
            drop_projection(spec, kind);
        }
    }
    if spec.contains_key("schedulingGroup") && !old.is_some_and(|old| is_set(old.get("schedulingGroup"))) {
        spec.remove("schedulingGroup");
    }
    if !old.is_some_and(|old| containers(old).any(|c| is_set(c.at(&["lifecycle", "stopSignal"])))) {
        drop_stop_signals(spec);
    }
}

/// Drops such fields from a template at a path of members of an object; `old` is the object that it replaces.
pub(in crate::registry) fn drop_disabled_template_fields(
    object: &mut Map,
    old: Option<&Value>,
    path: &[&str],
) {
    let old = old.and_then(|old| old.at(path)).and_then(|template| template.get("spec"));
    let mut at = Some(object);
    for name in path.iter().chain(&["spec"]) {
        at = at.and_then(|map| map.get_mut(name)).and_then(Value::as_object_mut);
    }
    if let Some(spec) = at {
        drop_disabled_fields(spec, old);
    }
}

/// Drops such fields from the status of a pod; `old` is the status that it replaces.
pub(in crate::registry) fn drop_disabled_status_fields(status: &mut Map, old: Option<&Value>) {
    const ALLOCATABLE: &str = "nodeAllocatableResourceClaimStatuses";
    let used = |list: Option<&Value>| list.and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if status.contains_key(ALLOCATABLE) && !used(old.and_then(|old| old.get(ALLOCATABLE))) {
        status.remove(ALLOCATABLE);
    }
    let images = |old: &Value| {
        STATUSES.iter().any(|list| {
            elements(old.get(list)).any(|container| {
                elements(container.get("volumeMounts")).any(|mount| is_set(mount.get("volumeStatus")))
            })
        })
    };
    if old.is_some_and(images) {
        return;
    }
    for list in STATUSES {
        for container in elements_mut(status.get_mut(list)) {
            for mount in elements_mut(container.get_mut("volumeMounts")) {
                mount.remove("volumeStatus");
            }
        }
    }
}

fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null())
}

fn elements(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).unwrap_or_default().iter()
}

fn elements_mut(list: Option<&mut Value>) -> impl Iterator<Item = &mut Map> {
    let list = match list {
        Some(Value::Array(list)) => list.as_mut_slice(),
        _ => &mut [],
    };
    list.iter_mut().filter_map(Value::as_object_mut)
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    CONTAINERS.iter().flat_map(|list| elements(spec.get(list)))
}

fn sources(spec: &Value) -> impl Iterator<Item = &Value> {
    elements(spec.get("volumes")).flat_map(|volume| elements(volume.at(&["projected", "sources"])))
}

fn drop_projection(spec: &mut Map, kind: &str) {
    for volume in elements_mut(spec.get_mut("volumes")) {
        let projected = volume.get_mut("projected").and_then(Value::as_object_mut);
        for source in elements_mut(projected.and_then(|projected| projected.get_mut("sources"))) {
            source.remove(kind);
        }
    }
}

fn drop_stop_signals(spec: &mut Map) {
    for list in CONTAINERS {
        for container in elements_mut(spec.get_mut(list)) {
            let Some(lifecycle) = container.get_mut("lifecycle").and_then(Value::as_object_mut) else {
                continue;
            };
            if lifecycle.remove("stopSignal").is_some() && lifecycle.is_empty() {
                container.remove("lifecycle");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apimachinery::codec::json;

    #[test]
    fn fields_of_disabled_features_go_unless_they_were_there() {
        let value = |text: &str| json::decode_untyped(text.as_bytes()).expect("the test's JSON").value;
        let check = |spec: &str, old: Option<&str>, expected: &str| {
            let mut spec_value = value(spec);
            let old = old.map(value);
            let map = spec_value.as_object_mut().expect("an object");
            drop_disabled_fields(map, old.as_ref());
            assert_eq!(spec_value, value(expected), "{spec}");
        };
        let group = r#"{"schedulingGroup":{"podGroupName":"g"}}"#;
        check(group, None, "{}");
        check(group, Some(group), group);
        let signal = r#"{"containers":[{"lifecycle":{"stopSignal":"SIGTERM"}}]}"#;
        check(signal, None, r#"{"containers":[{}]}"#);
        check(signal, Some(signal), signal);
        let bundle = r#"{"volumes":[{"projected":{"sources":[{"clusterTrustBundle":{"path":"p"}}]}}]}"#;
        check(bundle, Some("{}"), r#"{"volumes":[{"projected":{"sources":[{}]}}]}"#);
        check(bundle, Some(bundle), bundle);
    }

    #[test]
    fn templates_are_found_by_their_path() {
        let mut object = json::decode_untyped(br#"{"template":{"spec":{"schedulingGroup":{}}}}"#)
            .expect("the test's JSON")
            .value;
        let map = object.as_object_mut().expect("an object");
        drop_disabled_template_fields(map, None, &["template"]);
        assert!(object.at(&["template", "spec", "schedulingGroup"]).is_none());
    }
}
