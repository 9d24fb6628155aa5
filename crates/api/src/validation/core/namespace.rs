//! Namespace.

use keelson_apimachinery::content::names::{NameRule, qualified_name};

use crate::validation::metadata::validate_again;
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules =
    Rules::new("", "namespaces", create, update).subresources(&[("status", status), ("finalize", finalize)]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    let finalizers = spec.child("finalizers");
    for name in finalizers.items() {
        finalizer(&finalizers, name.text(), errors);
    }
}

fn finalizer(at: &Node<'_>, name: &str, errors: &mut Errors) {
    errors.extend(qualified_name(name).into_iter().map(|text| at.invalid_text(name, text)));
    let standard = matches!(name, "kubernetes" | "orphan" | "foregroundDeletion");
    if !standard && !name.contains('/') {
        let why = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(at.invalid_text(name, why));
    }
}

fn update(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    validate_again(object, false, NameRule::Label, errors);
    create(object, errors);
}

fn status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    let phase = status.child("phase").text();
    let (expected, why) = if object.at(&["metadata", "deletionTimestamp"]).is_none() {
        ("Active", "may only be 'Active' if `deletionTimestamp` is empty")
    } else {
        ("Terminating", "may only be 'Terminating' if `deletionTimestamp` is not empty")
    };
    if phase != expected {
        errors.push(status.child("Phase").invalid_text(phase, why));
    }
}

fn finalize(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    for name in spec.child("finalizers").items() {
        finalizer(&name, name.text(), errors);
    }
}
