//! Resizing: CPU and memory of a pod that runs.
//!
//! Source: KEP-1287 (in-place update of pod resources), KEP-5419 (the same at pod level).

use keelson_apimachinery::content::names::NameRule;
use keelson_apimachinery::{Map, Value};

use super::containers::is_sidecar;
use super::qos::qos_class;
use super::update::{is_mirror, refuse_whole, take};
use super::{PodOptions, whole};
use crate::validation::metadata::validate_again;
use crate::validation::{Errors, Node, same};

const ONLY_COMPUTE: &str = "only cpu and memory resources are mutable";

pub(super) fn resize(pod: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let start = errors.len();
    validate_again(pod, true, NameRule::Subdomain, errors);
    whole(pod, &PodOptions::pod(Some(old)), errors);
    let never = if is_mirror(old) {
        Some("static pods cannot be resized")
    } else {
        (old.text_at(&["spec", "os", "name"]) == "windows").then_some("windows pods cannot be resized")
    };
    if let Some(why) = never {
        errors.truncate(start);
        refuse_whole(why, errors);
        return;
    }
    let (spec, old_spec) = (pod.child("spec"), old.child("spec"));
    let before = match old.text_at(&["status", "qosClass"]) {
        "" => old.value().map_or("", qos_class),
        class => class,
    };
    if pod.value().map_or("", qos_class) != before {
        let why = "Pod QOS Class may not change as a result of resizing";
        errors.push(spec.invalid_text(pod.text_at(&["status", "qosClass"]), why));
    }
    let running = old
        .array_at(&["status", "containerStatuses"])
        .iter()
        .find(|status| status.at(&["state", "running"]).is_some_and(|running| !running.is_null()));
    if running.is_some_and(|status| status.get("resources").is_none_or(Value::is_null)) {
        errors.push(spec.forbidden("Pod running on node without support for resize"));
    }
    let mut munged = spec.object().cloned().unwrap_or_default();
    if asks_as_whole(&spec) || asks_as_whole(&old_spec) {
        of_pod(&spec, &old_spec, &mut munged, errors);
    }
    if !old.array_at(&["status", "nodeAllocatableResourceClaimStatuses"]).is_empty() {
        errors.push(spec.forbidden("pods with node allocatable resource claims cannot be resized"));
    }
    if !same_containers(&spec, &old_spec, errors) {
        return;
    }
    for list in ["initContainers", "containers"] {
        let (now, before) = (spec.child(list), old_spec.child(list));
        for (container, old_container) in now.items().zip(before.items()) {
            none_removed(
                &container.child("resources"),
                &old_container.child("resources"),
                ["resource requests cannot be removed", "resource limits cannot be removed"],
                errors,
            );
        }
    }
    only_compute(&spec, &old_spec, &mut munged, errors);
    if errors.len() == start && !same(Some(&Value::Object(munged)), old_spec.value()) {
        errors.push(spec.forbidden(ONLY_COMPUTE));
    }
}

/// Whether a pod asks for resources as a whole.
fn asks_as_whole(spec: &Node<'_>) -> bool {
    let resources = spec.child("resources");
    resources.child("requests").len() + resources.child("limits").len() > 0
}

fn of_pod(spec: &Node<'_>, old: &Node<'_>, munged: &mut Map, errors: &mut Errors) {
    let (now, before) = (spec.child("resources"), old.child("resources"));
    if before.is_set() {
        if !now.is_set() {
            errors.push(now.forbidden("pod-level resources cannot be removed"));
            return;
        }
        none_removed(
            &now,
            &before,
            ["pod-level resource requests cannot be removed", "pod-level resource limits cannot be removed"],
            errors,
        );
    }
    if !now.is_set() {
        return;
    }
    let mut resources = now.object().cloned().unwrap_or_default();
    old_compute(&mut resources, before.value());
    let nothing = |key| resources.get(key).is_none_or(|list| same(Some(list), None));
    if !before.is_set() && ["requests", "limits", "claims"].into_iter().all(nothing) {
        munged.remove("resources");
    } else {
        munged.insert("resources", resources);
    }
    if !same(munged.get("resources"), before.value()) {
        errors.push(spec.forbidden("only cpu and memory resources are mutable at pod-level"));
    }
}

/// No container may come, go, or change its place.
fn same_containers(spec: &Node<'_>, old: &Node<'_>, errors: &mut Errors) -> bool {
    let start = errors.len();
    for list in ["containers", "initContainers"] {
        let (now, before) = (spec.child(list), old.array_at(&[list]));
        if now.array().len() != before.len() {
            errors.push(now.forbidden(format!("{list} may not be added or removed on resize")));
            continue;
        }
        for (container, before) in now.items().zip(before) {
            let name = container.child("name");
            if name.text() != before.str_at(&["name"]) {
                errors.push(name.forbidden(format!("{list} may not be renamed or reordered on resize")));
            }
        }
    }
    errors.len() == start
}

/// What was asked for may change, but not go.
fn none_removed(now: &Node<'_>, before: &Node<'_>, why: [&str; 2], errors: &mut Errors) {
    for (kind, why) in ["requests", "limits"].into_iter().zip(why) {
        let (now, before) = (now.child(kind), before.child(kind));
        if !before.entries().all(|(name, _)| now.key(name).is_set()) {
            errors.push(now.forbidden(why));
        }
    }
}

/// Sets CPU and memory back to what they were, so that all else can be compared.
fn old_compute(resources: &mut Map, before: Option<&Value>) {
    for kind in ["requests", "limits"] {
        let old = before.and_then(|before| before.get(kind));
        let mut list = resources.get(kind).and_then(Value::as_object).cloned().unwrap_or_default();
        for name in ["cpu", "memory"] {
            take(&mut list, name, old.and_then(|old| old.get(name)));
        }
        if list.is_empty() {
            resources.remove(kind);
        } else {
            resources.insert(kind, list);
        }
    }
}

fn only_compute(spec: &Node<'_>, old: &Node<'_>, munged: &mut Map, errors: &mut Errors) {
    for list in ["containers", "initContainers"] {
        let at = spec.child(list);
        let Some(Value::Array(containers)) = munged.get_mut(list) else { continue };
        for ((place, container), before) in at.items().zip(containers).zip(old.array_at(&[list])) {
            let modified = !same(place.value(), Some(before));
            let Value::Object(members) = &mut *container else { continue };
            let mut resources =
                members.get("resources").and_then(Value::as_object).cloned().unwrap_or_default();
            // Claims belong to what is not compared.
            resources.remove("claims");
            old_compute(&mut resources, before.get("resources"));
            members.insert("resources", resources);
            let equal = same(Some(&*container), Some(before));
            if list == "containers" {
                if !equal {
                    errors.push(spec.forbidden(ONLY_COMPUTE));
                }
                continue;
            }
            if !equal {
                let why = "only cpu and memory resources for init or sidecar containers are mutable";
                errors.push(place.forbidden(why));
            }
            let restarts = place.array_at(&["resizePolicy"]).iter();
            let restarts = restarts.filter(|policy| policy.str_at(&["restartPolicy"]) == "RestartContainer");
            if modified && !is_sidecar(&place) {
                let why =
                    "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
                errors.extend(restarts.map(|_| place.forbidden(why)));
            }
        }
    }
}
