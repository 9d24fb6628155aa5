//! ResourceQuota.
//!
//! Source: "Resource quotas" in the Kubernetes documentation.

use crate::validation::shared::immutable::IMMUTABLE;
use crate::validation::shared::render::{Shape, render};
use crate::validation::shared::resources::{is_standard, quantity, resource_name, resource_quantity};
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules =
    Rules::new("", "resourcequotas", create, update).subresources(&[("status", status)]).warnings(warn);

const SCOPE_SELECTOR: Shape = Shape::Struct(&[(
    "matchExpressions",
    "MatchExpressions",
    Shape::List(&Shape::Struct(&[
        ("scopeName", "ScopeName", Shape::Text),
        ("operator", "Operator", Shape::Text),
        ("values", "Values", Shape::Json),
    ])),
)]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    spec(&object.child("spec"), errors);
    amounts_of_status(object, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    spec(&object.child("spec"), errors);
    let (spec, old) = (object.child("spec"), old.child("spec"));
    let (scopes, before) = (spec.child("scopes"), old.child("scopes"));
    let within = |a: &Node<'_>, b: &Node<'_>| a.array().iter().all(|scope| b.array().contains(scope));
    if !within(&scopes, &before) || !within(&before, &scopes) {
        errors.push(scopes.invalid(IMMUTABLE));
    }
}

fn status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    amounts_of_status(object, errors);
}

fn amounts_of_status(object: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    amounts(&status.child("hard"), errors);
    amounts(&status.child("used"), errors);
}

fn amounts(map: &Node<'_>, errors: &mut Errors) {
    for (name, amount) in map.entries() {
        resource_name(name, &amount, errors);
        if !name.contains('/') && !is_quota(name) {
            errors.push(amount.invalid_text(name, "must be a standard resource for quota"));
        }
        resource_quantity(name, &amount, errors);
    }
}

/// Whether a quota can limit a resource without a domain.
fn is_quota(name: &str) -> bool {
    is_standard(name) && name != "storage"
}

fn spec(spec: &Node<'_>, errors: &mut Errors) {
    let hard = spec.child("hard");
    amounts(&hard, errors);
    let scopes = spec.child("scopes");
    for scope in scopes.items() {
        if !is_scope(scope.text()) {
            errors.push(scopes.invalid("unsupported scope"));
        }
        for _ in out_of_scope(scope.text(), &hard) {
            errors.push(scopes.invalid("unsupported scope applied to resource"));
        }
    }
    conflicts(scopes.array().iter().filter_map(|scope| scope.as_str()), &scopes, errors);
    let selector = spec.child("scopeSelector");
    if selector.is_set() {
        scope_selector(&selector, &hard, &scopes, errors);
    }
}

fn scope_selector(selector: &Node<'_>, hard: &Node<'_>, scopes: &Node<'_>, errors: &mut Errors) {
    // Errors name the list's members, not its elements.
    let list = selector.child("matchExpressions");
    for requirement in list.items() {
        let scope = requirement.child("scopeName").text();
        let (operator, values) = (requirement.child("operator").text(), requirement.child("values"));
        if !is_scope(scope) {
            errors.push(list.child("scopeName").invalid_text(scope, "unsupported scope"));
        }
        for _ in out_of_scope(scope, hard) {
            let whole = render(&list.with(selector.value()), &SCOPE_SELECTOR);
            errors.push(whole.invalid("unsupported scope applied to resource"));
        }
        let valued = matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        if is_scope(scope) && !valued && operator != "Exists" {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                       ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                       ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.push(list.child("operator").invalid_text(operator, why));
        }
        match operator {
            "In" | "NotIn" if values.array().is_empty() => {
                let why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                errors.push(list.child("values").required(why));
            }
            "Exists" | "DoesNotExist" if !values.array().is_empty() => {
                let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                errors.push(list.child("values").with(values.value()).invalid(why));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => {
                let why = "not a valid selector operator";
                errors.push(list.child("operator").invalid_text(operator, why));
            }
        }
    }
    let names = list.array().iter().map(|requirement| requirement.str_at(&["scopeName"]));
    conflicts(names, scopes, errors);
}

fn conflicts<'a>(names: impl Iterator<Item = &'a str> + Clone, scopes: &Node<'_>, errors: &mut Errors) {
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        let has = |wanted: &str| names.clone().any(|name| name == wanted);
        if has(one) && has(other) {
            errors.push(scopes.invalid("conflicting scopes"));
        }
    }
}

fn is_scope(name: &str) -> bool {
    matches!(
        name,
        "Terminating"
            | "NotTerminating"
            | "BestEffort"
            | "NotBestEffort"
            | "PriorityClass"
            | "VolumeAttributesClass"
            | "CrossNamespacePodAffinity"
    )
}

/// The limited resources that a scope says nothing about.
fn out_of_scope<'a>(scope: &'a str, hard: &'a Node<'a>) -> impl Iterator<Item = &'a str> {
    let of_pods = |name: &str| {
        let compute = name.strip_prefix("requests.").or_else(|| name.strip_prefix("limits.")).unwrap_or(name);
        name == "pods" || matches!(compute, "cpu" | "memory")
    };
    let applies = move |name: &str| match scope {
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => of_pods(name),
        "BestEffort" => name == "pods",
        "VolumeAttributesClass" => matches!(name, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    };
    hard.entries().map(|(name, _)| name).filter(move |name| is_quota(name) && !applies(name))
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if old.is_some() {
        return;
    }
    let spec = object.child("spec");
    let hard = spec.child("hard");
    for resource in ["cpu", "memory", "storage", "ephemeral-storage"] {
        let (named, limit_name) = (format!("requests.{resource}"), format!("limits.{resource}"));
        let bare = matches!(resource, "cpu" | "memory") && !hard.key(&named).is_set();
        let request_name = if bare { resource } else { named.as_str() };
        let (request, limit) = (hard.key(request_name), hard.key(&limit_name));
        if request.is_set() && limit.is_set() && quantity(&request) > quantity(&limit) {
            warnings.push(format!(
                "ResourceQuota {request_name} ({}) should be less than {limit_name} ({})",
                request.text(),
                limit.text()
            ));
        }
    }
}
