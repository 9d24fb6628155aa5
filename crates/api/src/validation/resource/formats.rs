//! Names of drivers, pools, attributes, and other texts.

use keelson_apimachinery::content::names::{dns_label, dns_subdomain, label_value};

use super::super::shared::names;
use super::super::{Errors, Node};

const MAX_DRIVER: usize = 63;
const MAX_POOL: usize = 253;
const MAX_IDENTIFIER: usize = 32;

/// What bounds a text.
const MAX_VALUE: usize = 64;

/// The name of a driver: a subdomain of 63 bytes, upper case or lower.
pub(super) fn driver(node: &Node<'_>, errors: &mut Errors) {
    driver_text(node.text(), node, errors);
}

fn driver_text(name: &str, at: &Node<'_>, errors: &mut Errors) {
    if name.is_empty() {
        errors.push(at.required(""));
        return;
    }
    if name.len() > MAX_DRIVER {
        errors.push(at.too_long(MAX_DRIVER));
    }
    let wrong = dns_subdomain(&name.to_lowercase());
    errors.extend(wrong.into_iter().map(|why| at.invalid_text(name, why)));
}

/// The name of a pool: subdomains with slashes between them.
pub(super) fn pool(node: &Node<'_>, errors: &mut Errors) {
    let name = node.text();
    if name.is_empty() {
        errors.push(node.required(""));
        return;
    }
    if name.len() > MAX_POOL {
        errors.push(node.too_long(MAX_POOL));
    }
    for part in name.split('/') {
        errors.extend(dns_subdomain(part).into_iter().map(|why| node.invalid_text(part, why)));
    }
}

/// An RFC 1123 label as the key of a map at `at`.
pub(super) fn label_key(name: &str, at: &Node<'_>, errors: &mut Errors) {
    errors.extend(dns_label(name).into_iter().map(|why| at.invalid_text(name, why)));
}

/// The name of an attribute or capacity: a C identifier, behind a driver's name and a slash or not.
pub(super) fn qualified_name(name: &str, at: &Node<'_>, errors: &mut Errors) {
    match name.split_once('/') {
        None => identifier(name, at, errors),
        Some((_, rest)) if rest.contains('/') => {}
        Some((domain, name)) => {
            if domain.is_empty() {
                errors.push(at.invalid_text("", "the domain must not be empty"));
            } else {
                driver_text(domain, at, errors);
            }
            if name.is_empty() {
                errors.push(at.invalid_text("", "the name must not be empty"));
            } else {
                identifier(name, at, errors);
            }
        }
    }
}

/// As [`qualified_name`], with the driver's name.
pub(super) fn fully_qualified_name(node: &Node<'_>, errors: &mut Errors) {
    qualified_name(node.text(), node, errors);
    if !node.text().contains('/') {
        let why = "a fully qualified name must be a domain and a name separated by a slash";
        errors.push(node.invalid_text(node.text(), why));
    }
}

fn identifier(text: &str, at: &Node<'_>, errors: &mut Errors) {
    if text.len() > MAX_IDENTIFIER {
        errors.push(at.too_long(MAX_IDENTIFIER));
    }
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    if text.is_empty() || digit || !text.bytes().all(word) {
        errors.push(at.invalid_text(
            text,
            "a valid C identifier must start with alphabetic character or '_', followed by a string of \
             alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for \
             validation is '[A-Za-z_][A-Za-z0-9_]*')",
        ));
    }
}

/// A text of bounded length.
pub(super) fn bounded_text(node: &Node<'_>, errors: &mut Errors) {
    if node.text().len() > MAX_VALUE {
        errors.push(node.too_long(MAX_VALUE));
    }
}

/// A version as semver.org has it.
pub(super) fn version(node: &Node<'_>, errors: &mut Errors) {
    if !is_version(node.text()) {
        errors.push(node.invalid("must be a string compatible with semver.org spec 2.0.0"));
    }
    bounded_text(node, errors);
}

fn is_version(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(word);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    let is_number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre
            .is_none_or(|pre| pre.split('.').all(|part| is_word(part) && (!digits(part) || is_number(part))))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

/// A UUID in lower case, with dashes.
pub(super) fn uid(node: &Node<'_>, errors: &mut Errors) {
    let text = node.text();
    let hex = text.bytes().filter(|c| *c != b'-').collect::<Vec<u8>>();
    let is_uuid = hex.len() == 32 && hex.iter().all(u8::is_ascii_hexdigit);
    let dashed = text.len() == 36 && [8, 13, 18, 23].iter().all(|i| text.as_bytes()[*i] == b'-');
    if !is_uuid {
        errors.push(node.invalid(format!("error validating uid: invalid UUID length: {}", text.len())));
    } else if !dashed || text.bytes().any(|c| c.is_ascii_uppercase()) {
        errors.push(node.invalid(
            "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase \
             hexadecimal characters",
        ));
    }
}

/// A label's value.
pub(super) fn value_of_label(node: &Node<'_>, errors: &mut Errors) {
    names::refuse(node, label_value(node.text()), errors);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic() {
        let check = |text: &str, expected: bool| assert_eq!(is_version(text), expected, "{text:?}");
        check("1.2.3", true);
        check("0.0.0-alpha.1+build.01", true);
        check("1.2", false);
        check("01.2.3", false);
        check("1.2.3-01", false);
        check("1.2.3-", false);
        check("v1.2.3", false);
    }
}
