//! ResourceSlice.

use super::super::shared::immutable::{IMMUTABLE, immutable_text};
use super::super::shared::names;
use super::super::shared::node_selector::node_selector;
use super::super::shared::numbers::int;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};
use super::device::{LISTS, counters, device};
use super::formats::{driver, pool};
use super::lists::set;

pub(super) const RULES: Rules = Rules::new(
    super::GROUP,
    "resourceslices",
    |object, errors| check_spec(&object.child("spec"), None, errors),
    |object, old, errors| check_spec(&object.child("spec"), Some(&old.child("spec")), errors),
);

const MAX_DEVICES: usize = 128;

/// How many devices may have taints, counters or lists as attributes.
const MAX_ADVANCED: usize = 64;

const MAX_COUNTER_SETS: usize = 8;

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    driver(&spec.child("driver"), errors);
    let from = spec.child("pool");
    pool(&from.child("name"), errors);
    let (count, generation) = (from.child("resourceSliceCount"), from.child("generation"));
    if int(&count) <= 0 {
        errors.push(render(&count, &Shape::Int).invalid("must be greater than zero"));
    }
    if int(&generation) < 0 {
        errors.push(generation.invalid("must be greater than or equal to zero"));
    }
    if let Some(old) = old {
        immutable_text(&from.child("name"), &old.child("pool").child("name"), errors);
        immutable_text(&spec.child("driver"), &old.child("driver"), errors);
        let node = spec.child("nodeName");
        if !node.same(&old.child("nodeName")) {
            errors.push(node.invalid(IMMUTABLE));
        }
    }
    placed(spec, errors);
    let (devices, shared) = (spec.child("devices"), spec.child("sharedCounters"));
    if shared.is_set() && devices.is_set() {
        errors.push(spec.invalid_text("", "only one of `sharedCounters` or `devices` is allowed"));
    }
    let lists = |attribute: Node<'_>| LISTS.iter().any(|name| attribute.child(name).is_set());
    let advanced = |device: Node<'_>| {
        !device.child("taints").is_empty()
            || !device.child("consumesCounters").is_empty()
            || device.child("attributes").entries().any(|(_, attribute)| lists(attribute))
    };
    let max = if devices.items().any(advanced) { MAX_ADVANCED } else { MAX_DEVICES };
    let each = spec.child("perDeviceNodeSelection").is_true();
    let old_devices = old.map(|old| old.child("devices"));
    set(&devices, max, "name", errors, |node, errors| {
        let same = |old: &Node<'_>| old.child("name").text() == node.child("name").text();
        let before = old_devices.as_ref().and_then(|list| list.items().find(same));
        device(node, before.as_ref(), each, errors);
    });
    set(&shared, MAX_COUNTER_SETS, "name", errors, |node, errors| counters(node, "name", errors));
}

/// Where the slice's devices are.
fn placed(spec: &Node<'_>, errors: &mut Errors) {
    let mut said = Vec::new();
    let (node, selector) = (spec.child("nodeName"), spec.child("nodeSelector"));
    match node.opt_text() {
        None => {}
        Some("") => errors.push(node.invalid("must be either unset or set to a non-empty string")),
        Some(_) => {
            said.push("`nodeName`");
            names::subdomain(&node, errors);
        }
    }
    if selector.is_set() {
        said.push("`nodeSelector`");
        node_selector(&selector, false, errors);
        let terms = selector.child("nodeSelectorTerms");
        if terms.len() != 1 {
            errors.push(terms.invalid("must have exactly one node selector term"));
        }
    }
    for (name, shown) in [("allNodes", "`allNodes`"), ("perDeviceNodeSelection", "`perDeviceNodeSelection`")]
    {
        let node = spec.child(name);
        match node.flag() {
            None => {}
            Some(true) => said.push(shown),
            Some(false) => errors.push(node.invalid("must be either unset or set to true")),
        }
    }
    const ONE: &str =
        "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    match said.len() {
        0 => errors.push(spec.required(ONE)),
        1 => {}
        _ => {
            let shown = format!("{{{}}}", said.join(", "));
            errors.push(spec.invalid_text(&shown, format!("{ONE}, but multiple fields are set")));
        }
    }
}
