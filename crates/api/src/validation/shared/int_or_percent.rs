//! Numbers that may be percentages.

use keelson_apimachinery::content::numbers::{NEGATIVE, not_percent, percent};

use super::super::{Errors, Node};

/// Refuses negative integers, and texts that are no percentage.
pub(crate) fn positive(node: &Node<'_>, errors: &mut Errors) {
    match (node.opt_text(), node.int()) {
        (Some(text), _) if percent(text).is_none() => errors.push(node.invalid(not_percent())),
        (None, Some(number)) if number < 0 => errors.push(node.invalid(NEGATIVE)),
        _ => {}
    }
}

/// Refuses more than 100%.
pub(crate) fn at_most_all(node: &Node<'_>, errors: &mut Errors) {
    if node.opt_text().and_then(percent).is_some_and(|percent| percent > 100) {
        errors.push(node.invalid("must not be greater than 100%"));
    }
}

/// The number, or the number of percent; `0` where there is neither, as for texts that aren't numbers.
pub(crate) fn number(node: &Node<'_>) -> i64 {
    match node.opt_text() {
        Some(text) => percent(text).or_else(|| text.parse().ok()).unwrap_or(0),
        None => node.int().unwrap_or(0),
    }
}
