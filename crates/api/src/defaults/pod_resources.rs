//! Resources of a pod as a whole, where it names some: the rest follows from its containers.
//!
//! Source: KEP-2837.

use std::collections::BTreeMap;

use keelson_apimachinery::scalar::Quantity;
use keelson_apimachinery::{Map, Text, Value};

use super::members::{has_items, items, made, object, object_mut, text};

/// Amounts by the name of the resource.
type Amounts = BTreeMap<Text, Quantity>;

/// Sets limits of huge pages, and requests, of a pod's spec that has resources.
pub(super) fn set(spec: &mut Map) {
    let Some(resources) = object(spec, "resources") else { return };
    if has_items(resources, "limits") || has_items(resources, "requests") {
        limit_huge_pages(spec);
    }
    if object(spec, "resources").is_some_and(|resources| has_items(resources, "limits")) {
        request(spec);
    }
}

/// Huge pages that containers are limited to, and that the pod does not request, limit the pod.
fn limit_huge_pages(spec: &mut Map) {
    let mut limits = of_containers(spec, "limits");
    let Some(resources) = object_mut(spec, "resources") else { return };
    let requests = object(resources, "requests");
    limits.retain(|name, _| is_huge_pages(name) && requests.is_none_or(|r| !r.contains_key(name)));
    add(resources, "limits", limits);
}

/// The pod requests what its containers do together, or else what it is limited to.
fn request(spec: &mut Map) {
    let mut requests = of_containers(spec, "requests");
    requests.retain(|name, _| matches!(name.as_str(), "cpu" | "memory"));
    let Some(resources) = object_mut(spec, "resources") else { return };
    add(resources, "requests", requests);
    let limits = object(resources, "limits").into_iter().flat_map(Map::iter);
    let missing: Vec<(Text, Value)> = limits
        .filter(|(name, _)| matches!(*name, "cpu" | "memory") || is_huge_pages(name))
        .filter(|(name, _)| object(resources, "requests").is_none_or(|r| !r.contains_key(name)))
        .map(|(name, value)| (name.into(), value.clone()))
        .collect();
    if !missing.is_empty()
        && let Some(requests) = made(resources, "requests")
    {
        for (name, value) in missing {
            requests.insert(name, value);
        }
    }
}

fn is_huge_pages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn add(resources: &mut Map, list: &'static str, amounts: Amounts) {
    if amounts.is_empty() {
        return;
    }
    let Some(list) = made(resources, list) else { return };
    for (name, amount) in amounts {
        list.entry(name, || amount.to_string().into());
    }
}

/// What the containers ask for together: those that run at the same time add up, and the pod needs the most that
/// any moment of its start needs.
fn of_containers(spec: &Map, list: &str) -> Amounts {
    let mut running = Amounts::new();
    for container in items(spec, "containers") {
        sum(&mut running, &amounts(container, list));
    }
    // Init containers that restart always stay beside all that come after them.
    let (mut staying, mut starting) = (Amounts::new(), Amounts::new());
    for container in items(spec, "initContainers") {
        let mut own = amounts(container, list);
        if text(container, "restartPolicy") == "Always" {
            sum(&mut running, &own);
            sum(&mut staying, &own);
            own.clone_from(&staying);
        } else {
            sum(&mut own, &staying);
        }
        most(&mut starting, own);
    }
    most(&mut running, starting);
    running
}

fn amounts(container: &Map, list: &str) -> Amounts {
    let list = object(container, "resources").and_then(|resources| object(resources, list));
    list.into_iter()
        .flat_map(Map::iter)
        .filter_map(|(name, value)| Some((name.into(), Quantity::parse(value.as_str()?).ok()?)))
        .collect()
}

fn sum(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        match total.get_mut(name) {
            Some(of) => *of = of.checked_add(amount).unwrap_or_else(|| of.clone()),
            None => {
                total.insert(name.clone(), amount.clone());
            }
        }
    }
}

fn most(total: &mut Amounts, other: Amounts) {
    for (name, amount) in other {
        match total.get_mut(&name) {
            Some(of) if *of >= amount => {}
            _ => {
                total.insert(name, amount);
            }
        }
    }
}
