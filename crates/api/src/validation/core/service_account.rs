//! ServiceAccount.

use keelson_apimachinery::content::names::NameRule;

use crate::validation::metadata::validate_again;
use crate::validation::{Errors, Node, Rules};

const ENFORCE_SECRETS: &str = "kubernetes.io/enforce-mountable-secrets";

pub(super) const RULES: Rules = Rules::new("", "serviceaccounts", create, update).warnings(warn);

fn create(_: &Node<'_>, _: &mut Errors) {}

fn update(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    validate_again(object, true, NameRule::Subdomain, errors);
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let annotated = |node: &Node<'_>| node.at(&["metadata", "annotations", ENFORCE_SECRETS]).is_some();
    if annotated(object) && !old.is_some_and(annotated) {
        warnings.push(format!(
            "metadata.annotations[{ENFORCE_SECRETS}]: deprecated in v1.32+; prefer separate namespaces to isolate \
             access to mounted secrets"
        ));
    }
}
