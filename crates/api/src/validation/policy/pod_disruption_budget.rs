//! PodDisruptionBudget.

use super::super::shared::int_or_percent::{at_most_all, positive};
use super::super::shared::numbers::non_negative_members;
use super::super::shared::render::{Shape, render};
use super::super::shared::selector::{self, Leniency, SELECTOR};
use super::super::shared::{conditions, names};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("policy", "poddisruptionbudgets", create, update)
    .subresources(&[("status", update_status)])
    .lenient_metadata(&["", "status"]);

const SPEC: Shape = Shape::Struct(&[
    ("minAvailable", "MinAvailable", Shape::Json),
    ("selector", "Selector", Shape::Pointer(&SELECTOR)),
    ("maxUnavailable", "MaxUnavailable", Shape::Json),
    ("unhealthyPodEvictionPolicy", "UnhealthyPodEvictionPolicy", Shape::Json),
]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), Leniency::default(), errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    // Whatever was wrong with the old selector, values are let pass.
    let invalid_values = !selector::is_valid(&old.child("spec").child("selector"));
    check_spec(&object.child("spec"), Leniency { invalid_values }, errors);
}

fn check_spec(spec: &Node<'_>, leniency: Leniency, errors: &mut Errors) {
    let bounds = [spec.child("minAvailable"), spec.child("maxUnavailable")];
    if bounds.iter().all(Node::is_set) {
        errors.push(render(spec, &SPEC).invalid("minAvailable and maxUnavailable cannot be both set"));
    }
    for bound in &bounds {
        positive(bound, errors);
        at_most_all(bound, errors);
    }
    selector::label_selector(&spec.child("selector"), leniency, errors);
    let policy = spec.child("unhealthyPodEvictionPolicy");
    if policy.is_set() {
        names::one_of(&policy, &["AlwaysAllow", "IfHealthyBudget"], errors);
    }
}

fn update_status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    conditions::conditions(&status.child("conditions"), errors);
    let counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
    non_negative_members(&status, &counts, errors);
}
