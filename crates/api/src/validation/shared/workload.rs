//! What the kinds that make pods from a template share.

use keelson_apimachinery::content::names::dns_label;
use keelson_apimachinery::field::FieldError;

use super::super::{Errors, Node};
use super::render::{Shape, render};
use super::selector::{self, Leniency, SELECTOR};

/// A selector that must be there and select something: `empty` says so.
pub(crate) fn required_selector(node: &Node<'_>, empty: &str, errors: &mut Errors) {
    if !node.is_set() {
        errors.push(node.required(""));
        return;
    }
    selector::label_selector(node, Leniency::default(), errors);
    if selector::selects_all(node) {
        errors.push(selector::invalid(node, empty));
    }
}

/// Refuses a template whose labels its selector doesn't match. A selector that selects everything matches.
pub(crate) fn selects_template(selector: &Node<'_>, template: &Node<'_>, errors: &mut Errors) {
    let metadata = template.child("metadata");
    let labels = metadata.child("labels");
    let label = |key: &str| labels.value().and_then(|map| map.get(key)).and_then(|value| value.as_str());
    if !selector::matches(selector, label) {
        errors.push(labels.invalid("`selector` does not match template `labels`"));
    }
}

/// Refuses what pods that are kept running can't have: another restart policy, a deadline.
pub(crate) fn runs_forever(template: &Node<'_>, kind: &str, errors: &mut Errors) {
    let spec = template.child("spec");
    let policy = spec.child("restartPolicy");
    if policy.text() != "Always" {
        errors.push(policy.not_supported(&["Always"]));
    }
    let deadline = spec.child("activeDeadlineSeconds");
    if deadline.is_set() {
        errors.push(deadline.forbidden(format!("activeDeadlineSeconds in {kind} is not Supported")));
    }
}

/// Refuses another selector than before.
pub(crate) fn immutable_selector(node: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    if !node.same(old) {
        errors.push(render(node, &Shape::Pointer(&SELECTOR)).invalid(super::immutable::IMMUTABLE));
    }
}

/// Refuses counts above another count, by member: `(count, limit, what to say)`.
pub(crate) fn counts_within(status: &Node<'_>, limits: &[(&str, &str, &str)], errors: &mut Errors) {
    let count = |name: &str| status.child(name).int().unwrap_or(0);
    for (name, limit, why) in limits {
        if count(name) > count(limit) {
            errors.push(FieldError::invalid_int(&status.child(name), count(name), *why));
        }
    }
}

/// Refuses a collision counter that went down.
pub(crate) fn collisions_grow(status: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (now, before) = (status.child("collisionCount"), old.child("collisionCount"));
    if super::immutable::decremented(&now, &before) {
        errors.push(FieldError::invalid_int(&now, now.int().unwrap_or(0), "cannot be decremented"));
    }
}

/// Warns of names that are no DNS label, which pods are named after.
pub(crate) fn pod_name_warning(object: &Node<'_>, warnings: &mut Vec<String>) {
    let metadata = object.child("metadata");
    let wrong = dns_label(metadata.child("name").text());
    if !wrong.is_empty() {
        warnings.push(format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a \
             DNS label is recommended: [{}]",
            wrong.join(" ")
        ));
    }
}

/// Whether the generation of an object rose.
pub(crate) fn generation_rose(object: &Node<'_>, old: &Node<'_>) -> bool {
    let generation = |o: &Node<'_>| o.child("metadata").child("generation").int().unwrap_or(0);
    generation(object) != generation(old)
}
