//! MutatingAdmissionPolicy.

use keelson_cel::Type;

use super::super::shared::names;
use super::super::{Errors, Node, Rules};
use super::expression::{Given, Variables};
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
    let variables = policy::variables(&spec, Variables::new(), errors);
    let given = Given { params: spec.child("paramKind").is_set(), authorizer: true, patches: true };
    let mutations = spec.child("mutations");
    if mutations.is_empty() {
        errors.push(mutations.required("mutations must contain at least one item"));
    }
    for mutation in mutations.items() {
        check_mutation(&mutation, &variables, given, errors);
    }
    let reinvocation = spec.child("reinvocationPolicy");
    if reinvocation.text().is_empty() {
        errors.push(reinvocation.required(""));
    } else {
        names::one_of(&reinvocation, REINVOCATION_POLICIES, errors);
    }
}

fn check_mutation(mutation: &Node<'_>, variables: &Variables, given: Given, errors: &mut Errors) {
    let kind = mutation.child("patchType");
    let (this, other, wanted) = match kind.text() {
        "" => {
            errors.push(kind.required(""));
            return;
        }
        "JSONPatch" => ("jsonPatch", "applyConfiguration", Type::list(Type::open_object("JSONPatch"))),
        "ApplyConfiguration" => ("applyConfiguration", "jsonPatch", Type::open_object("Object")),
        _ => {
            errors.push(kind.not_supported(&["ApplyConfiguration", "JSONPatch"]));
            return;
        }
    };
    let (patch, unwanted) = (mutation.child(this), mutation.child(other));
    let expression = patch.child("expression");
    if !patch.is_set() {
        errors.push(patch.required(format!("must be specified when patchType is {}", kind.text())));
    } else {
        match expression.text().trim() {
            "" => errors.push(expression.required("")),
            text => drop(variables.compile(&expression, text, given, &[wanted], errors)),
        }
    }
    if unwanted.is_set() {
        let why = format!("must not be specified when patchType is {}", kind.text());
        errors.push(unwanted.invalid_text(&format!("{{{other}}}"), why));
    }
}
