//! RoleBinding and ClusterRoleBinding.

use super::super::shared::names;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};
use super::GROUP;

pub(super) const ROLE_BINDING: Rules = Rules::new(
    GROUP,
    "rolebindings",
    |object, errors| check(object, true, errors),
    |object, old, errors| update(object, old, true, errors),
);

pub(super) const CLUSTER_ROLE_BINDING: Rules = Rules::new(
    GROUP,
    "clusterrolebindings",
    |object, errors| check(object, false, errors),
    |object, old, errors| update(object, old, false, errors),
);

const ROLE_REF: Shape = Shape::Struct(&[
    ("apiGroup", "APIGroup", Shape::Text),
    ("kind", "Kind", Shape::Text),
    ("name", "Name", Shape::Text),
]);

fn update(object: &Node<'_>, old: &Node<'_>, namespaced: bool, errors: &mut Errors) {
    check(object, namespaced, errors);
    let (role, before) = (object.child("roleRef"), old.child("roleRef"));
    if ["apiGroup", "kind", "name"].iter().any(|name| role.child(name).text() != before.child(name).text()) {
        errors.push(render(&role, &ROLE_REF).invalid("cannot change roleRef"));
    }
}

fn check(object: &Node<'_>, namespaced: bool, errors: &mut Errors) {
    let role = object.child("roleRef");
    names::one_of(&role.child("apiGroup"), &[GROUP], errors);
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    names::one_of(&role.child("kind"), kinds, errors);
    names::required_segment(&role.child("name"), errors);
    for subject in object.child("subjects").items() {
        check_subject(&subject, namespaced, errors);
    }
}

fn check_subject(subject: &Node<'_>, namespaced: bool, errors: &mut Errors) {
    let (name, kind, group) = (subject.child("name"), subject.child("kind"), subject.child("apiGroup"));
    if name.text().is_empty() {
        errors.push(name.required(""));
    }
    match kind.text() {
        "ServiceAccount" => {
            if !name.text().is_empty() {
                names::subdomain(&name, errors);
            }
            names::one_of(&group, &[""], errors);
            let namespace = subject.child("namespace");
            if !namespaced && namespace.text().is_empty() {
                errors.push(namespace.required(""));
            }
        }
        "User" | "Group" => names::one_of(&group, &[GROUP], errors),
        _ => errors.push(kind.not_supported(&["ServiceAccount", "User", "Group"])),
    }
}
