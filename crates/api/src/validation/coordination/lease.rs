//! Lease.

use super::super::shared::names;
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("coordination.k8s.io", "leases", create, update);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    let duration = spec.child("leaseDurationSeconds");
    if duration.int().is_some_and(|seconds| seconds <= 0) {
        errors.push(duration.invalid("must be greater than 0"));
    }
    let transitions = spec.child("leaseTransitions");
    if transitions.int().is_some_and(|count| count < 0) {
        errors.push(transitions.invalid("must be greater than or equal to 0"));
    }
    let strategy = spec.child("strategy");
    if let Some(text) = strategy.opt_text() {
        // The path is upstream's.
        let inner = strategy.child("strategy").with(strategy.value());
        if text.contains('/') {
            names::qualified(&inner, errors);
        } else {
            names::one_of(&inner, &["OldestEmulationVersion"], errors);
        }
    }
    let holder = spec.child("preferredHolder");
    if !holder.text().is_empty() && strategy.text().is_empty() {
        errors.push(holder.forbidden("may only be specified if `strategy` is defined"));
    }
}

fn update(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    create(object, errors);
}
