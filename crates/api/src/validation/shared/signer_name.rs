//! Names of signers: a domain and a path, `example.com/my-signer`.

use keelson_apimachinery::content::names::{dns_label, dns_subdomain};
use keelson_apimachinery::field::quote;

use super::super::{Errors, Node};

const MAX_DOMAIN: usize = 253;

/// A domain, a slash, and a path that holds a namespace and a name.
const MAX_NAME: usize = MAX_DOMAIN + 1 + 253 + 63 + 1;

/// Checks the name of a signer, which must be there.
pub(crate) fn signer_name(node: &Node<'_>, errors: &mut Errors) {
    let name = node.text();
    if name.is_empty() {
        errors.push(node.required(""));
        return;
    }
    let Some((domain, path)) = name.split_once('/').filter(|(_, path)| !path.contains('/')) else {
        errors.push(
            node.invalid("must be a fully qualified domain and path of the form 'example.com/signer-name'"),
        );
        return;
    };
    if domain.len() > MAX_DOMAIN {
        errors.push(node.too_long(MAX_DOMAIN));
    }
    first_wrong(node, domain, dns_label, errors);
    if !domain.contains('.') {
        errors.push(
            node.invalid_text(domain, "should be a domain with at least two segments separated by dots"),
        );
    }
    first_wrong(node, path, dns_subdomain, errors);
    if name.len() > MAX_NAME {
        errors.push(node.too_long(MAX_NAME));
    }
}

/// What is wrong with the first part between dots that is.
fn first_wrong(node: &Node<'_>, whole: &str, rule: fn(&str) -> Vec<String>, errors: &mut Errors) {
    let mut wrong = whole.split('.').map(|part| (part, rule(part)));
    if let Some((part, texts)) = wrong.find(|(_, texts)| !texts.is_empty()) {
        let part = quote(part);
        let say = |text: String| node.invalid_text(whole, format!("validating label {part}: {text}"));
        errors.extend(texts.into_iter().map(say));
    }
}
