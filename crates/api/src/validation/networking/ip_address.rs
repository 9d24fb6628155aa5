//! IPAddress: its name is the address.

use keelson_apimachinery::content::ip::strict_ip;
use keelson_apimachinery::content::names::path_segment;

use super::super::shared::immutable::IMMUTABLE;
use super::super::shared::names;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new(super::GROUP, "ipaddresses", create, update);

const PARENT: Shape = Shape::Pointer(&Shape::Struct(&[
    ("group", "Group", Shape::Text),
    ("resource", "Resource", Shape::Text),
    ("namespace", "Namespace", Shape::Text),
    ("name", "Name", Shape::Text),
]));

fn create(object: &Node<'_>, errors: &mut Errors) {
    let metadata = object.child("metadata");
    let name = metadata.child("name");
    if !name.text().is_empty() {
        errors.extend(strict_ip(name.text()).map(|why| name.invalid(why)));
    }
    let spec = object.child("spec");
    let parent = spec.child("parentRef");
    if !parent.is_set() {
        errors.push(parent.required(""));
        return;
    }
    let group = parent.child("group");
    if !group.text().is_empty() {
        names::subdomain(&group, errors);
    }
    names::required_segment(&parent.child("resource"), errors);
    names::required_segment(&parent.child("name"), errors);
    let namespace = parent.child("namespace");
    names::refuse(&namespace, path_segment(namespace.text(), false), errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    create(object, errors);
    let (spec, before) = (object.child("spec"), old.child("spec"));
    let parent = spec.child("parentRef");
    if !parent.same(&before.child("parentRef")) {
        errors.push(render(&parent, &PARENT).invalid(IMMUTABLE));
    }
}
