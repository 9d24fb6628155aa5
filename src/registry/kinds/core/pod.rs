//! Pod.

use std::collections::BTreeMap;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::scalar::Quantity;
use keelson_apimachinery::{Map, Text, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

/// A pod ends gracefully, and has its class of service from the day of its creation.
pub(in crate::registry) struct Pods;

impl Hooks for Pods {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        let mut status = Map::new();
        status.insert("phase", "Pending");
        status.insert("qosClass", qos_class(object));
        object.members_mut().insert(Text::const_new("status"), status);
    }

    fn prepare_subresource(&self, context: &WriteContext<'_>, object: &mut Object, old: &Object) {
        match context.subresource {
            "status" => {
                object.set_deletion_timestamp(None);
                object.set_owner_references(old.owner_references().to_vec());
                keep_status_facts(object, old);
            }
            "ephemeralcontainers" => {
                let sent = object.at(&["spec", "ephemeralContainers"]).cloned();
                take_old(object, old);
                let spec = member(object.members_mut(), "spec");
                match sent {
                    Some(list) => spec.insert("ephemeralContainers", list),
                    None => spec.remove("ephemeralContainers"),
                };
                raise_generation(object, old);
            }
            "resize" => {
                let sent = object.clone();
                take_old(object, old);
                resize(object, &sent);
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

/// Makes the object the old one, but for the resource version that was sent.
fn take_old(object: &mut Object, old: &Object) {
    let resource_version = object.resource_version().to_owned();
    *object = old.clone();
    object.set_resource_version(&resource_version);
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

/// Takes over the resources and resize policies of containers, by name, and those of the pod.
fn resize(object: &mut Object, sent: &Object) {
    let spec = member(object.members_mut(), "spec");
    for list in ["containers", "initContainers"] {
        let Some(Value::Array(containers)) = spec.get_mut(list) else { continue };
        let wanted = sent.at(&["spec", list]).and_then(Value::as_array).unwrap_or_default();
        for container in containers {
            let of_name = wanted.iter().find(|c| c.str_at(&["name"]) == container.str_at(&["name"]));
            let (Some(of_name), Value::Object(container)) = (of_name, container) else { continue };
            for key in ["resources", "resizePolicy"] {
                match of_name.get(key) {
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

type Amounts = BTreeMap<&'static str, Quantity>;

/// The class of service that a pod's requests and limits of CPU and memory put it into.
///
/// Source: "Pod quality of service classes" in the Kubernetes documentation.
pub(in crate::registry) fn qos_class(pod: &Object) -> &'static str {
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let mut guaranteed = true;
    let mut count = |resources: Option<&Value>| {
        let add = |into: &mut Amounts, kind: &str| {
            let mut found = 0;
            for (name, amount) in amounts(resources.and_then(|r| r.get(kind))) {
                found += 1;
                let sum = into.get(name).and_then(|sum| sum.checked_add(&amount));
                into.insert(name, sum.unwrap_or(amount));
            }
            found
        };
        add(&mut requests, "requests");
        guaranteed &= add(&mut limits, "limits") == 2;
    };
    let of_pod = pod.at(&["spec", "resources"]);
    let set =
        |kind| of_pod.and_then(|r| r.get(kind)).and_then(Value::as_object).is_some_and(|m| !m.is_empty());
    if set("requests") || set("limits") {
        count(of_pod);
    } else {
        for list in ["containers", "initContainers"] {
            for container in pod.at(&["spec", list]).and_then(Value::as_array).unwrap_or_default() {
                count(container.get("resources"));
            }
        }
    }
    match (requests.is_empty() && limits.is_empty(), guaranteed && requests == limits) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}

/// The amounts of CPU and memory above zero.
fn amounts(list: Option<&Value>) -> impl Iterator<Item = (&'static str, Quantity)> + '_ {
    ["cpu", "memory"].into_iter().filter_map(move |name| {
        let amount = Quantity::parse(list?.get(name)?.as_str()?).ok()?;
        (!amount.is_zero() && !amount.is_negative()).then_some((name, amount))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apimachinery::codec::json;

    #[test]
    fn the_class_of_service_follows_requests_and_limits() {
        let check = |spec: &str, class: &str| {
            let text = format!(r#"{{"spec":{spec}}}"#);
            let value = json::decode_untyped(text.as_bytes()).unwrap().value;
            assert_eq!(qos_class(&Object::try_from(value).unwrap()), class, "{spec}");
        };
        let both = r#"{"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"1000m","memory":"1Gi"}}"#;
        check(r#"{"containers":[{"name":"a"}]}"#, "BestEffort");
        check(r#"{"containers":[{"resources":{"requests":{"cpu":"0"}}}]}"#, "BestEffort");
        check(r#"{"containers":[{"resources":{"requests":{"cpu":"1"}}}]}"#, "Burstable");
        check(&format!(r#"{{"containers":[{{"resources":{both}}}]}}"#), "Guaranteed");
        check(&format!(r#"{{"containers":[{{"resources":{both}}},{{"name":"b"}}]}}"#), "Burstable");
        check(r#"{"containers":[{"resources":{"limits":{"cpu":"1","memory":"1"}}}]}"#, "Burstable");
        check(&format!(r#"{{"resources":{both},"containers":[{{"name":"a"}}]}}"#), "Guaranteed");
    }
}
