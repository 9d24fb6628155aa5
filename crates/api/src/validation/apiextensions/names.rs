//! The names of a custom resource.

use keelson_apimachinery::content::names::dns_1035_label;

use super::super::{Errors, Node};

/// Checks the names that are there.
pub(super) fn names(names: &Node<'_>, errors: &mut Errors) {
    for name in ["plural", "singular"] {
        label(&names.child(name), errors);
    }
    let (kind, list) = (names.child("kind"), names.child("listKind"));
    for node in [&kind, &list] {
        let wrong = dns_1035_label(&node.text().to_lowercase());
        if !node.text().is_empty() && !wrong.is_empty() {
            let wrong = wrong.join(",");
            errors.push(node.invalid(format!("may have mixed case, but should otherwise match: {wrong}")));
        }
    }
    for name in names.child("shortNames").items() {
        required_label(&name, errors);
    }
    if !kind.text().is_empty() && kind.text() == list.text() {
        errors.push(list.invalid("kind and listKind may not be the same"));
    }
    for category in names.child("categories").items() {
        required_label(&category, errors);
    }
}

/// A DNS-1035 label, if there is one; all that is wrong with it in one error.
pub(super) fn label(node: &Node<'_>, errors: &mut Errors) {
    if !node.text().is_empty() {
        required_label(node, errors);
    }
}

/// A DNS-1035 label.
pub(super) fn required_label(node: &Node<'_>, errors: &mut Errors) {
    let wrong = dns_1035_label(node.text());
    if !wrong.is_empty() {
        errors.push(node.invalid_text(node.text(), wrong.join(",")));
    }
}
