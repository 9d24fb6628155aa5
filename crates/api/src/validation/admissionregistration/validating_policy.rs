//! ValidatingAdmissionPolicy.

use keelson_apimachinery::content::names::qualified_name;
use keelson_cel::Type;

use super::super::shared::conditions;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};
use super::expression::{Given, Variables};
use super::matching::optional_one_of;
use super::{GROUP, policy, warn_of_name};

pub(super) const RULES: Rules = Rules::new(
    GROUP,
    "validatingadmissionpolicies",
    |object, errors| check(object, None, errors),
    |object, old, errors| check(object, Some(old), errors),
)
.subresources(&[("status", update_status)])
.warnings(|object, _, warnings| warn_of_name(object, warnings))
.lenient_metadata(&["", "status"]);

const MAX_ANNOTATIONS: usize = 20;

/// The longest expression of an annotation's value, in bytes.
const MAX_VALUE_EXPRESSION: usize = 5 * 1024;

const ANNOTATIONS: Shape = Shape::List(&Shape::Struct(&[
    ("key", "Key", Shape::Text),
    ("valueExpression", "ValueExpression", Shape::Text),
]));

fn check(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let spec = object.child("spec");
    let old_spec = old.map(|old| old.child("spec"));
    policy::head(&spec, old_spec.as_ref(), |_, _| {}, errors);
    let variables = if spec.child("variables").is_empty() { Variables::NONE } else { Variables::new() };
    let variables = policy::variables(&spec, variables, errors);
    let given = Given { params: spec.child("paramKind").is_set(), authorizer: true, patches: false };
    let (validations, annotations) = (spec.child("validations"), spec.child("auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        errors.push(validations.required(why));
        errors.push(annotations.required(why));
        return;
    }
    for validation in validations.items() {
        check_validation(&validation, &variables, given, errors);
    }
    if annotations.len() > MAX_ANNOTATIONS {
        let why = format!("must not have more than {MAX_ANNOTATIONS} auditAnnotations");
        errors.push(render(&annotations, &ANNOTATIONS).invalid(why));
    }
    let metadata = object.child("metadata");
    for (i, annotation) in annotations.items().enumerate() {
        check_annotation(metadata.child("name").text(), &annotation, &variables, given, errors);
        let key = annotation.child("key");
        if annotations.items().take(i).any(|before| before.child("key").text() == key.text()) {
            errors.push(key.duplicate_text(key.text()));
        }
    }
}

fn check_validation(validation: &Node<'_>, variables: &Variables, given: Given, errors: &mut Errors) {
    let expression = validation.child("expression");
    if expression.text().trim().is_empty() {
        errors.push(expression.required("expression is not specified"));
    } else {
        variables.compile(&expression, expression.text(), given, &[Type::Bool], errors);
    }
    for name in ["messageExpression", "message"] {
        let node = validation.child(name);
        if !node.text().is_empty() && node.text().trim().is_empty() {
            errors.push(node.invalid("must be non-empty if specified"));
        } else if name == "messageExpression" && !node.text().is_empty() {
            let given = Given { authorizer: false, ..given };
            variables.compile(&node, node.text(), given, &[Type::String], errors);
        }
        if name == "message" && node.text().trim().contains(['\n', '\r']) {
            errors.push(node.invalid("must not contain line breaks"));
        }
    }
    let reason = validation.child("reason");
    optional_one_of(&reason, &["Forbidden", "Invalid", "RequestEntityTooLarge"], errors);
}

fn check_annotation(
    policy: &str,
    annotation: &Node<'_>,
    variables: &Variables,
    given: Given,
    errors: &mut Errors,
) {
    let (key, value) = (annotation.child("key"), annotation.child("valueExpression"));
    if policy.is_empty() {
        errors.push(key.invalid_text(key.text(), "requires metadata.name be non-empty"));
    } else {
        let whole = format!("{policy}/{}", key.text());
        errors.extend(qualified_name(&whole).into_iter().map(|why| key.invalid_text(&whole, why)));
    }
    match value.text().trim().len() {
        0 => errors.push(value.required("valueExpression is not specified")),
        bytes if bytes > MAX_VALUE_EXPRESSION => {
            let why = format!("must not exceed {MAX_VALUE_EXPRESSION} bytes in length");
            errors.push(value.required(why));
        }
        _ => {
            let wanted = [Type::String, Type::Null];
            variables.compile(&value, value.text().trim(), given, &wanted, errors);
        }
    }
}

fn update_status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    for found in status.child("typeChecking").child("expressionWarnings").items() {
        for (name, text) in
            ["warning", "fieldRef"].map(|name| (name, found.child(name).text().trim().is_empty()))
        {
            if text {
                errors.push(found.child(name).required(""));
            }
        }
    }
    conditions::conditions(&status.child("conditions"), errors);
}
