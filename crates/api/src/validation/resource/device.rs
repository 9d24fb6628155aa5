//! The devices of a slice.

use keelson_apimachinery::field::FieldError;

use super::super::shared::node_selector::node_selector;
use super::super::shared::{names, resources};
use super::super::{Errors, Node};
use super::configuration::{binding_conditions, taint};
use super::formats::{bounded_text, label_key, qualified_name, version};
use super::lists::{bounded, map, set};
use super::request_policy::capacity;

const MAX_ATTRIBUTES_AND_CAPACITIES: usize = 32;
const MAX_ATTRIBUTE_VALUES: usize = 48;
const MAX_TAINTS: usize = 16;
const MAX_CONSUMPTIONS: usize = 2;

/// How many counters a set may have.
pub(super) const MAX_COUNTERS: usize = 32;

/// The members of an attribute that hold its value.
const VALUES: [&str; 4] = ["bool", "int", "string", "version"];

/// The members that hold several values.
pub(super) const LISTS: [&str; 4] = ["bools", "ints", "strings", "versions"];

/// Checks a device; `old` is the one of its name before. `each` is whether every device says where it is.
pub(super) fn device(device: &Node<'_>, old: Option<&Node<'_>>, each: bool, errors: &mut Errors) {
    names::label(&device.child("name"), errors);
    let (attributes, capacities) = (device.child("attributes"), device.child("capacity"));
    let count = attributes.len() + capacities.len();
    if count > MAX_ATTRIBUTES_AND_CAPACITIES {
        let why = format!(
            "the total number of attributes and capacities must not exceed {MAX_ATTRIBUTES_AND_CAPACITIES}"
        );
        errors.push(FieldError::invalid_int(device, count as i64, why));
    }
    let values =
        |attribute: Node<'_>| LISTS.iter().map(|name| attribute.child(name).len()).sum::<usize>().max(1);
    let count: usize = attributes.entries().map(|(_, attribute)| values(attribute)).sum();
    if count > MAX_ATTRIBUTE_VALUES {
        let why = format!("the total number of attribute values must not exceed {MAX_ATTRIBUTE_VALUES}");
        errors.push(FieldError::invalid_int(device, count as i64, why));
    }
    map(&attributes, usize::MAX, errors, qualified_name, attribute);
    let shared = device.child("allowMultipleAllocations").is_true();
    map(&capacities, usize::MAX, errors, qualified_name, |node, errors| capacity(node, shared, errors));
    let taints = device.child("taints");
    if !old.is_some_and(|old| old.child("taints").same(&taints)) {
        bounded(&taints, MAX_TAINTS, errors, taint);
    }
    set(&device.child("consumesCounters"), MAX_CONSUMPTIONS, "counterSet", errors, |consumption, errors| {
        counters(consumption, "counterSet", errors);
    });
    placed(device, each, errors);
    binding_conditions(device, errors);
    mappings(&device.child("nodeAllocatableResourceMappings"), &capacities, errors);
}

/// Checks counters, and the name (a member) of their set.
pub(super) fn counters(of: &Node<'_>, name: &str, errors: &mut Errors) {
    let name = of.child(name);
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        names::label(&name, errors);
    }
    let counters = of.child("counters");
    if counters.is_empty() {
        errors.push(counters.required(""));
    } else {
        map(&counters, MAX_COUNTERS, errors, label_key, |_, _| {});
    }
}

fn attribute(attribute: &Node<'_>, errors: &mut Errors) {
    let count = VALUES.iter().chain(&LISTS).filter(|name| attribute.child(name).is_set()).count();
    let (string, version_node) = (attribute.child("string"), attribute.child("version"));
    if string.is_set() {
        bounded_text(&string, errors);
    }
    if version_node.is_set() {
        version(&version_node, errors);
    }
    attribute.child("strings").items().for_each(|item| bounded_text(&item, errors));
    attribute.child("versions").items().for_each(|item| version(&item, errors));
    const ONE: &str = "exactly one value must be specified";
    match count {
        0 => errors.push(attribute.invalid_text("", ONE)),
        1 => {}
        _ => errors.push(attribute.invalid(ONE)),
    }
}

/// Where a device is: said by each of them or by their slice.
fn placed(device: &Node<'_>, each: bool, errors: &mut Errors) {
    let (node, selector, all) =
        (device.child("nodeName"), device.child("nodeSelector"), device.child("allNodes"));
    if !each {
        if [node, selector, all].iter().any(Node::is_set) {
            errors.push(device.with(None).invalid(
                "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to \
                 true in the ResourceSlice spec",
            ));
        }
        return;
    }
    let mut said = Vec::new();
    match node.opt_text() {
        None => {}
        Some("") => errors.push(node.invalid("must not be empty")),
        Some(_) => {
            said.push("`nodeName`");
            names::subdomain(&node, errors);
        }
    }
    if selector.is_set() {
        said.push("`nodeSelector`");
        node_selector(&selector, false, errors);
    }
    match all.flag() {
        None => {}
        Some(true) => said.push("`allNodes`"),
        Some(false) => errors.push(all.invalid("must be either unset or set to true")),
    }
    const ONE: &str = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when \
                       `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
    match said.len() {
        0 => errors.push(device.required(ONE)),
        1 => {}
        _ => errors.push(device.invalid_text(&format!("{{{}}}", said.join(", ")), ONE)),
    }
}

/// What a device takes of a node's own resources.
fn mappings(mappings: &Node<'_>, capacities: &Node<'_>, errors: &mut Errors) {
    for (name, mapping) in mappings.entries() {
        if !resources::is_native(name) {
            errors.push(mapping.invalid_text(name, "must be a node allocatable resource name"));
        }
        let (multiplier, key) = (mapping.child("allocationMultiplier"), mapping.child("capacityKey"));
        if !multiplier.is_set() && !key.is_set() {
            let why = "at least one of allocationMultiplier or capacityKey must be set";
            errors.push(mapping.invalid_text("", why));
        }
        let amount = resources::quantity(&multiplier);
        if multiplier.is_set() && (amount.is_negative() || amount.is_zero()) {
            errors.push(multiplier.invalid("must be positive"));
        }
        match key.opt_text() {
            None => {}
            Some("") => errors.push(key.invalid("capacityKey must not be an empty string")),
            Some(name) if !capacities.key(name).is_set() => errors.push(key.not_found()),
            Some(_) => {}
        }
    }
}
