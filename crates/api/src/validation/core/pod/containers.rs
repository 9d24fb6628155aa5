//! Containers: those that run, those that run before them, and those that join later.

use std::collections::BTreeSet;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::ports::{port_name, port_number};

use super::probes::{self, Handlers};
use super::volumes::Volumes;
use super::{PodOptions, environment, mounts, security};
use crate::validation::shared::names::{label, one_of, refuse, required, required_one_of};
use crate::validation::shared::resources::{self, RequirementOptions};
use crate::validation::shared::seen::Seen;
use crate::validation::{Errors, Node};

pub(super) const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES: &[&str] = &["File", "FallbackToLogsOnError"];
const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const RESTART_POLICIES: &[&str] = &["Always", "Never", "OnFailure"];
const ONLY_SIDECARS: &str = "may not be set for init containers without restartPolicy=Always";
const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;

/// Members that ephemeral containers may not have, in the order of Go's struct.
const NOT_EPHEMERAL: &[&str] = &[
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

/// The lists of containers, in the order in which they are visited.
pub(super) const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// What the rules of a container take from its pod.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) options: &'a PodOptions,
    pub(super) volumes: &'a Volumes<'a>,
    /// The names of the pod's resource claims.
    pub(super) claims: &'a Seen<'a>,
    pub(super) handlers: Handlers<'a>,
    /// The pod's.
    pub(super) restart_policy: &'a str,
    pub(super) host_users: bool,
}

/// Visits all containers: first those that initialize, last the ephemeral ones.
pub(super) fn visit(spec: &Node<'_>, visitor: &mut dyn FnMut(&Node<'_>)) {
    for list in LISTS {
        spec.child(list).items().for_each(|container| visitor(&container));
    }
}

/// Whether an init container keeps running beside the others.
pub(super) fn is_sidecar(container: &Node<'_>) -> bool {
    container.child("restartPolicy").text() == "Always"
}

/// `spec.containers`.
pub(super) fn containers(list: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    if list.array().is_empty() {
        errors.push(list.required(""));
        return;
    }
    let mut names = Seen::default();
    for (container, name) in list.items().zip(names_of(list)) {
        common(&container, context, errors);
        if !names.insert(name) {
            errors.push(container.child("name").duplicate_text(name));
        }
        probes::lifecycle(&container.child("lifecycle"), context.handlers, errors);
        probes::all(&container, context.handlers, errors);
        restart_policy(&container, errors);
        restart_rules(&container, errors);
    }
    host_ports(list.items(), list, errors);
}

/// `spec.initContainers`; their names must differ from those of `regular`, too.
pub(super) fn init_containers(
    list: &Node<'_>,
    regular: &Node<'_>,
    context: Context<'_>,
    errors: &mut Errors,
) {
    if list.array().is_empty() {
        return;
    }
    let mut names = Seen::default();
    names_of(regular).for_each(|name| {
        names.insert(name);
    });
    for (i, (container, name)) in list.items().zip(names_of(list)).enumerate() {
        common(&container, context, errors);
        restart_policy(&container, errors);
        if container.child("restartPolicy").is_set() {
            restart_rules(&container, errors);
        }
        if names.contains(name) {
            errors.push(container.child("name").duplicate_text(name));
        } else if !name.is_empty() {
            names.insert(name);
        }
        // Errors about ports of one init container name the first one, whichever it is.
        host_ports(list.items().skip(i).take(1), list, errors);
        let sidecar = is_sidecar(&container);
        if sidecar {
            probes::lifecycle(&container.child("lifecycle"), context.handlers, errors);
            probes::all(&container, context.handlers, errors);
        } else {
            for member in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                let at = container.child(member);
                if at.is_set() {
                    errors.push(at.forbidden(ONLY_SIDECARS));
                }
            }
        }
        if !sidecar && !context.options.init_restart_on_resize {
            for policy in container.child("resizePolicy").items() {
                let at = policy.child("restartPolicy");
                if at.text() == "RestartContainer" {
                    let why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
                    refuse(&at, [why], errors);
                }
            }
        }
    }
}

/// `spec.ephemeralContainers`.
pub(super) fn ephemeral_containers(
    list: &Node<'_>,
    others: [&Node<'_>; 2],
    context: Context<'_>,
    errors: &mut Errors,
) {
    if list.array().is_empty() {
        return;
    }
    let mut names = Seen::default();
    for name in others.into_iter().flat_map(names_of) {
        names.insert(name);
    }
    for (container, name) in list.items().zip(names_of(list)) {
        common(&container, context, errors);
        image_spaces(&container, errors);
        if !names.insert(name) {
            errors.push(container.child("name").duplicate_text(name));
        }
        let target = container.child("targetContainerName");
        let known = others.into_iter().flat_map(names_of).any(|name| name == target.text());
        if !target.text().is_empty() && !known {
            errors.push(target.not_found());
        }
        for member in NOT_EPHEMERAL {
            let at = container.child(member);
            let unset = match at.value() {
                // A struct by value: nothing in it is as good as none.
                Some(Value::Object(map)) if *member == "resources" => map.is_empty(),
                Some(Value::Array(list)) => list.is_empty(),
                value => value.is_none(),
            };
            if !unset {
                errors.push(at.forbidden("cannot be set for an Ephemeral Container"));
            }
        }
        for mount in container.child("volumeMounts").items() {
            for member in ["subPath", "subPathExpr"] {
                let at = mount.child(member);
                if !at.text().is_empty() {
                    errors.push(at.forbidden("cannot be set for an Ephemeral Container"));
                }
            }
        }
    }
}

fn names_of<'a>(list: &Node<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    list.array().iter().map(|container| container.str_at(&["name"]))
}

/// What only pods, but no templates, refuse.
pub(super) fn image_spaces(container: &Node<'_>, errors: &mut Errors) {
    let image = container.child("image");
    if image.text().trim() != image.text() {
        refuse(&image, ["must not have leading or trailing whitespace"], errors);
    }
}

fn common(container: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let name = container.child("name");
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        label(&name, errors);
    }
    required(&container.child("image"), errors);
    required_one_of(&container.child("terminationMessagePolicy"), MESSAGE_POLICIES, errors);
    ports(&container.child("ports"), errors);
    environment::variables(&container.child("env"), errors);
    environment::variables_from(&container.child("envFrom"), errors);
    mounts::mounts(container, context.volumes, errors);
    mounts::devices(container, context.volumes, errors);
    required_one_of(&container.child("imagePullPolicy"), PULL_POLICIES, errors);
    let options = RequirementOptions {
        indivisible_huge_pages: context.options.indivisible_huge_pages,
        pod_claims: Some(context.claims),
    };
    let resources_at = container.child("resources");
    resources::requirements(&resources_at, resources::container_resource_name, options, errors);
    resize_policy(&container.child("resizePolicy"), context.restart_policy, errors);
    security::of_container(&container.child("securityContext"), context.host_users, errors);
}

fn ports(list: &Node<'_>, errors: &mut Errors) {
    let mut names = Seen::default();
    for (port, value) in list.items().zip(list.array()) {
        let name = value.str_at(&["name"]);
        if !name.is_empty() {
            let wrong = port_name(name);
            let at = port.child("name");
            if !wrong.is_empty() {
                refuse(&at, wrong, errors);
            } else if !names.insert(name) {
                errors.push(at.duplicate_text(name));
            }
        }
        let (own, host) = (port.child("containerPort"), port.child("hostPort"));
        match own.int().unwrap_or(0) {
            0 => errors.push(own.required("")),
            number => errors.extend(port_number(number).map(|why| own.invalid(why))),
        }
        match host.int().unwrap_or(0) {
            0 => {}
            number => errors.extend(port_number(number).map(|why| host.invalid(why))),
        }
        required_one_of(&port.child("protocol"), PROTOCOLS, errors);
    }
}

/// No two containers may take the same port of the host. The errors count containers from the first given.
fn host_ports<'a>(containers: impl Iterator<Item = Node<'a>>, list: &Node<'_>, errors: &mut Errors) {
    let mut taken = BTreeSet::new();
    for (i, container) in containers.enumerate() {
        for (j, port) in container.child("ports").items().enumerate() {
            let number = port.child("hostPort").int().unwrap_or(0);
            if number == 0 {
                continue;
            }
            let (protocol, address) = (port.child("protocol").text(), port.child("hostIP").text());
            let text = format!("{protocol}/{address}/{number}");
            if taken.contains(&text) {
                let at = list.index(i);
                let at = at.child("ports");
                errors.push(at.index(j).child("hostPort").duplicate_text(&text));
            } else {
                taken.insert(text);
            }
        }
    }
}

fn resize_policy(list: &Node<'_>, restart_policy: &str, errors: &mut Errors) {
    let mut resources = Seen::default();
    for (policy, value) in list.items().zip(list.array()) {
        let (resource, restart) = (value.str_at(&["resourceName"]), value.str_at(&["restartPolicy"]));
        if !resources.insert(resource) {
            errors.push(policy.duplicate_text(resource));
        }
        let (resource_value, restart_value) = (value.get("resourceName"), value.get("restartPolicy"));
        required_one_of(&list.with(resource_value), &["cpu", "memory"], errors);
        required_one_of(&list.with(restart_value), &["NotRequired", "RestartContainer"], errors);
        if restart_policy == "Never" && restart != "NotRequired" {
            let why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(list.invalid_text(restart, why));
        }
    }
}

/// The policy by which a container restarts: required where there are rules for its exit codes.
fn restart_policy(container: &Node<'_>, errors: &mut Errors) {
    let policy = container.child("restartPolicy");
    if policy.is_set() {
        one_of(&policy, RESTART_POLICIES, errors);
    } else if !container.child("restartPolicyRules").array().is_empty() {
        errors.push(policy.required("must specify restartPolicy when restart rules are used"));
    }
}

fn restart_rules(container: &Node<'_>, errors: &mut Errors) {
    let rules = container.child("restartPolicyRules");
    let count = rules.array().len();
    if count > MAX_RULES {
        errors.push(rules.too_many(count, MAX_RULES));
    }
    for rule in rules.items() {
        one_of(&rule.child("action"), &["Restart", "RestartAllContainers"], errors);
        let codes = rule.child("exitCodes");
        if codes.is_set() {
            one_of(&codes.child("operator"), &["In", "NotIn"], errors);
            let values = codes.child("values");
            if values.array().len() > MAX_EXIT_CODES {
                errors.push(values.too_many(values.array().len(), MAX_EXIT_CODES));
            }
        } else {
            errors.push(codes.required("must be specified"));
        }
    }
}
