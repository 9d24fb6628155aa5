//! Selectors of nodes, by their labels and their names.
//!
//! Source: "Assigning pods to nodes" in the Kubernetes documentation; upstream's `core/validation`.

use keelson_apimachinery::content::names::label_value;

use super::names::{qualified, refuse, subdomain};
use crate::validation::{Errors, Node};

const NO_OPERATOR: &str = "not a valid selector operator";

/// A `NodeSelector`: one term or more. `invalid_values` tolerates values that are no label values.
pub(crate) fn node_selector(selector: &Node<'_>, invalid_values: bool, errors: &mut Errors) {
    let terms = selector.child("nodeSelectorTerms");
    if terms.array().is_empty() {
        errors.push(terms.required("must have at least one node selector term"));
    }
    for term in terms.items() {
        node_selector_term(&term, invalid_values, errors);
    }
}

/// One term of a selector, or a preference.
pub(crate) fn node_selector_term(term: &Node<'_>, invalid_values: bool, errors: &mut Errors) {
    for requirement in term.child("matchExpressions").items() {
        by_label(&requirement, invalid_values, errors);
    }
    for requirement in term.child("matchFields").items() {
        by_field(&requirement, errors);
    }
}

fn by_label(requirement: &Node<'_>, invalid_values: bool, errors: &mut Errors) {
    let (operator, values) = (requirement.child("operator"), requirement.child("values"));
    let count = values.array().len();
    match operator.text() {
        "In" | "NotIn" if count == 0 => {
            errors.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if count > 0 => {
            errors
                .push(values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        "Gt" | "Lt" if count != 1 => {
            errors.push(values.required("must be specified single value when `operator` is 'Lt' or 'Gt'"));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        _ => refuse(&operator, [NO_OPERATOR], errors),
    }
    qualified(&requirement.child("key"), errors);
    if !invalid_values {
        for value in values.items() {
            refuse(&value, label_value(value.text()), errors);
        }
    }
}

fn by_field(requirement: &Node<'_>, errors: &mut Errors) {
    let (operator, values) = (requirement.child("operator"), requirement.child("values"));
    match operator.text() {
        "In" | "NotIn" if values.array().len() != 1 => {
            let why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(values.required(why));
        }
        "In" | "NotIn" => {}
        _ => refuse(&operator, [NO_OPERATOR], errors),
    }
    let key = requirement.child("key");
    if key.text() == "metadata.name" {
        values.items().for_each(|value| subdomain(&value, errors));
    } else {
        refuse(&key, ["not a valid field selector key"], errors);
    }
}
