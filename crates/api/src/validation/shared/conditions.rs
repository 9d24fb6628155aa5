//! Conditions of apimachinery's type, with reasons and generations.
//!
//! Source: "Typical status properties" in the API conventions.

use super::super::{Errors, Node};
use super::names;

/// The longest reason, in bytes.
const MAX_REASON: usize = 1024;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 32 * 1024;

/// Checks a list of conditions.
pub(crate) fn conditions(list: &Node<'_>, errors: &mut Errors) {
    for (i, item) in list.items().enumerate() {
        let kind = item.child("type");
        if list.items().take(i).any(|before| before.child("type").text() == kind.text()) {
            errors.push(kind.duplicate_text(kind.text()));
        }
        condition(&item, errors);
    }
}

/// Checks one condition.
pub(crate) fn condition(condition: &Node<'_>, errors: &mut Errors) {
    names::qualified(&condition.child("type"), errors);
    names::one_of(&condition.child("status"), &["False", "True", "Unknown"], errors);
    let generation = condition.child("observedGeneration");
    if generation.int().is_some_and(|generation| generation < 0) {
        errors.push(generation.invalid("must be greater than or equal to zero"));
    }
    let since = condition.child("lastTransitionTime");
    if since.text().is_empty() {
        errors.push(since.required(""));
    }
    let reason = condition.child("reason");
    if reason.text().is_empty() {
        errors.push(reason.required(""));
    } else {
        if !is_reason(reason.text()) {
            errors.push(reason.invalid(
                "a condition reason must start with alphabetic character, optionally followed by a string of \
                 alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. \
                 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex \
                 used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
            ));
        }
        if reason.text().len() > MAX_REASON {
            errors.push(reason.too_long(MAX_REASON));
        }
    }
    let message = condition.child("message");
    if message.text().len() > MAX_MESSAGE {
        errors.push(message.too_long(MAX_MESSAGE));
    }
}

fn is_reason(text: &str) -> bool {
    let bytes = text.as_bytes();
    let word = |c: &u8| c.is_ascii_alphanumeric() || *c == b'_';
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(word)
        && bytes.iter().all(|c| word(c) || matches!(c, b',' | b':'))
}
