//! Pods and what is like them, as plugins see them: lists of a spec, containers, amounts.

use std::collections::BTreeMap;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::scalar::Quantity;
use keelson_apimachinery::{Map, Text, Value};

pub(super) use crate::authz::node::MIRROR;

/// The lists of containers that all pods have, those that come first in front.
pub(super) const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// A list in an object's spec; empty where it is absent.
pub(super) fn spec_list<'a>(object: &'a Object, key: &str) -> &'a [Value] {
    list(object.get("spec"), key)
}

/// A list that is a member of a value; empty where it is absent.
pub(super) fn list<'a>(value: Option<&'a Value>, key: &str) -> &'a [Value] {
    value.and_then(|value| value.get(key)).and_then(Value::as_array).unwrap_or_default()
}

/// The spec, made where it is absent.
pub(super) fn spec_mut(object: &mut Object) -> &mut Map {
    member_mut(object.members_mut(), "spec")
}

/// The object at a key of a map, made where it is absent.
pub(super) fn member_mut<'a>(map: &'a mut Map, key: &'static str) -> &'a mut Map {
    let value = map.entry(Text::const_new(key), || Value::Object(Map::new()));
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made an object above")
}

/// Adds a value to the list at a key.
pub(super) fn push(map: &mut Map, key: &'static str, value: Value) {
    match map.entry(Text::const_new(key), || Value::Array(Vec::new())) {
        Value::Array(list) => list.push(value),
        other => *other = Value::Array(vec![value]),
    }
}

/// The containers of a list in a spec, to change.
pub(super) fn containers_mut<'a>(spec: &'a mut Map, list: &str) -> impl Iterator<Item = &'a mut Map> {
    let list = match spec.get_mut(list) {
        Some(Value::Array(list)) => list.as_mut_slice(),
        _ => &mut [],
    };
    list.iter_mut().filter_map(Value::as_object_mut)
}

/// Amounts by resource name.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// The amounts in a map such as `requests`; what can't be read counts as 0.
pub(super) fn amounts(value: Option<&Value>) -> Amounts {
    let members = value.and_then(Value::as_object).into_iter().flat_map(Map::iter);
    members.map(|(name, amount)| (name.to_owned(), quantity(amount))).collect()
}

/// A quantity in a tree; 0 where it can't be read.
pub(super) fn quantity(value: &Value) -> Quantity {
    value.as_str().and_then(|text| Quantity::parse(text).ok()).unwrap_or_default()
}

/// Adds `more` to `sum`.
pub(super) fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        match sum.get_mut(name) {
            Some(sum) => *sum = sum.checked_add(amount).unwrap_or_else(|| amount.clone()),
            None => {
                sum.insert(name.clone(), amount.clone());
            }
        }
    }
}

/// Raises what is less in `most` than in `other`.
pub(super) fn raise(most: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        if most.get(name).is_none_or(|most| amount > most) {
            most.insert(name.clone(), amount.clone());
        }
    }
}

/// Whether a pod as a whole may ask for a resource.
pub(super) fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// What a pod needs (`requests`) or may take (`limits`) in all, without its overhead. Containers run at the
/// same time, init containers one after another but for those that go on (`restartPolicy: Always`). What the
/// pod itself says of CPU, memory and huge pages counts instead.
///
/// Source: "Resource sharing within containers" in the Kubernetes documentation.
pub(super) fn total(pod: &Object, kind: &str, pod_level: impl Fn(&str) -> bool) -> Amounts {
    let of = |container: &Value| amounts(container.at(&["resources", kind]));
    let mut sum = Amounts::new();
    for container in spec_list(pod, "containers") {
        add(&mut sum, &of(container));
    }
    let (mut going_on, mut most) = (Amounts::new(), Amounts::new());
    for container in spec_list(pod, "initContainers") {
        let mut own = of(container);
        if container.str_at(&["restartPolicy"]) == "Always" {
            add(&mut sum, &own);
            add(&mut going_on, &own);
            own.clone_from(&going_on);
        } else {
            add(&mut own, &going_on);
        }
        raise(&mut most, &own);
    }
    raise(&mut sum, &most);
    for (name, amount) in amounts(pod.at(&["spec", "resources", kind])) {
        if pod_level(&name) {
            sum.insert(name, amount);
        }
    }
    sum
}

/// Whether a pod asks for no CPU and memory, and is not limited in them.
pub(super) fn is_best_effort(object: &Object) -> bool {
    match object.str_at(&["status", "qosClass"]) {
        "" => {}
        class => return class == "BestEffort",
    }
    let asks = |resources: Option<&Value>| {
        ["requests", "limits"].iter().any(|kind| {
            let amounts = amounts(resources.and_then(|resources| resources.get(kind)));
            ["cpu", "memory"].iter().any(|name| amounts.get(*name).is_some_and(|amount| !amount.is_zero()))
        })
    };
    let mut containers = CONTAINER_LISTS.iter().flat_map(|list| spec_list(object, list));
    !asks(object.at(&["spec", "resources"])) && !containers.any(|c| asks(c.get("resources")))
}
