//! What may not change, or only grow.

use super::super::{Errors, Node};

/// What a changed field is told.
pub(crate) const IMMUTABLE: &str = "field is immutable";

/// Refuses a value that differs from the old one; shown as it stands.
pub(crate) fn immutable(node: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    if !node.same(old) {
        errors.push(node.invalid(IMMUTABLE));
    }
}

/// As [`immutable`], for a string that is shown as `""` where it is absent.
pub(crate) fn immutable_text(node: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    if node.text() != old.text() {
        errors.push(node.invalid_text(node.text(), IMMUTABLE));
    }
}

/// Whether a counter went down, or away.
pub(crate) fn decremented(node: &Node<'_>, old: &Node<'_>) -> bool {
    match (node.int(), old.int()) {
        (None, Some(_)) => true,
        (Some(now), Some(before)) => now < before,
        _ => false,
    }
}
