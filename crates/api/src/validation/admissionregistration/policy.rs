//! What validating and mutating policies share: parameters, constraints, variables.

use keelson_apimachinery::content::names::{dns_1035_label, dns_subdomain};
use keelson_apimachinery::meta::GroupVersion;

use super::super::{Errors, Node};
use super::expression::{Given, Variables};
use super::matching::{FAILURE_POLICIES, conditions, match_resources, required_one_of};

/// Checks the members of a policy's spec up to its conditions. `mutating` bounds the operations.
pub(super) fn head(
    spec: &Node<'_>,
    old: Option<&Node<'_>>,
    constraints: fn(&Node<'_>, &mut Errors),
    errors: &mut Errors,
) {
    required_one_of(&spec.child("failurePolicy"), FAILURE_POLICIES, errors);
    let kind = spec.child("paramKind");
    if kind.is_set() {
        param_kind(&kind, errors);
    }
    let matched = spec.child("matchConstraints");
    if matched.is_set() {
        match_resources(&matched, errors);
        let rules = matched.child("resourceRules");
        if rules.is_empty() {
            errors.push(rules.required(""));
        }
        constraints(&matched, errors);
    } else {
        errors.push(matched.required(""));
    }
    // Conditions that stay as they were may be what they were.
    let kept = |old: &Node<'_>| {
        ["paramKind", "matchConditions"].iter().all(|name| spec.child(name).same(&old.child(name)))
    };
    if !old.is_some_and(kept) {
        conditions(&spec.child("matchConditions"), kind.is_set(), errors);
    }
}

fn param_kind(kind: &Node<'_>, errors: &mut Errors) {
    let (version, name) = (kind.child("apiVersion"), kind.child("kind"));
    let text = version.text();
    if text.is_empty() {
        errors.push(version.required(""));
    } else {
        match GroupVersion::parse(text) {
            Err(_) => errors.push(version.invalid(format!("unexpected GroupVersion string: {text}"))),
            Ok(parsed) => {
                let wrong = dns_subdomain(&parsed.group);
                if !parsed.group.is_empty() && !wrong.is_empty() {
                    errors.push(version.invalid_text(&parsed.group, wrong.join(",")));
                }
                let wrong = dns_1035_label(&parsed.version);
                if parsed.version.is_empty() {
                    errors.push(version.invalid("version must be specified"));
                } else if !wrong.is_empty() {
                    errors.push(version.invalid_text(&parsed.version, wrong.join(",")));
                }
            }
        }
    }
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        let wrong = dns_1035_label(&name.text().to_lowercase());
        if !wrong.is_empty() {
            let wrong = wrong.join(",");
            errors.push(name.invalid(format!("may have mixed case, but should otherwise match: {wrong}")));
        }
    }
}

/// Checks the variables of a policy, and returns them with their types.
pub(super) fn variables(spec: &Node<'_>, mut variables: Variables, errors: &mut Errors) -> Variables {
    let given = Given { params: spec.child("paramKind").is_set(), authorizer: true, patches: false };
    for variable in spec.child("variables").items() {
        let (name, expression) = (variable.child("name"), variable.child("expression"));
        if name.text().trim().is_empty() {
            errors.push(name.required("name is not specified"));
        } else if !keelson_cel::is_identifier(name.text()) {
            errors.push(name.invalid("must be a valid CEL identifier"));
        }
        if expression.text().trim().is_empty() {
            errors.push(expression.required("expression is not specified"));
        } else {
            variables.add(name.text(), &expression, given, errors);
        }
    }
    variables
}
