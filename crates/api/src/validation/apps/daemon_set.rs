//! DaemonSet.

use super::super::shared::int_or_percent::{at_most_all, number, positive};
use super::super::shared::numbers::{non_negative, non_negative_members};
use super::super::shared::render::{Shape, render};
use super::super::shared::selector::{self, Leniency};
use super::super::shared::template;
use super::super::shared::workload::{collisions_grow, immutable_selector, runs_forever, selects_template};
use super::super::{Errors, Node, Rules};
use super::replica_set::warn_of_template;

pub(super) const RULES: Rules = Rules::new("apps", "daemonsets", create, update)
    .subresources(&[("status", update_status)])
    .warnings(warn);

/// Where the template's generation stands.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

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
    immutable_selector(&spec.child("selector"), &old.child("selector"), errors);
    check_spec(&spec, Some(&old), errors);
}

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let (node, template) = (spec.child("selector"), spec.child("template"));
    let invalid_values = old.is_some_and(|old| selector::has_invalid_values(&old.child("selector")));
    selector::label_selector(&node, Leniency { invalid_values }, errors);
    if selector::is_valid(&node) {
        selects_template(&node, &template, errors);
    }
    if node.is_set() && selector::selects_all(&node) {
        errors.push(selector::invalid(&node, "empty selector is invalid for daemonset"));
    }
    let before = old.map(|old| old.child("template"));
    template::check(&template, before.as_ref(), errors);
    runs_forever(&template, "DaemonSet", errors);
    non_negative(&spec.child("minReadySeconds"), errors);
    strategy(&spec.child("updateStrategy"), errors);
    non_negative(&spec.child("revisionHistoryLimit"), errors);
}

fn strategy(strategy: &Node<'_>, errors: &mut Errors) {
    let rolling = strategy.child("rollingUpdate");
    match strategy.child("type").text() {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.is_set() => errors.push(rolling.required("")),
        "RollingUpdate" => rolling_update(&rolling, errors),
        _ => errors.push(render(strategy, &STRATEGY).not_supported(&["RollingUpdate", "OnDelete"])),
    }
}

fn rolling_update(rolling: &Node<'_>, errors: &mut Errors) {
    let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
    positive(&unavailable, errors);
    positive(&surge, errors);
    at_most_all(&unavailable, errors);
    at_most_all(&surge, errors);
    match (number(&unavailable) != 0, number(&surge) != 0) {
        (true, true) => errors.push(surge.invalid("may not be set when maxUnavailable is non-zero")),
        (false, false) => errors.push(unavailable.required("cannot be 0 when maxSurge is 0")),
        _ => {}
    }
}

fn update_status(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    let counts = [
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ];
    non_negative_members(&status, &counts, errors);
    collisions_grow(&status, &old.child("status"), errors);
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let generation = |object: &Node<'_>| -> Option<String> {
        let metadata = object.child("metadata");
        let annotations = metadata.child("annotations");
        annotations.key(TEMPLATE_GENERATION).opt_text().map(str::to_owned)
    };
    if old.is_none_or(|old| generation(object) != generation(old)) {
        warn_of_template(object, old, warnings);
    }
}
