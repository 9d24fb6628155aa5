//! Names of certificate signers, and of the trust bundles that belong to them.

use keelson_apimachinery::content::names;

use crate::validation::shared::names::refuse;
use crate::validation::{Errors, Node};

const MAX_DOMAIN: usize = 253;
/// A domain, a slash, and a namespace with a name.
const MAX_NAME: usize = MAX_DOMAIN + 1 + 253 + 63 + 1;

/// Whether Kubernetes itself defines a signer.
pub(in crate::validation) fn is_kubernetes(name: &str) -> bool {
    let host = name.split('/').next().unwrap_or(name);
    host == "kubernetes.io" || host.ends_with(".kubernetes.io")
}

/// A domain and a path: `example.com/signer`.
pub(in crate::validation) fn signer_name(at: &Node<'_>, errors: &mut Errors) {
    let text = at.text();
    if text.is_empty() {
        errors.push(at.required(""));
        return;
    }
    let Some((domain, path)) = text.split_once('/').filter(|(_, path)| !path.contains('/')) else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        refuse(at, [why], errors);
        return;
    };
    if domain.len() > MAX_DOMAIN {
        errors.push(at.too_long(MAX_DOMAIN));
    }
    first_wrong(at, domain, names::dns_label, errors);
    if !domain.contains('.') {
        let why = "should be a domain with at least two segments separated by dots";
        errors.push(at.invalid_text(domain, why));
    }
    first_wrong(at, path, names::dns_subdomain, errors);
    if text.len() > MAX_NAME {
        errors.push(at.too_long(MAX_NAME));
    }
}

/// Reports the first part between dots that breaks a rule.
fn first_wrong(at: &Node<'_>, whole: &str, rule: fn(&str) -> Vec<String>, errors: &mut Errors) {
    let first = whole.split('.').map(|part| (part, rule(part))).find(|(_, wrong)| !wrong.is_empty());
    if let Some((part, wrong)) = first {
        let texts = wrong.into_iter().map(|text| format!("validating label {part:?}: {text}"));
        errors.extend(texts.map(|text| at.invalid_text(whole, text)));
    }
}

/// What is wrong with a trust bundle's name: it begins with its signer's, where it has one.
pub(in crate::validation) fn trust_bundle_name(name: &str) -> Vec<String> {
    names::dns_subdomain(name.rsplit_once(':').map_or(name, |(_, own)| own))
}
