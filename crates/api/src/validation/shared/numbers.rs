//! Numbers with limits.

use keelson_apimachinery::content::numbers::NEGATIVE;
use keelson_apimachinery::field::FieldError;

use super::super::{Errors, Node};

/// Refuses a negative integer; absent ones pass.
pub(crate) fn non_negative(node: &Node<'_>, errors: &mut Errors) {
    if let Some(number) = node.int().filter(|number| *number < 0) {
        errors.push(FieldError::invalid_int(node, number, NEGATIVE));
    }
}

/// Refuses negative integers in these members of a struct.
pub(crate) fn non_negative_members(node: &Node<'_>, members: &[&str], errors: &mut Errors) {
    for member in members {
        non_negative(&node.child(member), errors);
    }
}

/// The integer at `node`; `0` where there is none.
pub(crate) fn int(node: &Node<'_>) -> i64 {
    node.int().unwrap_or(0)
}

/// Refuses an integer that is not above zero; absent ones are zero.
pub(crate) fn positive(node: &Node<'_>, errors: &mut Errors) {
    if int(node) <= 0 {
        errors.push(FieldError::invalid_int(node, int(node), "must be greater than zero"));
    }
}
