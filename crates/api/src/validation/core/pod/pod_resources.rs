//! Resources of a pod as a whole, which its containers share.
//!
//! Source: KEP-2837 (pod level resources).

use std::collections::BTreeMap;

use keelson_apimachinery::Value;
use keelson_apimachinery::scalar::Quantity;

use super::PodOptions;
use crate::validation::shared::resources::{self, RequirementOptions, quantity};
use crate::validation::shared::seen::Seen;
use crate::validation::{Errors, Node};

/// `spec.resources`.
pub(super) fn of_pod(spec: &Node<'_>, claims: &Seen<'_>, options: &PodOptions, errors: &mut Errors) {
    let at = spec.child("resources");
    if !at.is_set() {
        return;
    }
    if spec.text_at(&["os", "name"]) == "windows" {
        errors.push(at.forbidden("may not be set for a windows pod"));
        return;
    }
    let own_claims = at.child("claims");
    if own_claims.is_set() {
        errors.push(own_claims.forbidden("claims may not be set for Resources at pod-level"));
    }
    let options = RequirementOptions {
        indivisible_huge_pages: options.indivisible_huge_pages,
        pod_claims: Some(claims),
    };
    resources::requirements(&at, resources::pod_resource_name, options, errors);
    consistent(spec, &at, errors);
}

/// What containers ask for must fit into what the pod has.
fn consistent(spec: &Node<'_>, at: &Node<'_>, errors: &mut Errors) {
    let (requests, limits) = (at.child("requests"), at.child("limits"));
    for (resource, sum) in aggregate(spec, "requests") {
        let own = requests.key(resource);
        if own.is_set() && sum > quantity(&own) {
            let why = format!("must be greater than or equal to aggregate container requests of {sum}");
            errors.push(own.invalid(why));
        }
    }
    for (resource, sum) in aggregate(spec, "limits") {
        let own = limits.key(resource);
        if resources::is_huge_pages(resource) && own.is_set() && sum > quantity(&own) {
            let why = format!("must be greater than or equal to aggregate container limits of {sum}");
            errors.push(own.invalid(why));
        }
    }
    let list = at.child("containers");
    for (i, container) in spec.child("containers").items().enumerate() {
        let own = container.child("resources");
        for (resource, limit) in own.child("limits").entries() {
            let of_pod = limits.key(resource);
            if of_pod.is_set() && quantity(&limit) > quantity(&of_pod) {
                let why = format!("must be less than or equal to pod limits of {}", of_pod.text());
                let place = list.index(i);
                let place = place.key(resource);
                errors.push(place.child("limits").invalid_text(limit.text(), why));
            }
        }
    }
}

type Amounts<'a> = BTreeMap<&'a str, Quantity>;

/// What the containers need together at the time when they need most: the init containers one after the other,
/// each with the sidecars before it, or all others with all sidecars.
fn aggregate<'a>(spec: &Node<'a>, kind: &str) -> Amounts<'a> {
    let amounts = |container: &'a Value| {
        let list = container.at(&["resources", kind]).and_then(Value::as_object);
        list.into_iter()
            .flat_map(|map| map.iter())
            .filter_map(|(name, amount)| Some((name, Quantity::parse(amount.as_str()?).ok()?)))
    };
    let add = |into: &mut Amounts<'a>, name: &'a str, amount: &Quantity| {
        let sum = into.get(name).and_then(|sum| sum.checked_add(amount));
        into.insert(name, sum.unwrap_or_else(|| amount.clone()));
    };
    let raise = |into: &mut Amounts<'a>, from: &Amounts<'a>| {
        for (name, amount) in from {
            if into.get(name).is_none_or(|most| most < amount) {
                into.insert(name, amount.clone());
            }
        }
    };
    let mut together = Amounts::new();
    for container in spec.array_at(&["containers"]) {
        amounts(container).for_each(|(name, amount)| add(&mut together, name, &amount));
    }
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in spec.array_at(&["initContainers"]) {
        let sidecar = container.str_at(&["restartPolicy"]) == "Always";
        let mut now = sidecars.clone();
        for (name, amount) in amounts(container) {
            add(&mut now, name, &amount);
            if sidecar {
                add(&mut together, name, &amount);
                add(&mut sidecars, name, &amount);
            }
        }
        raise(&mut most, &now);
    }
    raise(&mut together, &most);
    together
}
