//! Deployment.

use super::super::shared::int_or_percent::{at_most_all, number, positive};
use super::super::shared::numbers::{int, non_negative, non_negative_members};
use super::super::shared::render::{Shape, render};
use super::super::shared::workload::{
    collisions_grow, counts_within, generation_rose, immutable_selector, pod_name_warning,
};
use super::super::{Errors, Node, Rules};
use super::replica_set;

pub(super) const RULES: Rules = Rules::new("apps", "deployments", create, update)
    .subresources(&[("status", update_status)])
    .warnings(warn);

const STRATEGY: Shape = Shape::Struct(&[
    ("type", "Type", Shape::Text),
    (
        "rollingUpdate",
        "RollingUpdate",
        Shape::Pointer(&Shape::Struct(&[
            ("maxUnavailable", "MaxUnavailable", Shape::Int),
            ("maxSurge", "MaxSurge", Shape::Int),
        ])),
    ),
]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, old) = (object.child("spec"), old.child("spec"));
    check_spec(&spec, Some(&old), errors);
    immutable_selector(&spec.child("selector"), &old.child("selector"), errors);
}

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    non_negative(&spec.child("replicas"), errors);
    replica_set::selector_and_template(spec, old, errors);
    strategy(&spec.child("strategy"), errors);
    non_negative_members(spec, &["minReadySeconds", "revisionHistoryLimit"], errors);
    let deadline = spec.child("progressDeadlineSeconds");
    non_negative(&deadline, errors);
    if deadline.int().is_some_and(|seconds| seconds <= int(&spec.child("minReadySeconds"))) {
        errors.push(deadline.invalid("must be greater than minReadySeconds"));
    }
}

fn strategy(strategy: &Node<'_>, errors: &mut Errors) {
    let rolling = strategy.child("rollingUpdate");
    match strategy.child("type").text() {
        "Recreate" if rolling.is_set() => {
            errors.push(rolling.forbidden("may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" if !rolling.is_set() => {
            errors.push(rolling.required("this should be defaulted and never be nil"));
        }
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
            positive(&unavailable, errors);
            positive(&surge, errors);
            if number(&unavailable) == 0 && number(&surge) == 0 {
                let shown = render(&unavailable, &Shape::Int);
                errors.push(shown.invalid("may not be 0 when `maxSurge` is 0"));
            }
            at_most_all(&unavailable, errors);
        }
        _ => errors.push(render(strategy, &STRATEGY).not_supported(&["Recreate", "RollingUpdate"])),
    }
}

fn update_status(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    let counts = [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ];
    non_negative_members(&status, &counts, errors);
    const WHY: &str = "cannot be greater than status.replicas";
    let limits = [
        ("updatedReplicas", "replicas", WHY),
        ("readyReplicas", "replicas", WHY),
        ("availableReplicas", "replicas", WHY),
        ("availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"),
    ];
    counts_within(&status, &limits, errors);
    collisions_grow(&status, &old.child("status"), errors);
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if old.is_none() {
        pod_name_warning(object, warnings);
    }
    if old.is_none_or(|old| generation_rose(object, old)) {
        replica_set::warn_of_template(object, old, warnings);
    }
}
