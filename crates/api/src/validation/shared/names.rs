//! Names of other things: where a text format is wrong, each complaint is an error at the field.

use keelson_apimachinery::content::names::{dns_label, dns_subdomain, path_segment, qualified_name};
use keelson_apimachinery::field::FieldError;

use super::super::{Errors, Node};

/// Refuses the string at `node` for each of `texts`.
pub(crate) fn refuse(
    node: &Node<'_>,
    texts: impl IntoIterator<Item = impl Into<String>>,
    errors: &mut Errors,
) {
    errors.extend(texts.into_iter().map(|text| node.invalid_text(node.text(), text)));
}

/// An RFC 1123 label.
pub(crate) fn label(node: &Node<'_>, errors: &mut Errors) {
    refuse(node, dns_label(node.text()), errors);
}

/// An RFC 1123 subdomain.
pub(crate) fn subdomain(node: &Node<'_>, errors: &mut Errors) {
    refuse(node, dns_subdomain(node.text()), errors);
}

/// A label's key.
pub(crate) fn qualified(node: &Node<'_>, errors: &mut Errors) {
    refuse(node, qualified_name(node.text()), errors);
}

/// A name that can stand between the slashes of a path; it must be there.
pub(crate) fn required_segment(node: &Node<'_>, errors: &mut Errors) {
    if node.text().is_empty() {
        errors.push(node.required(""));
    } else {
        refuse(node, path_segment(node.text(), false), errors);
    }
}

/// A name of three or more labels.
pub(crate) fn fully_qualified_name(node: &Node<'_>, errors: &mut Errors) {
    let name = node.text();
    if name.is_empty() {
        errors.push(node.required(""));
        return;
    }
    let wrong = dns_subdomain(name);
    if !wrong.is_empty() {
        errors.push(node.invalid_text(name, wrong.join(",")));
    } else if name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        errors.push(node.invalid_text(name, why));
    }
}

/// A domain name of two or more labels; a dot may end it.
pub(crate) fn fully_qualified_domain_name(node: &Node<'_>, errors: &mut Errors) {
    if node.text().is_empty() {
        errors.push(node.required(""));
        return;
    }
    let name = node.text().strip_suffix('.').unwrap_or(node.text());
    let wrong = dns_subdomain(name);
    if !wrong.is_empty() {
        errors.push(node.invalid_text(name, wrong.join(",")));
    } else if !name.contains('.') {
        let why = "should be a domain with at least two segments separated by dots";
        errors.push(node.invalid_text(name, why));
    } else if let Some((label, wrong)) =
        name.split('.').map(|l| (l, dns_label(l))).find(|(_, wrong)| !wrong.is_empty())
    {
        errors.push(node.invalid_text(label, wrong.join(",")));
    }
}

/// A subdomain, a slash, and a path: `acme.io/foo`.
pub(crate) fn domain_prefixed_path(node: &Node<'_>, errors: &mut Errors) {
    let text = node.text();
    if text.is_empty() {
        errors.push(node.required(""));
        return;
    }
    let parts = text.split_once('/').filter(|(host, path)| !host.is_empty() && !path.is_empty());
    let Some((host, path)) = parts else {
        errors.push(node.invalid_text(text, "must be a domain-prefixed path (such as \"acme.io/foo\")"));
        return;
    };
    errors.extend(dns_subdomain(host).into_iter().map(|wrong| node.invalid_text(host, wrong)));
    if !path.bytes().all(|c| c.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&c)) {
        let why = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
        errors.push(node.invalid_text(path, why));
    }
}

/// Keys and values of a map that are a label's.
pub(crate) fn labels(node: &Node<'_>, errors: &mut Errors) {
    use keelson_apimachinery::content::names::label_value;
    for (key, value) in node.entries() {
        errors.extend(qualified_name(key).into_iter().map(|wrong| FieldError::invalid(node, key, wrong)));
        let text = value.text();
        errors.extend(label_value(text).into_iter().map(|wrong| FieldError::invalid(node, text, wrong)));
    }
}

/// Refuses a string outside of a list; absent ones count as `""`.
pub(crate) fn one_of(node: &Node<'_>, supported: &[&str], errors: &mut Errors) {
    if !supported.contains(&node.text()) {
        errors.push(node.not_supported(supported));
    }
}

/// As [`one_of`], for a string that must be there.
pub(crate) fn required_one_of(node: &Node<'_>, supported: &[&str], errors: &mut Errors) {
    if node.text().is_empty() {
        errors.push(node.required(""));
    } else {
        one_of(node, supported, errors);
    }
}

/// Refuses a string that is missing.
pub(crate) fn required(node: &Node<'_>, errors: &mut Errors) {
    if node.text().is_empty() {
        errors.push(node.required(""));
    }
}

/// What all annotations of an object may take together, keys and values, in bytes.
pub(crate) const MAX_ANNOTATIONS: usize = 256 * 1024;

/// A map of annotations. Errors name the map, not the entry.
pub(crate) fn annotations(map: &Node<'_>, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in map.entries() {
        let lower = key.bytes().any(|c| c.is_ascii_uppercase()).then(|| key.to_ascii_lowercase());
        let wrong = qualified_name(lower.as_deref().unwrap_or(key));
        errors.extend(wrong.into_iter().map(|text| map.invalid_text(key, text)));
        size += key.len() + value.text().len();
    }
    if size > MAX_ANNOTATIONS {
        errors.push(map.too_long(MAX_ANNOTATIONS));
    }
}
