//! Pod.

use keelson_api::validation::qos_class;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Text, Value};

use super::pod_features::{drop_disabled_fields, drop_disabled_status_fields};
use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::store::now;
use crate::registry::strategy::member;

/// Before the name of a container, in an annotation that confines it.
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// A pod ends gracefully, and has its class of service from the day of its creation.
pub(in crate::registry) struct Pods;

impl Hooks for Pods {
    fn prepare_for_create(&self, context: &WriteContext<'_>, object: &mut Object) {
        let mut status = Map::new();
        status.insert("phase", "Pending");
        status.insert("qosClass", qos_class(object.as_value()));
        let labels = object.labels().cloned().unwrap_or_default();
        let spec = member(object.members_mut(), "spec");
        drop_disabled_fields(spec, None);
        let gated = spec.get("schedulingGates").and_then(Value::as_array).is_some_and(|g| !g.is_empty());
        if gated {
            status.insert("conditions", vec![gated_condition()]);
        }
        merge_label_keys(spec, &labels);
        confine(context, object);
        object.members_mut().insert(Text::const_new("status"), status);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        drop_disabled_fields(member(object.members_mut(), "spec"), old.get("spec"));
    }

    fn prepare_subresource(&self, context: &WriteContext<'_>, object: &mut Object, old: &Object) {
        match context.subresource {
            "status" => {
                object.set_deletion_timestamp(None);
                object.set_owner_references(old.owner_references().to_vec());
                keep_status_facts(object, old);
                drop_disabled_status_fields(member(object.members_mut(), "status"), old.get("status"));
            }
            "ephemeralcontainers" => {
                let sent = object.at(&["spec", "ephemeralContainers"]).cloned();
                take_old(object, old);
                let spec = member(object.members_mut(), "spec");
                match sent {
                    Some(list) => spec.insert("ephemeralContainers", list),
                    None => spec.remove("ephemeralContainers"),
                };
                drop_disabled_fields(spec, old.get("spec"));
                raise_generation(object, old);
            }
            "resize" => {
                resize(object, old);
                drop_disabled_fields(member(object.members_mut(), "spec"), old.get("spec"));
                raise_generation(object, old);
            }
            _ => {}
        }
    }

    fn grace_period(&self, object: &Object, requested: Option<i64>) -> Option<i64> {
        let own = object.at(&["spec", "terminationGracePeriodSeconds"]).and_then(Value::as_i64);
        let ended = matches!(object.str_at(&["status", "phase"]), "Failed" | "Succeeded");
        // Nobody would end a pod that no node runs.
        if ended || object.str_at(&["spec", "nodeName"]).is_empty() {
            return Some(0);
        }
        let period = requested.or(own).unwrap_or(0);
        Some(if period < 0 { 1 } else { period })
    }
}

/// A condition says why nobody schedules the pod.
fn gated_condition() -> Value {
    let fields = [
        ("type", Value::from("PodScheduled")),
        ("status", "False".into()),
        ("lastProbeTime", Value::Null),
        ("lastTransitionTime", now().into()),
        ("reason", "SchedulingGated".into()),
        ("message", "Scheduling is blocked due to non-empty scheduling gates".into()),
    ];
    Value::Object(fields.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// Label keys of affinity terms and spread constraints become part of their selectors, with the values that
/// the pod's own labels have: so the scheduler needs not know of them.
fn merge_label_keys(spec: &mut Map, labels: &Map) {
    let affinity = spec.get_mut("affinity").and_then(Value::as_object_mut);
    if let Some(affinity) = affinity {
        for kind in ["podAffinity", "podAntiAffinity"] {
            let Some(of_pods) = affinity.get_mut(kind).and_then(Value::as_object_mut) else { continue };
            let preferred = of_pods.get_mut("preferredDuringSchedulingIgnoredDuringExecution");
            for weighted in elements(preferred) {
                if let Some(term) = weighted.get_mut("podAffinityTerm").and_then(Value::as_object_mut) {
                    merge_into_selector(term, labels);
                }
            }
            let required = of_pods.get_mut("requiredDuringSchedulingIgnoredDuringExecution");
            elements(required).for_each(|term| merge_into_selector(term, labels));
        }
    }
    let constraints = spec.get_mut("topologySpreadConstraints");
    elements(constraints).for_each(|constraint| merge_into_selector(constraint, labels));
}

fn elements(list: Option<&mut Value>) -> impl Iterator<Item = &mut Map> {
    let list = match list {
        Some(Value::Array(list)) => list.as_mut_slice(),
        _ => &mut [],
    };
    list.iter_mut().filter_map(Value::as_object_mut)
}

fn merge_into_selector(of: &mut Map, labels: &Map) {
    let mut added = Vec::new();
    for (member, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key in of.get(member).and_then(Value::as_array).unwrap_or_default() {
            let Some((key, value)) = key.as_str().and_then(|key| Some((key, labels.get(key)?))) else {
                continue;
            };
            let expression = [
                ("key", Value::from(key)),
                ("operator", operator.into()),
                ("values", vec![value.clone()].into()),
            ];
            let map: Map = expression.into_iter().map(|(name, value)| (name.into(), value)).collect();
            added.push(Value::Object(map));
        }
    }
    if added.is_empty() {
        return;
    }
    let Some(selector) = of.get_mut("labelSelector").and_then(Value::as_object_mut) else { return };
    let list = selector.entry("matchExpressions", || Value::Array(Vec::new()));
    match list {
        Value::Array(list) => list.extend(added),
        other => *other = Value::Array(added),
    }
}

/// Annotations that confine containers become fields, as old clients know only the annotations.
fn confine(context: &WriteContext<'_>, object: &mut Object) {
    let annotations = object.annotations();
    let any = annotations.is_some_and(|map| map.keys().any(|key| key.starts_with(APP_ARMOR)));
    if !any || object.str_at(&["spec", "os", "name"]) == "windows" {
        return;
    }
    let annotations = annotations.cloned().unwrap_or_default();
    let spec = member(object.members_mut(), "spec");
    let of_pod = spec.get("securityContext").and_then(|c| c.get("appArmorProfile")).cloned();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in elements(spec.get_mut(list)) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            let key = format!("{APP_ARMOR}{name}");
            let Some(annotation) = annotations.get(&key).and_then(Value::as_str) else { continue };
            let own = container.get("securityContext").and_then(|c| c.get("appArmorProfile"));
            if own.is_some_and(|profile| !profile.is_null()) {
                continue;
            }
            let profile = app_armor_profile(annotation);
            let tell = match profile {
                None => true,
                Some(profile) if Some(&profile) != of_pod.as_ref() => {
                    member(container, "securityContext").insert("appArmorProfile", profile);
                    true
                }
                Some(_) => false,
            };
            if tell {
                let why = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
                context.warnings.add(format!("metadata.annotations[{key}]: {why}"));
            }
        }
    }
}

/// The profile that an annotation names, where it is one that a field may have.
fn app_armor_profile(annotation: &str) -> Option<Value> {
    let (kind, file) = match annotation {
        "unconfined" => ("Unconfined", None),
        "runtime/default" => ("RuntimeDefault", None),
        _ => ("Localhost", Some(annotation.strip_prefix("localhost/").filter(|f| f.trim() == *f)?)),
    };
    if file.is_some_and(|file| file.is_empty() || file.len() > 4095) {
        return None;
    }
    let mut profile = Map::new();
    profile.insert("type", kind);
    if let Some(file) = file {
        profile.insert("localhostProfile", file);
    }
    Some(Value::Object(profile))
}

/// Makes the object the old one, but for what was sent of its version, its uid and who manages its fields.
fn take_old(object: &mut Object, old: &Object) {
    let sent = std::mem::replace(object, old.clone());
    object.set_resource_version(sent.resource_version());
    object.set_managed_fields(sent.managed_fields().to_vec());
    object.set_uid(sent.uid());
}

fn raise_generation(object: &mut Object, old: &Object) {
    if object.get("spec") != old.get("spec") {
        object.set_generation(old.generation() + 1);
    }
}

/// The class of service never changes, and old kubelets don't send generations.
fn keep_status_facts(object: &mut Object, old: &Object) {
    let status = member(object.members_mut(), "status");
    if let (true, Some(class)) = (!status.contains_key("qosClass"), old.at(&["status", "qosClass"])) {
        status.insert("qosClass", class.clone());
    }
    if let (true, Some(seen)) =
        (!status.contains_key("observedGeneration"), old.at(&["status", "observedGeneration"]))
    {
        status.insert("observedGeneration", seen.clone());
    }
    let Some(Value::Array(conditions)) = status.get_mut("conditions") else { return };
    let before = old.at(&["status", "conditions"]).and_then(Value::as_array).unwrap_or_default();
    for condition in conditions {
        let same = before.iter().find(|c| c.str_at(&["type"]) == condition.str_at(&["type"]));
        let seen = same.and_then(|c| c.get("observedGeneration")).cloned();
        if let (Some(seen), Value::Object(map)) = (seen, condition)
            && !map.contains_key("observedGeneration")
        {
            map.insert("observedGeneration", seen);
        }
    }
}

/// Takes from the object what a resize may change: resources and resize policies of containers, and the
/// resources of the pod. Where containers came, went, or changed places, the object stays for its validation.
fn resize(object: &mut Object, old: &Object) {
    const LISTS: [&str; 2] = ["containers", "initContainers"];
    let count =
        |of: &Object, list| of.at(&["spec", list]).and_then(Value::as_array).map_or(0, <[Value]>::len);
    if LISTS.iter().any(|list| count(object, list) != count(old, list)) {
        return;
    }
    let sent = object.clone();
    take_old(object, old);
    let spec = member(object.members_mut(), "spec");
    for list in LISTS {
        let wanted = sent.at(&["spec", list]).and_then(Value::as_array).unwrap_or_default();
        let Some(Value::Array(containers)) = spec.get_mut(list) else { continue };
        if containers.iter().zip(wanted).any(|(a, b)| a.str_at(&["name"]) != b.str_at(&["name"])) {
            *containers = wanted.to_vec();
            continue;
        }
        for (container, wanted) in containers.iter_mut().zip(wanted) {
            let Value::Object(container) = container else { continue };
            for key in ["resources", "resizePolicy"] {
                match wanted.get(key) {
                    Some(value) => container.insert(key, value.clone()),
                    None => container.remove(key),
                };
            }
        }
    }
    match sent.at(&["spec", "resources"]) {
        Some(value) => spec.insert("resources", value.clone()),
        None => spec.remove("resources"),
    };
}
