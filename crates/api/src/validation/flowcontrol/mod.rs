//! The group flowcontrol.apiserver.k8s.io.

mod flow_schema;
mod mandatory;
mod priority_level_configuration;

use super::{Errors, Node, Rules};

const GROUP: &str = "flowcontrol.apiserver.k8s.io";

pub(super) const RULES: &[Rules] = &[flow_schema::RULES, priority_level_configuration::RULES];

/// Conditions have a type each.
fn conditions(list: &Node<'_>, errors: &mut Errors) {
    for (i, condition) in list.items().enumerate() {
        let kind = condition.child("type");
        if list.items().take(i).any(|before| before.child("type").text() == kind.text()) {
            errors.push(kind.duplicate_text(kind.text()));
        }
        if kind.text().is_empty() {
            errors.push(kind.required(""));
        }
    }
}

/// What a write of a status is checked for.
fn update_status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    conditions(&object.child("status").child("conditions"), errors);
}

#[cfg(test)]
mod tests;
