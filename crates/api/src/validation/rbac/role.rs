//! Role and ClusterRole.

use super::super::shared::selector::{self, Leniency};
use super::super::{Errors, Node, Rules};

pub(super) const ROLE: Rules =
    Rules::new(super::GROUP, "roles", role, |object, _, errors| role(object, errors));

pub(super) const CLUSTER_ROLE: Rules =
    Rules::new(super::GROUP, "clusterroles", create_cluster_role, update_cluster_role);

fn role(object: &Node<'_>, errors: &mut Errors) {
    for rule in object.child("rules").items() {
        check_rule(&rule, true, errors);
    }
}

fn create_cluster_role(object: &Node<'_>, errors: &mut Errors) {
    cluster_role(object, Leniency::default(), errors);
}

fn update_cluster_role(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let rule = old.child("aggregationRule");
    // Whatever was wrong with the old selectors, values are let pass.
    let invalid_values = rule.child("clusterRoleSelectors").items().any(|s| !selector::is_valid(&s));
    cluster_role(object, Leniency { invalid_values }, errors);
}

fn cluster_role(object: &Node<'_>, leniency: Leniency, errors: &mut Errors) {
    for rule in object.child("rules").items() {
        check_rule(&rule, false, errors);
    }
    let rule = object.child("aggregationRule");
    if !rule.is_set() {
        return;
    }
    let selectors = rule.child("clusterRoleSelectors");
    if selectors.is_empty() {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(selectors.required(why));
    }
    for node in selectors.items() {
        selector::label_selector(&node, leniency, errors);
        if !selector::is_valid(&node) {
            errors.push(node.with(None).invalid("invalid label selector."));
        }
    }
}

fn check_rule(rule: &Node<'_>, namespaced: bool, errors: &mut Errors) {
    let verbs = rule.child("verbs");
    if verbs.is_empty() {
        errors.push(verbs.required("verbs must contain at least one value"));
    }
    let (groups, resources) = (rule.child("apiGroups"), rule.child("resources"));
    let urls = rule.child("nonResourceURLs");
    if !urls.is_empty() {
        if namespaced {
            errors.push(urls.invalid("namespaced rules cannot apply to non-resource URLs"));
        }
        if groups.len() + resources.len() + rule.child("resourceNames").len() > 0 {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(urls.invalid(why));
        }
        return;
    }
    if groups.is_empty() {
        errors.push(groups.required("resource rules must supply at least one api group"));
    }
    if resources.is_empty() {
        errors.push(resources.required("resource rules must supply at least one resource"));
    }
}
