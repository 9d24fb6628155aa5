//! The spec of a pod: all its parts, in the order in which upstream looks at them.

use keelson_apimachinery::content::numbers;
use keelson_apimachinery::{Map, Value};

use super::containers::{Context, containers, ephemeral_containers, init_containers};
use super::probes::Handlers;
use super::volumes::volumes;
use super::{
    PodOptions, claims, environment, network, os, pod_resources, scheduling, security, spread, windows,
};
use crate::validation::shared::names::{label, labels, one_of, required_one_of, subdomain};
use crate::validation::shared::resources::{self, RequirementOptions};
use crate::validation::shared::seen::Seen;
use crate::validation::{Errors, Node};

const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const DNS_POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/// Checks `spec`; `metadata` is the pod's own, and absent for templates.
pub(super) fn spec(spec: &Node<'_>, metadata: Option<&Node<'_>>, options: &PodOptions, errors: &mut Errors) {
    let grace = spec.child("terminationGracePeriodSeconds");
    if !grace.is_set() {
        errors.push(grace.required(""));
    }
    with_containers(spec, metadata, options, errors);
    network::host_network_ports(spec, options, errors);
    required_one_of(&spec.child("restartPolicy"), RESTART_POLICIES, errors);
    let dns_policy = spec.child("dnsPolicy");
    required_one_of(&dns_policy, DNS_POLICIES, errors);
    labels(&spec.child("nodeSelector"), errors);
    security::of_pod(spec, options, errors);
    scheduling::affinity(&spec.child("affinity"), options, errors);
    network::dns_config(&spec.child("dnsConfig"), dns_policy.text(), errors);
    scheduling::readiness_gates(&spec.child("readinessGates"), errors);
    scheduling::gates(&spec.child("schedulingGates"), errors);
    spread::constraints(&spec.child("topologySpreadConstraints"), options, errors);
    windows::host_processes(spec, errors);
    network::user_namespace(spec, options, errors);
    network::hostname_override(spec, errors);
    names(spec, errors);
    scheduling::tolerations(&spec.child("tolerations"), options, errors);
    network::host_aliases(&spec.child("hostAliases"), errors);
    classes(spec, errors);
    overhead(&spec.child("overhead"), options, errors);
    os::os(spec, errors);
    scheduling::group(&spec.child("schedulingGroup"), errors);
    environment::file_volumes(spec, errors);
}

fn with_containers(spec: &Node<'_>, metadata: Option<&Node<'_>>, options: &PodOptions, errors: &mut Errors) {
    let list = spec.child("volumes");
    let pod_name = metadata.map_or("", |metadata| metadata.text_at(&["name"]));
    let volumes = volumes(&list, pod_name, options, errors);
    let claim_list = spec.child("resourceClaims");
    let mut claim_names = Seen::default();
    for name in claim_list.array().iter().map(|claim| claim.str_at(&["name"])).filter(|n| !n.is_empty()) {
        claim_names.insert(name);
    }
    claims::claims(&claim_list, metadata, errors);
    let context = Context {
        options,
        volumes: &volumes,
        claims: &claim_names,
        handlers: Handlers {
            grace_period: spec.child("terminationGracePeriodSeconds").int(),
            os: spec.child("os").is_set().then(|| spec.text_at(&["os", "name"])),
        },
        restart_policy: spec.text_at(&["restartPolicy"]),
        host_users: security::host_users(spec),
    };
    let (regular, init) = (spec.child("containers"), spec.child("initContainers"));
    containers(&regular, context, errors);
    init_containers(&init, &regular, context, errors);
    ephemeral_containers(&spec.child("ephemeralContainers"), [&regular, &init], context, errors);
    pod_resources::of_pod(spec, &claim_names, options, errors);
}

fn if_given(at: &Node<'_>, rule: fn(&Node<'_>, &mut Errors), errors: &mut Errors) {
    if !at.text().is_empty() {
        rule(at, errors);
    }
}

fn names(spec: &Node<'_>, errors: &mut Errors) {
    if_given(&spec.child("serviceAccountName"), subdomain, errors);
    if_given(&spec.child("nodeName"), subdomain, errors);
    let deadline = spec.child("activeDeadlineSeconds");
    let wrong = deadline.int().and_then(|s| numbers::in_range(s, 1, i64::from(i32::MAX)));
    errors.extend(wrong.map(|why| deadline.invalid(why)));
    if_given(&spec.child("hostname"), label, errors);
    if_given(&spec.child("subdomain"), label, errors);
}

fn classes(spec: &Node<'_>, errors: &mut Errors) {
    if_given(&spec.child("priorityClassName"), subdomain, errors);
    let runtime = spec.child("runtimeClassName");
    if runtime.is_set() {
        subdomain(&runtime, errors);
    }
    let preemption = spec.child("preemptionPolicy");
    if preemption.is_set() {
        match preemption.text() {
            "" => errors.push(preemption.required("")),
            _ => one_of(&preemption, &["PreemptLowerPriority", "Never"], errors),
        }
    }
}

/// What the pod costs beside its containers. Errors say `limits`, as they are checked like a container's.
fn overhead(at: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let Some(amounts) = at.value() else { return };
    let mut as_limits = Map::new();
    as_limits.insert("limits", amounts.clone());
    let requirements = Value::Object(as_limits);
    let options =
        RequirementOptions { indivisible_huge_pages: options.indivisible_huge_pages, pod_claims: None };
    resources::requirements(
        &at.with(Some(&requirements)),
        resources::container_resource_name,
        options,
        errors,
    );
}
