//! RuntimeClass.

use super::super::shared::immutable::immutable_text;
use super::super::shared::names;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("node.k8s.io", "runtimeclasses", create, update);

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
    let scheduling = object.child("scheduling");
    names::labels(&scheduling.child("nodeSelector"), errors);
    let list = scheduling.child("tolerations");
    let same = |a: &Node<'_>, b: &Node<'_>| {
        ["key", "operator", "value", "effect"].iter().all(|name| a.child(name).text() == b.child(name).text())
    };
    for (i, toleration) in list.items().enumerate() {
        if list.items().take(i).any(|before| same(&before, &toleration)) {
            errors.push(render(&toleration, &TOLERATION).duplicate());
        }
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    create(object, errors);
    immutable_text(&object.child("handler"), &old.child("handler"), errors);
}
