//! What requests a webhook or policy is for: rules, conditions, selectors.

use std::collections::BTreeSet;

use keelson_apimachinery::content::names::path_segment;
use keelson_cel::Type;

use super::super::shared::names;
use super::super::shared::selector::{self, Leniency};
use super::super::{Errors, Node};
use super::expression::{Given, Variables};

const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

pub(super) const FAILURE_POLICIES: &[&str] = &["Fail", "Ignore"];
pub(super) const MATCH_POLICIES: &[&str] = &["Equivalent", "Exact"];
pub(super) const REINVOCATION_POLICIES: &[&str] = &["IfNeeded", "Never"];

const MAX_CONDITIONS: usize = 64;

/// A string of a list, if there is one.
pub(super) fn optional_one_of(node: &Node<'_>, supported: &[&str], errors: &mut Errors) {
    if node.is_set() {
        names::one_of(node, supported, errors);
    }
}

/// A string of a list, which must be there.
pub(super) fn required_one_of(node: &Node<'_>, supported: &[&str], errors: &mut Errors) {
    if node.is_set() {
        names::one_of(node, supported, errors);
    } else {
        errors.push(node.required(""));
    }
}

fn has_wildcard(list: &Node<'_>) -> bool {
    list.items().any(|item| item.text() == "*")
}

/// Refuses a wildcard among others.
fn wildcard_alone(list: &Node<'_>, others: &str, errors: &mut Errors) {
    if list.len() > 1 && has_wildcard(list) {
        errors.push(list.invalid(format!("if '*' is present, must not specify other {others}")));
    }
}

fn required_list(list: &Node<'_>, errors: &mut Errors) {
    if list.is_empty() {
        errors.push(list.required(""));
    }
}

/// Checks a rule with operations.
pub(super) fn rule(rule: &Node<'_>, errors: &mut Errors) {
    let operations = rule.child("operations");
    required_list(&operations, errors);
    wildcard_alone(&operations, "operations", errors);
    for operation in operations.items() {
        names::one_of(&operation, OPERATIONS, errors);
    }
    let (groups, versions) = (rule.child("apiGroups"), rule.child("apiVersions"));
    required_list(&groups, errors);
    wildcard_alone(&groups, "API groups", errors);
    required_list(&versions, errors);
    wildcard_alone(&versions, "API versions", errors);
    for version in versions.items().filter(|version| version.text().is_empty()) {
        errors.push(version.required(""));
    }
    resources(&rule.child("resources"), errors);
    optional_one_of(&rule.child("scope"), &["*", "Cluster", "Namespaced"], errors);
}

fn resources(list: &Node<'_>, errors: &mut Errors) {
    required_list(list, errors);
    let (mut all_subresources, mut all_resources) = (BTreeSet::new(), BTreeSet::new());
    let (mut everything, mut wildcard, mut plain) = (false, false, false);
    for (node, value) in list.items().zip(list.array()) {
        let text = value.as_str().unwrap_or("");
        if text.is_empty() {
            errors.push(node.required(""));
            continue;
        }
        everything |= text == "*/*";
        wildcard |= text == "*";
        let Some((resource, subresource)) = text.split_once('/') else {
            // The last one without a subresource tells, as upstream.
            plain = text != "*";
            continue;
        };
        if all_subresources.contains(resource) {
            let why = format!("if '{resource}/*' is present, must not specify {text}");
            errors.push(node.invalid(why));
        }
        if all_resources.contains(subresource) {
            let why = format!("if '*/{subresource}' is present, must not specify {text}");
            errors.push(node.invalid(why));
        }
        if subresource == "*" {
            all_subresources.insert(resource);
        }
        if resource == "*" {
            all_resources.insert(subresource);
        }
    }
    if list.len() > 1 && everything {
        errors.push(list.invalid("if '*/*' is present, must not specify other resources"));
    }
    if wildcard && plain {
        let why = "if '*' is present, must not specify other resources without subresources";
        errors.push(list.invalid(why));
    }
}

/// Checks what a policy or binding matches.
pub(super) fn match_resources(matched: &Node<'_>, errors: &mut Errors) {
    required_one_of(&matched.child("matchPolicy"), MATCH_POLICIES, errors);
    for name in ["namespaceSelector", "objectSelector"] {
        let node = matched.child(name);
        if node.is_set() {
            selector::label_selector(&node, Leniency::default(), errors);
        } else {
            errors.push(node.required(""));
        }
    }
    for name in ["resourceRules", "excludeResourceRules"] {
        for named in matched.child(name).items() {
            let list = named.child("resourceNames");
            for (i, name) in list.items().enumerate() {
                names::refuse(&name, path_segment(name.text(), false), errors);
                if list.items().take(i).any(|before| before.text() == name.text()) {
                    errors.push(name.duplicate());
                }
            }
            rule(&named, errors);
        }
    }
}

/// Refuses operations that can't be mutated, at the path that upstream gives them.
pub(super) fn mutating_operations(matched: &Node<'_>, errors: &mut Errors) {
    let rules = matched.child("resourceRules");
    let path = rules.child("operations");
    for rule in rules.items() {
        for operation in rule.child("operations").items() {
            let here = path.with(operation.value());
            names::one_of(&here, &["*", "CONNECT", "CREATE", "UPDATE"], errors);
        }
    }
}

/// Checks conditions of a match, which may use `params` or not.
pub(super) fn conditions(list: &Node<'_>, params: bool, errors: &mut Errors) {
    if list.len() > MAX_CONDITIONS {
        errors.push(list.too_many(list.len(), MAX_CONDITIONS));
    }
    for (i, condition) in list.items().enumerate() {
        let (expression, name) = (condition.child("expression"), condition.child("name"));
        match expression.text().trim() {
            "" => errors.push(expression.required("")),
            text => {
                let given = Given { params, authorizer: true, patches: false };
                Variables::NONE.compile(&expression, text, given, &[Type::Bool], errors);
            }
        }
        if name.text().is_empty() {
            errors.push(name.required(""));
            continue;
        }
        names::qualified(&name, errors);
        if list.items().take(i).any(|before| before.child("name").text() == name.text()) {
            errors.push(name.duplicate());
        }
    }
}
