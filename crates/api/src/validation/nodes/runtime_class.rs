//! RuntimeClass.

use super::super::core::{PodOptions, tolerations};
use super::super::shared::immutable::immutable_text;
use super::super::shared::render::{Shape, render};
use super::super::shared::{names, node_labels, resources};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("node.k8s.io", "runtimeclasses", create, update).warnings(warn);

const TOLERATION: Shape = Shape::Struct(&[
    ("key", "Key", Shape::Text),
    ("operator", "Operator", Shape::Text),
    ("value", "Value", Shape::Text),
    ("effect", "Effect", Shape::Text),
    ("tolerationSeconds", "TolerationSeconds", Shape::Json),
]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let handler = object.child("handler");
    if handler.text().is_empty() {
        errors.push(handler.required(""));
    } else {
        names::label(&handler, errors);
    }
    overhead(&object.child("overhead"), errors);
    let scheduling = object.child("scheduling");
    names::labels(&scheduling.child("nodeSelector"), errors);
    let list = scheduling.child("tolerations");
    tolerations(&list, &PodOptions::default(), errors);
    let same = |a: &Node<'_>, b: &Node<'_>| {
        ["key", "operator", "value", "effect"].iter().all(|name| a.child(name).text() == b.child(name).text())
    };
    for (i, toleration) in list.items().enumerate() {
        if list.items().take(i).any(|before| same(&before, &toleration)) {
            errors.push(render(&toleration, &TOLERATION).duplicate());
        }
    }
}

/// What pods of the class take beside their containers: checked as the limits of a container, and so named.
fn overhead(overhead: &Node<'_>, errors: &mut Errors) {
    let fixed = overhead.child("podFixed");
    let limits = overhead.child("limits");
    let limits = limits.with(fixed.value());
    let (mut compute, mut huge) = (false, false);
    for (name, amount) in limits.entries() {
        compute |= matches!(name, "cpu" | "memory");
        huge |= resources::is_huge_pages(name);
        resources::container_resource_name(name, &amount, errors);
        resources::resource_quantity(name, &amount, errors);
    }
    if huge && !compute {
        errors.push(overhead.forbidden("HugePages require cpu or memory"));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    create(object, errors);
    immutable_text(&object.child("handler"), &old.child("handler"), errors);
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let scheduling = object.child("scheduling");
    for (key, _) in scheduling.child("nodeSelector").entries() {
        warnings.extend(node_labels::deprecated(key).map(|why| format!("scheduling.nodeSelector: {why}")));
    }
}
