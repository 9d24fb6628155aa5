//! MutatingAdmissionPolicy.

use super::super::shared::names;
use super::super::{Errors, Node, Rules};
use super::matching::{REINVOCATION_POLICIES, mutating_operations};
use super::{GROUP, policy, warn_of_name};

pub(super) const RULES: Rules = Rules::new(
    GROUP,
    "mutatingadmissionpolicies",
    |object, errors| check(object, None, errors),
    |object, old, errors| check(object, Some(old), errors),
)
.warnings(|object, _, warnings| warn_of_name(object, warnings))
.lenient_metadata(&[""]);

fn check(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let spec = object.child("spec");
    let old_spec = old.map(|old| old.child("spec"));
    policy::head(&spec, old_spec.as_ref(), mutating_operations, errors);
    policy::variables(&spec.child("variables"), errors);
    let mutations = spec.child("mutations");
    if mutations.is_empty() {
        errors.push(mutations.required("mutations must contain at least one item"));
    }
    for mutation in mutations.items() {
        check_mutation(&mutation, errors);
    }
    let reinvocation = spec.child("reinvocationPolicy");
    if reinvocation.text().is_empty() {
        errors.push(reinvocation.required(""));
    } else {
        names::one_of(&reinvocation, REINVOCATION_POLICIES, errors);
    }
}

fn check_mutation(mutation: &Node<'_>, errors: &mut Errors) {
    let kind = mutation.child("patchType");
    let (this, other) = match kind.text() {
        "" => {
            errors.push(kind.required(""));
            return;
        }
        "JSONPatch" => ("jsonPatch", "applyConfiguration"),
        "ApplyConfiguration" => ("applyConfiguration", "jsonPatch"),
        _ => {
            errors.push(kind.not_supported(&["ApplyConfiguration", "JSONPatch"]));
            return;
        }
    };
    let (patch, unwanted) = (mutation.child(this), mutation.child(other));
    let expression = patch.child("expression");
    if !patch.is_set() {
        errors.push(patch.required(format!("must be specified when patchType is {}", kind.text())));
    } else if expression.text().trim().is_empty() {
        errors.push(expression.required(""));
    }
    if unwanted.is_set() {
        let why = format!("must not be specified when patchType is {}", kind.text());
        errors.push(unwanted.invalid_text(&format!("{{{other}}}"), why));
    }
}
