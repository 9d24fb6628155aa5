//! HorizontalPodAutoscaler, in the version v2 that is stored.

use keelson_apimachinery::meta::GroupVersion;
use keelson_apimachinery::scalar::Quantity;

use super::super::shared::names;
use super::super::shared::numbers::{int, non_negative_members};
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};
use super::metrics;

pub(super) const RULES: Rules = Rules::new("autoscaling", "horizontalpodautoscalers", create, update)
    .subresources(&[("status", update_status)]);

/// The longest period of a scaling policy, in seconds.
const MAX_PERIOD: i64 = 1800;

/// The longest stabilization window, in seconds.
const MAX_STABILIZATION: i64 = 3600;

/// What the `apiVersion` of a reference may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiVersions {
    /// Anything: the reference was there before.
    Any,
    /// One with or without a group.
    WellFormed,
    /// One with a group.
    WithGroup,
}

fn create(object: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), Some(&old.child("spec")), errors);
}

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let (min, max) = (spec.child("minReplicas"), spec.child("maxReplicas"));
    // Autoscalers that scale to zero need a feature that is off, and stay where they are.
    let lowest = if old.is_some_and(|old| old.child("minReplicas").int() == Some(0)) { 0 } else { 1 };
    if min.int().is_some_and(|min| min < lowest) {
        errors.push(min.invalid(format!("must be greater than or equal to {lowest}")));
    }
    match int(&max) {
        0 => errors.push(max.required("must be set and greater than 0")),
        number if number < 0 => errors.push(max.invalid("must be greater than or equal to 1")),
        _ => {}
    }
    if min.int().is_some_and(|min| int(&max) < min) {
        let shown = render(&max, &Shape::Int);
        errors.push(shown.invalid("must be greater than or equal to `minReplicas`"));
    }
    let target = spec.child("scaleTargetRef");
    reference(&target, target_versions(&target, old), errors);
    let list = spec.child("metrics");
    let versions = metrics::object_versions(old.map(|old| old.child("metrics")).as_ref());
    metrics::check(&list, min.int(), versions, errors);
    let behavior = spec.child("behavior");
    scaling_rules(&behavior.child("scaleUp"), errors);
    scaling_rules(&behavior.child("scaleDown"), errors);
}

fn target_versions(target: &Node<'_>, old: Option<&Node<'_>>) -> ApiVersions {
    let kept = old.is_some_and(|old| {
        let before = old.child("scaleTargetRef");
        ["apiVersion", "kind"].iter().all(|name| before.child(name).text() == target.child(name).text())
    });
    if kept {
        ApiVersions::Any
    } else if target.child("kind").text() == "ReplicationController" {
        ApiVersions::WellFormed
    } else {
        ApiVersions::WithGroup
    }
}

/// Checks a reference to an object of any version.
pub(super) fn reference(reference: &Node<'_>, versions: ApiVersions, errors: &mut Errors) {
    names::required_segment(&reference.child("kind"), errors);
    names::required_segment(&reference.child("name"), errors);
    let version = reference.child("apiVersion");
    if let Some(why) = wrong_version(version.text(), versions) {
        errors.push(version.invalid_text(version.text(), why));
    }
}

/// What is wrong with the `apiVersion` of a reference.
pub(super) fn wrong_version(text: &str, versions: ApiVersions) -> Option<String> {
    if versions == ApiVersions::Any {
        return None;
    }
    match GroupVersion::parse(text) {
        Err(_) => Some(format!("unexpected GroupVersion string: {text}")),
        Ok(parsed) if parsed.group.is_empty() && versions == ApiVersions::WithGroup => {
            Some("apiVersion must specify API group".to_owned())
        }
        Ok(_) => None,
    }
}

fn scaling_rules(rules: &Node<'_>, errors: &mut Errors) {
    if !rules.is_set() {
        return;
    }
    let window = rules.child("stabilizationWindowSeconds");
    match window.int() {
        Some(seconds) if seconds < 0 => errors.push(window.invalid("must be greater than or equal to zero")),
        Some(seconds) if seconds > MAX_STABILIZATION => {
            errors.push(window.invalid(format!("must be less than or equal to {MAX_STABILIZATION}")));
        }
        _ => {}
    }
    let select = rules.child("selectPolicy");
    if select.is_set() {
        names::one_of(&select, &["Disabled", "Max", "Min"], errors);
    }
    let policies = rules.child("policies");
    if policies.is_empty() {
        errors.push(policies.required("must specify at least one Policy"));
    }
    for policy in policies.items() {
        scaling_policy(&policy, errors);
    }
    let tolerance = rules.child("tolerance");
    let quantity = tolerance.opt_text().and_then(|text| Quantity::parse(text).ok());
    if quantity.is_some_and(|quantity| quantity.is_negative()) {
        errors.push(tolerance.invalid("must be greater than or equal to 0"));
    }
}

fn scaling_policy(policy: &Node<'_>, errors: &mut Errors) {
    names::one_of(&policy.child("type"), &["Percent", "Pods"], errors);
    let (value, period) = (policy.child("value"), policy.child("periodSeconds"));
    for node in [&value, &period] {
        if int(node) <= 0 {
            errors.push(render(node, &Shape::Int).invalid("must be greater than zero"));
        }
    }
    if int(&period) > MAX_PERIOD {
        errors.push(period.invalid(format!("must be less than or equal to {MAX_PERIOD}")));
    }
}

fn update_status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    non_negative_members(&object.child("status"), &["currentReplicas", "desiredReplicas"], errors);
}
