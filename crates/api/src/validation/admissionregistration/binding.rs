//! ValidatingAdmissionPolicyBinding and MutatingAdmissionPolicyBinding.

use keelson_apimachinery::content::names::path_segment;

use super::super::shared::names;
use super::super::shared::selector::{self, Leniency};
use super::super::{Errors, Node, Rules};
use super::matching::{match_resources, mutating_operations};
use super::{GROUP, warn_of_name};

pub(super) const VALIDATING: Rules =
    Rules::new(GROUP, "validatingadmissionpolicybindings", validating, |object, _, errors| {
        validating(object, errors)
    })
    .warnings(|object, _, warnings| warn_of_name(object, warnings))
    .lenient_metadata(&[""]);

pub(super) const MUTATING: Rules =
    Rules::new(GROUP, "mutatingadmissionpolicybindings", mutating, |object, _, errors| {
        mutating(object, errors)
    })
    .warnings(|object, _, warnings| warn_of_name(object, warnings))
    .lenient_metadata(&[""]);

fn validating(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    head(&spec, errors);
    let actions = spec.child("validationActions");
    for (i, action) in actions.items().enumerate() {
        names::one_of(&action, &["Audit", "Deny", "Warn"], errors);
        if actions.items().take(i).any(|before| before.text() == action.text()) {
            errors.push(action.duplicate());
        }
    }
    let has = |name: &str| actions.items().any(|action| action.text() == name);
    if has("Deny") && has("Warn") {
        errors.push(actions.invalid(
            "must not contain both Deny and Warn (repeating the same validation failure information in the API \
             response and headers serves no purpose)",
        ));
    }
    if actions.is_empty() {
        errors.push(actions.required("at least one validation action is required"));
    }
}

fn mutating(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    head(&spec, errors);
    mutating_operations(&spec.child("matchResources"), errors);
}

/// What both kinds have.
fn head(spec: &Node<'_>, errors: &mut Errors) {
    let policy = spec.child("policyName");
    if policy.text().is_empty() {
        errors.push(policy.required(""));
    } else {
        names::subdomain(&policy, errors);
    }
    let reference = spec.child("paramRef");
    if reference.is_set() {
        param_ref(&reference, errors);
    }
    let matched = spec.child("matchResources");
    if matched.is_set() {
        match_resources(&matched, errors);
    }
}

fn param_ref(reference: &Node<'_>, errors: &mut Errors) {
    const EITHER: &str = "name and selector are mutually exclusive";
    let (name, node) = (reference.child("name"), reference.child("selector"));
    let named = !name.text().is_empty();
    if named {
        names::refuse(&name, path_segment(name.text(), false), errors);
        if node.is_set() {
            errors.push(name.forbidden(EITHER));
        }
    }
    if node.is_set() {
        selector::label_selector(&node, Leniency::default(), errors);
        if named {
            errors.push(node.forbidden(EITHER));
        }
    }
    if !named && !node.is_set() {
        errors.push(reference.required("one of name or selector must be specified"));
    }
    let action = reference.child("parameterNotFoundAction");
    if action.text().is_empty() {
        errors.push(action.required(""));
    } else {
        names::one_of(&action, &["Deny", "Allow"], errors);
    }
}
