//! What the status of a pod may become.

use std::collections::BTreeSet;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::ip::{is_ipv4, is_ipv6, legacy_ip};
use keelson_apimachinery::content::numbers::user_or_group_id;
use keelson_apimachinery::field::{ErrorType, FieldError};

use super::update::changed_annotations;
use super::{PodOptions, internal};
use crate::validation::shared::immutable::immutable_text;
use crate::validation::shared::names::{label, one_of, qualified, subdomain};
use crate::validation::shared::render::{Shape, render};
use crate::validation::shared::resources::{is_native, quantity};
use crate::validation::shared::seen::Seen;
use crate::validation::{Errors, Node};

const OBSERVED: &str = "must be a non-negative integer";
const RUNS_AGAIN: &str = "may not be transitioned to non-terminated state";
const MAX_HEALTH_MESSAGE: usize = 1024;

/// Lists of statuses and of the containers that they are about.
const LISTS: [(&str, &str); 3] = [
    ("containerStatuses", "containers"),
    ("initContainerStatuses", "initContainers"),
    ("ephemeralContainerStatuses", "ephemeralContainers"),
];

pub(super) fn status(pod: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    changed_annotations(pod, old, &PodOptions::pod(Some(old)), errors);
    let (status, old_status) = (pod.child("status"), old.child("status"));
    let (spec, old_spec) = (pod.child("spec"), old.child("spec"));
    conditions(&status.child("conditions"), errors);
    nominated_node(&status, &old_status, &old_spec, errors);
    let observed = status.child("observedGeneration");
    if observed.int().is_some_and(|generation| generation < 0) {
        errors.push(observed.invalid(OBSERVED));
    }
    immutable_text(&status.child("qosClass"), &old_status.child("qosClass"), errors);
    for (list, containers) in LISTS {
        terminated_stay(&status.child(list), &old_status.child(list), &old_spec, containers, errors);
    }
    claim_statuses(&status.child("resourceClaimStatuses"), &spec, errors);
    extended_claim(&status.child("extendedResourceClaimStatus"), &spec, errors);
    allocatable_claims(&status, &spec, errors);
    addresses(&status.child("podIPs"), &old_status.child("podIPs"), &internal::POD_IPS, errors);
    host_addresses(&status, &old_status, errors);
    let os = spec.child("os");
    let os = if os.is_set() { os.child("name").text() } else { "linux" };
    for (list, _) in LISTS {
        users(&status.child(list), os, errors);
    }
    for (list, containers) in LISTS {
        if list == "ephemeralContainerStatuses" {
            for container in status.child(list).items() {
                let resources = container.child("allocatedResourcesStatus");
                if !resources.array().is_empty() {
                    errors.push(resources.forbidden("must not be specified in container status"));
                }
            }
        } else {
            allocated(&status.child(list), &spec.child(containers), errors);
        }
    }
}

fn conditions(list: &Node<'_>, errors: &mut Errors) {
    for condition in list.items() {
        let observed = condition.child("observedGeneration");
        if observed.int().is_some_and(|generation| generation < 0) {
            errors.push(observed.invalid(OBSERVED));
        }
        let kind = condition.child("type");
        if !matches!(kind.text(), "PodScheduled" | "Ready" | "Initialized") {
            qualified(&condition.child("Type").with(kind.value()), errors);
        }
    }
}

fn nominated_node(status: &Node<'_>, old: &Node<'_>, old_spec: &Node<'_>, errors: &mut Errors) {
    let at = status.child("nominatedNodeName");
    if at.text().is_empty() || at.text() == old.child("nominatedNodeName").text() {
        return;
    }
    subdomain(&at, errors);
    if !old_spec.child("nodeName").text().is_empty() {
        errors.push(at.forbidden("may not be set on pods that are already bound to a node"));
    }
}

/// A container that has ended and may not restart stays ended.
fn terminated_stay(
    now: &Node<'_>,
    before: &Node<'_>,
    spec: &Node<'_>,
    containers: &str,
    errors: &mut Errors,
) {
    let ephemeral = containers == "ephemeralContainers";
    if before.array().is_empty() || (!ephemeral && all_may_restart(spec)) {
        return;
    }
    for (i, old) in before.array().iter().enumerate() {
        let name = old.str_at(&["name"]);
        let Some(ended) = old.at(&["state", "terminated"]).filter(|state| !state.is_null()) else { continue };
        let runs = |status: &&Value| {
            status.str_at(&["name"]) == name && status.at(&["state", "terminated"]).is_none_or(Value::is_null)
        };
        let again = now.array().iter().filter(runs).count();
        let found = || spec.array_at(&[containers]).iter().find(|c| c.str_at(&["name"]) == name);
        let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or(0);
        let count = match ephemeral {
            true => again,
            false => usize::from(again > 0 && !found().is_some_and(|c| should_restart(c, spec, code))),
        };
        for _ in 0..count {
            let at = now.index(i);
            errors.push(at.child("state").forbidden(RUNS_AGAIN));
        }
    }
}

/// Whether a rule of some container restarts them all.
fn all_may_restart(spec: &Node<'_>) -> bool {
    ["initContainers", "containers"].iter().any(|list| {
        spec.array_at(&[list]).iter().any(|container| {
            let rules = container.get("restartPolicyRules").and_then(Value::as_array).unwrap_or_default();
            rules.iter().any(|rule| rule.str_at(&["action"]) == "RestartAllContainers")
        })
    })
}

/// Whether a container that ended with this code is to start again.
fn should_restart(container: &Value, spec: &Node<'_>, code: i64) -> bool {
    let own = container.str_at(&["restartPolicy"]);
    if !own.is_empty() {
        let rules = container.get("restartPolicyRules").and_then(Value::as_array).unwrap_or_default();
        if let Some(rule) = rules.iter().find(|rule| meets(rule, code)) {
            match rule.str_at(&["action"]) {
                "Restart" | "RestartAllContainers" => return true,
                _ => {}
            }
        }
    }
    let by = |policy: &str| match policy {
        "Always" => Some(true),
        "OnFailure" => Some(code != 0),
        "Never" => Some(false),
        _ => None,
    };
    by(own).or_else(|| by(spec.text_at(&["restartPolicy"]))).unwrap_or(true)
}

/// Whether an exit code is one that a rule is about.
fn meets(rule: &Value, code: i64) -> bool {
    let codes = rule.at(&["exitCodes", "values"]).and_then(Value::as_array).unwrap_or_default();
    let listed = codes.iter().any(|value| value.as_i64() == Some(code));
    match rule.str_at(&["exitCodes", "operator"]) {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    }
}

fn claim_statuses(list: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    let mut names = Seen::default();
    for (status, value) in list.items().zip(list.array()) {
        let (at, name) = (status.child("name"), value.str_at(&["name"]));
        if !spec.array_at(&["resourceClaims"]).iter().any(|claim| claim.str_at(&["name"]) == name) {
            let why = "must match the name of an entry in `spec.resourceClaims`";
            errors.push(at.invalid_text(name, why));
        }
        if !names.insert(name) {
            errors.push(at.duplicate_text(name));
        }
        let claim = status.child("resourceClaimName");
        if claim.is_set() {
            subdomain(&claim, errors);
        }
    }
}

fn extended_claim(status: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    if !status.is_set() {
        return;
    }
    let mappings = status.child("requestMappings");
    if mappings.array().is_empty() {
        errors.push(mappings.required("at least one request mapping is required"));
    }
    let key = |m: &Value| ["containerName", "resourceName", "requestName"].map(|k| m.str_at(&[k]).to_owned());
    let mut seen = BTreeSet::new();
    for (mapping, value) in mappings.items().zip(mappings.array()) {
        let (container, resource) = (mapping.child("containerName"), mapping.child("resourceName"));
        let of_name =
            |list| spec.array_at(&[list]).iter().rfind(|c: &&Value| c.str_at(&["name"]) == container.text());
        match of_name("containers").or_else(|| of_name("initContainers")) {
            None => {
                let why =
                    "must match the name of an entry in spec.initContainers.name or spec.containers.name";
                errors.push(container.invalid_text(container.text(), why));
            }
            Some(found) if found.at(&["resources", "requests", resource.text()]).is_none() => {
                let why = "must match the extended resource name of an entry in \
                           spec.initContainers.resources.requests or spec.containers.resources.requests";
                errors.push(resource.invalid_text(resource.text(), why));
            }
            Some(_) => {}
        }
        let request = mapping.child("requestName");
        label(&status.child("requestName").with(request.value()), errors);
        if !seen.insert(key(value)) {
            errors.extend([container, resource, request].map(|at| at.duplicate_text(at.text())));
        }
    }
    let name = status.child("resourceClaimName");
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        subdomain(&name, errors);
    }
}

fn allocatable_claims(status: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    for claim in status.child("nodeAllocatableResourceClaimStatuses").items() {
        let name = claim.child("resourceClaimName");
        if name.text().is_empty() {
            errors.push(name.required("must not be empty"));
        }
        let names = |list: &[Value]| {
            list.iter().any(|c| c.get("resourceClaimName").and_then(Value::as_str) == Some(name.text()))
        };
        if !names(spec.array_at(&["resourceClaims"])) && !names(status.array_at(&["resourceClaimStatuses"])) {
            errors.push(name.invalid_text(name.text(), "no mapping found in pod reference"));
        }
        for (member, empty) in [
            ("containers", claim.child("containers").is_empty()),
            ("resources", claim.child("resources").is_empty()),
        ] {
            if empty {
                errors.push(claim.child(member).required("must not be empty"));
            }
        }
        for (resource, amount) in claim.child("resources").entries() {
            if !is_native(resource) {
                errors.push(amount.invalid_text(resource, "must be a node allocatable resource name"));
            }
            if quantity(&amount).is_negative() {
                errors.push(amount.invalid("must be non-negative"));
            }
        }
    }
}

fn addresses(list: &Node<'_>, old: &Node<'_>, shape: &Shape, errors: &mut Errors) {
    for entry in list.items() {
        let ip = entry.text_at(&["ip"]);
        if !old.array().iter().any(|before| before.str_at(&["ip"]) == ip) {
            errors.extend(legacy_ip(ip).map(|why| entry.invalid_text(ip, why)));
        }
    }
    let all = list.array();
    if all.len() < 2 {
        return;
    }
    if let Some(wrong) = all.iter().map(|ip| ip.str_at(&["ip"])).find(|ip| !is_ipv4(ip) && !is_ipv6(ip)) {
        let why = format!("failed to check for dual stack with error:invalid IP address {wrong}");
        errors.push(FieldError::new(ErrorType::Internal, list, None, why));
    }
    let both =
        all.iter().any(|ip| is_ipv4(ip.str_at(&["ip"]))) && all.iter().any(|ip| is_ipv6(ip.str_at(&["ip"])));
    if !both || all.len() > 2 {
        errors.push(render(list, shape).invalid("may specify no more than one IP for each IP family"));
    }
}

fn host_addresses(status: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let list = status.child("hostIPs");
    if list.array().is_empty() {
        return;
    }
    let first = list.index(0);
    let first = first.child("ip");
    if first.text() != status.text_at(&["hostIP"]) {
        errors.push(first.invalid_text(first.text(), "must be equal to `hostIP`"));
    }
    addresses(&list, &old.child("hostIPs"), &internal::HOST_IPS, errors);
}

fn users(list: &Node<'_>, os: &str, errors: &mut Errors) {
    for status in list.items() {
        let user = status.child("user");
        let linux = user.child("linux");
        if !linux.is_set() {
            continue;
        }
        match os {
            "windows" => errors.push(linux.forbidden("cannot be set for a windows pod")),
            "linux" => {
                let mut id = |at: &Node<'_>| {
                    let number = at.int().unwrap_or(0);
                    errors.extend(user_or_group_id(number).map(|why| at.invalid(why)));
                };
                id(&linux.child("uid"));
                id(&linux.child("gid"));
                linux.child("supplementalGroups").items().for_each(|group| id(&group));
            }
            _ => {}
        }
    }
}

/// The health of resources that a container has.
fn allocated(list: &Node<'_>, containers: &Node<'_>, errors: &mut Errors) {
    for status in list.items() {
        let name = status.text_at(&["name"]);
        let container = containers.array().iter().find(|c| c.str_at(&["name"]) == name);
        for resource in status.child("allocatedResourcesStatus").items() {
            if let Some(why) = container.and_then(|c| unknown_resource(c, resource.text_at(&["name"]))) {
                errors.push(resource.child("name").invalid(why));
            }
            let devices = resource.child("resources");
            let mut ids = Seen::default();
            for (device, value) in devices.items().zip(devices.array()) {
                one_of(&device.child("health"), &["Healthy", "Unhealthy", "Unknown"], errors);
                let message = device.child("message");
                if message.is_set() && message.text().is_empty() {
                    errors.push(message.required("must be non-empty if specified"));
                } else if message.text().len() > MAX_HEALTH_MESSAGE {
                    errors.push(message.too_long(MAX_HEALTH_MESSAGE));
                }
                let id = value.str_at(&["resourceID"]);
                if !ids.insert(id) {
                    errors.push(device.child("resourceID").duplicate_text(id));
                }
            }
        }
    }
}

fn unknown_resource(container: &Value, name: &str) -> Option<&'static str> {
    if let Some(claim) = name.strip_prefix("claim:") {
        let claims = container.at(&["resources", "claims"]).and_then(Value::as_array).unwrap_or_default();
        let known = claims.iter().any(|c| match (c.str_at(&["name"]), c.str_at(&["request"])) {
            (name, "") => name == claim,
            (name, request) => claim.strip_prefix(name).and_then(|r| r.strip_prefix('/')) == Some(request),
        });
        let why = "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' \
                   or 'claim:<claimName>' if request is empty";
        return (!known).then_some(why);
    }
    let known = container.at(&["resources", "requests", name]).is_some();
    (!known).then_some("must match one of the container's resource requests")
}
