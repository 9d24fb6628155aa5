//! ReplicaSet, and the rules for a selector and a template that Deployment has, too.

use super::super::shared::numbers::non_negative_members;
use super::super::shared::workload::{
    counts_within, generation_rose, immutable_selector, pod_name_warning, required_selector, runs_forever,
    selects_template,
};
use super::super::shared::{selector, template};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("apps", "replicasets", create, update)
    .subresources(&[("status", update_status)])
    .warnings(warn);

fn create(object: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, old) = (object.child("spec"), old.child("spec"));
    check_spec(&spec, Some(&old), errors);
    immutable_selector(&spec.child("selector"), &old.child("selector"), errors);
}

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    non_negative_members(spec, &["replicas", "minReadySeconds"], errors);
    selector_and_template(spec, old, errors);
}

/// The rules for the members `selector` and `template` of a spec. (The text names a deployment in both kinds.)
pub(super) fn selector_and_template(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let (node, template) = (spec.child("selector"), spec.child("template"));
    required_selector(&node, "empty selector is invalid for deployment", errors);
    if !selector::is_valid(&node) {
        errors.push(selector::invalid(&node, "invalid label selector"));
        return;
    }
    selects_template(&node, &template, errors);
    let before = old.map(|old| old.child("template"));
    template::check(&template, before.as_ref(), errors);
    runs_forever(&template, "ReplicaSet", errors);
}

fn update_status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    let counts = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ];
    non_negative_members(&status, &counts, errors);
    const WHY: &str = "cannot be greater than status.replicas";
    let limits = [
        ("fullyLabeledReplicas", "replicas", WHY),
        ("readyReplicas", "replicas", WHY),
        ("availableReplicas", "replicas", WHY),
        ("availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"),
    ];
    counts_within(&status, &limits, errors);
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if old.is_none() {
        pod_name_warning(object, warnings);
    }
    if old.is_none_or(|old| generation_rose(object, old)) {
        warn_of_template(object, old, warnings);
    }
}

/// Warns of what is in `spec.template`.
pub(super) fn warn_of_template(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let spec = object.child("spec");
    let before = old.map(|old| old.child("spec"));
    let before = before.as_ref().map(|spec| spec.child("template"));
    template::warn(&spec.child("template"), before.as_ref(), warnings);
}
