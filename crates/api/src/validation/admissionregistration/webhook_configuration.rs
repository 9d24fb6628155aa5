//! ValidatingWebhookConfiguration and MutatingWebhookConfiguration.

use std::collections::BTreeSet;

use keelson_apimachinery::content::names::dns_1035_label;

use super::super::shared::selector::{self, Leniency};
use super::super::shared::{names, webhook};
use super::super::{Errors, Node, Rules};
use super::matching::{
    FAILURE_POLICIES, MATCH_POLICIES, REINVOCATION_POLICIES, conditions, optional_one_of, rule,
};
use super::{GROUP, warn_of_name};

pub(super) const MUTATING: Rules = Rules::new(
    GROUP,
    "mutatingwebhookconfigurations",
    |object, errors| check(object, Lenient::default(), true, errors),
    |object, old, errors| check(object, Lenient::to(object, old), true, errors),
)
.warnings(|object, _, warnings| warn_of_name(object, warnings))
.lenient_metadata(&[""]);

pub(super) const VALIDATING: Rules = Rules::new(
    GROUP,
    "validatingwebhookconfigurations",
    |object, errors| check(object, Lenient::default(), false, errors),
    |object, old, errors| check(object, Lenient::to(object, old), false, errors),
)
.warnings(|object, _, warnings| warn_of_name(object, warnings))
.lenient_metadata(&[""]);

const REVIEW_VERSIONS: &[&str] = &["v1", "v1beta1"];
const HARMLESS: &[&str] = &["None", "NoneOnDryRun"];
const SIDE_EFFECTS: &[&str] = &["None", "NoneOnDryRun", "Some", "Unknown"];

/// What is let pass as the old object has it.
#[derive(Clone, Copy, Default)]
struct Lenient {
    conditions: bool,
    side_effects: bool,
    review_versions: bool,
    names: bool,
    selectors: Leniency,
}

impl Lenient {
    fn to(object: &Node<'_>, old: &Node<'_>) -> Self {
        let (hooks, before) = (object.child("webhooks"), old.child("webhooks"));
        let kept =
            |(a, b): (Node<'_>, Node<'_>)| a.child("matchConditions").same(&b.child("matchConditions"));
        let harmful = |hook: Node<'_>| !HARMLESS.contains(&hook.child("sideEffects").text());
        let unrecognized = |hook: Node<'_>| {
            let versions = hook.child("admissionReviewVersions");
            !versions.is_empty() && !versions.items().any(|v| REVIEW_VERSIONS.contains(&v.text()))
        };
        let mut seen = BTreeSet::new();
        let repeats = |hook: &keelson_apimachinery::Value| !seen.insert(hook.str_at(&["name"]).to_owned());
        let bad_selector = |hook: Node<'_>| {
            ["namespaceSelector", "objectSelector"].iter().any(|name| !selector::is_valid(&hook.child(name)))
        };
        Lenient {
            conditions: hooks.len() == before.len() && hooks.items().zip(before.items()).all(kept),
            side_effects: before.items().any(harmful),
            review_versions: before.items().any(unrecognized),
            names: before.array().iter().any(repeats),
            selectors: Leniency { invalid_values: before.items().any(bad_selector) },
        }
    }
}

fn check(object: &Node<'_>, lenient: Lenient, mutating: bool, errors: &mut Errors) {
    let hooks = object.child("webhooks");
    let mut seen = BTreeSet::new();
    for (hook, value) in hooks.items().zip(hooks.array()) {
        check_hook(&hook, lenient, mutating, errors);
        review_versions(&hook.child("admissionReviewVersions"), lenient, errors);
        let name = value.str_at(&["name"]);
        if !lenient.names && !name.is_empty() && !seen.insert(name) {
            errors.push(hook.child("name").duplicate());
        }
    }
}

fn check_hook(hook: &Node<'_>, lenient: Lenient, mutating: bool, errors: &mut Errors) {
    names::fully_qualified_name(&hook.child("name"), errors);
    for node in hook.child("rules").items() {
        rule(&node, errors);
    }
    optional_one_of(&hook.child("failurePolicy"), FAILURE_POLICIES, errors);
    optional_one_of(&hook.child("matchPolicy"), MATCH_POLICIES, errors);
    let allowed = if lenient.side_effects { SIDE_EFFECTS } else { HARMLESS };
    let side_effects = hook.child("sideEffects");
    if side_effects.is_set() {
        names::one_of(&side_effects, allowed, errors);
    } else {
        errors.push(side_effects.required(format!("must specify one of {}", allowed.join(", "))));
    }
    let timeout = hook.child("timeoutSeconds");
    if timeout.int().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        errors.push(timeout.invalid("the timeout value must be between 1 and 30 seconds"));
    }
    for name in ["namespaceSelector", "objectSelector"] {
        selector::label_selector(&hook.child(name), lenient.selectors, errors);
    }
    if mutating {
        optional_one_of(&hook.child("reinvocationPolicy"), REINVOCATION_POLICIES, errors);
    }
    webhook::client_config(&hook.child("clientConfig"), errors);
    if !lenient.conditions {
        conditions(&hook.child("matchConditions"), false, errors);
    }
}

fn review_versions(versions: &Node<'_>, lenient: Lenient, errors: &mut Errors) {
    let known = REVIEW_VERSIONS.join(", ");
    if versions.is_empty() {
        errors.push(versions.required(format!("must specify one of {known}")));
        return;
    }
    for (i, version) in versions.items().enumerate() {
        if versions.items().take(i).any(|before| before.text() == version.text()) {
            errors.push(version.invalid("duplicate version"));
        } else {
            names::refuse(&version, dns_1035_label(version.text()), errors);
        }
    }
    if !lenient.review_versions && !versions.items().any(|v| REVIEW_VERSIONS.contains(&v.text())) {
        errors.push(versions.invalid(format!("must include at least one of {known}")));
    }
}
