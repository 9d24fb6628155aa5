//! What whoever writes a pod or a template should know.

use std::collections::BTreeMap;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::ip::ip_warning;
use keelson_apimachinery::content::names::{dns_label, label_value};

use super::annotations::{APP_ARMOR, SECCOMP_CONTAINER, SECCOMP_POD};
use super::{containers, overlaps, scheduling};
use crate::validation::Node;
use crate::validation::core::persistent_volume_claim::claim_spec_warnings;
use crate::validation::shared::node_labels::deprecated;
use crate::validation::shared::resources::quantity;
use crate::validation::shared::seen::Seen;

const DEPRECATED_ANNOTATIONS: &[(&str, &str)] = &[
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
];

/// Types of volumes: by member, what warnings call them, and why not to use them.
const DEPRECATED_VOLUMES: &[(&str, &str, &str)] = &[
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

const NULL_SELECTOR: &str = "a null labelSelector results in matching no pod";
const SECCOMP: &str = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
/// What an annotation that confines a container is told; a pod's are told when they become fields.
pub(super) const APP_ARMOR_FIELD: &str = "deprecated since v1.30; use the \"appArmorProfile\" field instead";

/// How many pairs of ports are compared at most.
const MAX_COMPARED: usize = 100_000;

/// For a new status of a pod.
pub(super) fn of_status(pod: &Node<'_>, _: Option<&Node<'_>>, list: &mut Vec<String>) {
    let status = pod.child("status");
    for kind in ["podIPs", "hostIPs"] {
        for entry in status.child(kind).items() {
            let ip = entry.child("ip");
            list.extend(ip_warning(ip.text()).map(|why| format!("{ip}: {why}")));
        }
    }
}

/// For the creation of a pod; updates have none.
pub(super) fn of_pod(pod: &Node<'_>, old: Option<&Node<'_>>, list: &mut Vec<String>) {
    if old.is_some() {
        return;
    }
    let wrong = dns_label(pod.text_at(&["metadata", "name"]));
    if !wrong.is_empty() {
        list.push(format!(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS \
             label is recommended: [{}]",
            wrong.join(" ")
        ));
    }
    warnings(pod, false, list);
}

/// For a pod or a template.
pub(in crate::validation) fn warnings(of: &Node<'_>, is_template: bool, list: &mut Vec<String>) {
    let (metadata, spec) = (of.child("metadata"), of.child("spec"));
    let annotations = metadata.child("annotations");
    nodes(&spec, list);
    spread(&spec.child("topologySpreadConstraints"), list);
    for (key, why) in DEPRECATED_ANNOTATIONS {
        let annotation = annotations.key(key);
        if annotation.is_set() {
            list.push(format!("{annotation}: {why}"));
        }
    }
    volumes(&spec, list);
    references(&spec, list);
    for resource in ["memory", "ephemeral-storage"] {
        fraction(&spec.child("overhead").key(resource), list);
    }
    let of_pod = annotations.key(SECCOMP_POD);
    if of_pod.is_set() && spec.at(&["securityContext", "seccompProfile"]).is_none() {
        list.push(format!("{of_pod}: {SECCOMP}"));
    }
    containers::visit(&spec, &mut |container| {
        of_container(container, &spec, &annotations, is_template, list);
    });
    ports(&spec, list);
    port_names(&spec, list);
    let grace = spec.child("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|seconds| seconds < 0) {
        list.push(format!("{grace}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    affinity(&spec.child("affinity"), list);
    let servers = spec.child("dnsConfig");
    for server in servers.child("nameservers").items() {
        list.extend(ip_warning(server.text()).map(|why| format!("{server}: {why}")));
    }
    for alias in spec.child("hostAliases").items() {
        let ip = alias.child("ip");
        list.extend(ip_warning(ip.text()).map(|why| format!("{ip}: {why}")));
    }
}

fn nodes(spec: &Node<'_>, list: &mut Vec<String>) {
    for (key, entry) in spec.child("nodeSelector").entries() {
        list.extend(deprecated(key).map(|why| format!("{entry}: {why}")));
    }
    let affinity = spec.child("affinity");
    let of_nodes = affinity.child("nodeAffinity");
    for term in of_nodes.child(scheduling::REQUIRED).child("nodeSelectorTerms").items() {
        node_term(&term, false, list);
    }
    for term in of_nodes.child(scheduling::PREFERRED).items() {
        node_term(&term.child("preference"), true, list);
    }
}

fn node_term(term: &Node<'_>, check_values: bool, list: &mut Vec<String>) {
    for expression in term.child("matchExpressions").items() {
        let key = expression.child("key");
        list.extend(deprecated(key.text()).map(|why| format!("{key}: {} is {why}", key.text())));
        for value in expression.child("values").items().filter(|_| check_values) {
            let wrong = label_value(value.text());
            list.extend(wrong.iter().map(|why| format!("{value}: {} is invalid, {why}", value.text())));
        }
    }
}

fn spread(constraints: &Node<'_>, list: &mut Vec<String>) {
    for constraint in constraints.items() {
        let (key, selector) = (constraint.child("topologyKey"), constraint.child("labelSelector"));
        list.extend(deprecated(key.text()).map(|why| format!("{key}: {} is {why}", key.text())));
        if !selector.is_set() {
            list.push(format!("{selector}: {NULL_SELECTOR}"));
        }
    }
}

fn volumes(spec: &Node<'_>, list: &mut Vec<String>) {
    let volumes = spec.child("volumes");
    for volume in volumes.items() {
        for (member, shown, why) in DEPRECATED_VOLUMES {
            if volume.child(member).is_set() {
                list.push(format!("{}: {why}", volume.child(shown)));
            }
        }
        let claim = volume.child("ephemeral");
        let claim = claim.child("volumeClaimTemplate");
        if claim.is_set() {
            claim_spec_warnings(&claim.child("spec"), list);
        }
    }
    overlaps::overlaps(&volumes, list);
}

fn references(spec: &Node<'_>, list: &mut Vec<String>) {
    let mut seen = Seen::default();
    for alias in spec.child("hostAliases").items() {
        if !seen.insert(alias.value().map_or("", |v| v.str_at(&["ip"]))) {
            let ip = alias.child("ip");
            list.push(format!("{ip}: duplicate ip {:?}", ip.text()));
        }
    }
    let secrets = spec.child("imagePullSecrets");
    let mut seen = Seen::default();
    for (secret, value) in secrets.items().zip(secrets.array()) {
        let name = value.str_at(&["name"]);
        if !seen.insert(name) {
            list.push(format!("{}: duplicate name {name:?}", secret.child("name")));
        }
    }
    for secret in secrets.items().filter(|secret| secret.text_at(&["name"]).is_empty()) {
        list.push(format!("{}: invalid empty name \"\"", secret.child("name")));
    }
}

/// Bytes can't be parted.
fn fraction(amount: &Node<'_>, list: &mut Vec<String>) {
    // Fractions end in one of these suffixes, or have a point or an exponent.
    let maybe = |text: &str| text.contains(['m', 'u', 'n', '.', 'e']);
    if maybe(amount.text()) && quantity(amount).milli_value() % 1000 != 0 {
        let text = amount.text();
        list.push(format!("{amount}: fractional byte value {text:?} is invalid, must be an integer"));
    }
}

fn of_container(
    container: &Node<'_>,
    spec: &Node<'_>,
    annotations: &Node<'_>,
    is_template: bool,
    list: &mut Vec<String>,
) {
    if !annotations.is_empty() {
        let name = container.text_at(&["name"]);
        let key = format!("{SECCOMP_CONTAINER}{name}");
        let seccomp = annotations.key(&key);
        if seccomp.is_set() && container.at(&["securityContext", "seccompProfile"]).is_none() {
            list.push(format!("{seccomp}: {SECCOMP}"));
        }
        let key = format!("{APP_ARMOR}{name}");
        let confined = annotations.key(&key);
        let by_field = container.at(&["securityContext", "appArmorProfile"]).is_some();
        if is_template && confined.is_set() && !by_field {
            let of_pod = spec.at(&["securityContext", "appArmorProfile"]);
            if !of_pod.is_some_and(|profile| same_profile(profile, confined.text())) {
                list.push(format!("{confined}: {APP_ARMOR_FIELD}"));
            }
        }
    }
    for resource in ["memory", "ephemeral-storage"] {
        for kind in ["limits", "requests"] {
            fraction(&container.child("resources").child(kind).key(resource), list);
        }
    }
    hidden_variables(&container.child("env"), list);
}

/// Whether a profile is what an annotation says.
fn same_profile(profile: &Value, annotation: &str) -> bool {
    let local = profile.get("localhostProfile").and_then(Value::as_str);
    match (profile.str_at(&["type"]), local) {
        ("Unconfined", None) => annotation == "unconfined",
        ("RuntimeDefault", None) => annotation == "runtime/default",
        ("Localhost", Some(file)) => !file.is_empty() && annotation.strip_prefix("localhost/") == Some(file),
        _ => false,
    }
}

fn hidden_variables(variables: &Node<'_>, list: &mut Vec<String>) {
    if variables.array().len() < 2 {
        return;
    }
    let mut seen = Seen::default();
    for (variable, value) in variables.items().zip(variables.array()) {
        let name = value.str_at(&["name"]);
        if seen.insert(name) {
            continue;
        }
        let (reference, text) = (format!("$({name})"), value.str_at(&["value"]));
        let from = variable.child("valueFrom").is_set();
        if from || text == reference || !text.contains(&reference) {
            list.push(format!(
                "{variable}: hides previous definition of {name:?}, which may be dropped when using apply"
            ));
        }
    }
}

/// A port of a container, and where it stands.
struct Port<'a> {
    place: String,
    address: &'a str,
    host: i64,
}

fn ports(spec: &Node<'_>, list: &mut Vec<String>) {
    let mut all: BTreeMap<(i64, &str), Vec<Port<'_>>> = BTreeMap::new();
    let mut compared = 0;
    for (kind, place, port) in each_port(spec) {
        let own = port.get("containerPort").and_then(Value::as_i64).unwrap_or(0);
        let host = port.get("hostPort").and_then(Value::as_i64).unwrap_or(0);
        let (address, protocol) = (port.str_at(&["hostIP"]), port.str_at(&["protocol"]));
        let text = || format!("spec.{kind}[{}].ports[{}]", place.0, place.1);
        let at = prefixed(spec, &text());
        if !address.is_empty() && host == 0 {
            let name = port.str_at(&["name"]);
            list.push(format!(
                "{at}: hostIP set without hostPort: {{Name:{name} HostPort:{host} ContainerPort:{own} \
                 Protocol:{protocol} HostIP:{address}}}"
            ));
        }
        let others = all.entry((own, protocol)).or_default();
        compared += others.len();
        if compared > MAX_COMPARED {
            return;
        }
        for other in others.iter() {
            let what = if address == other.address && host == other.host {
                "duplicate"
            } else if host == 0 || other.host == 0 {
                "overlapping"
            } else if host == other.host && address.is_empty() != other.address.is_empty() {
                "dangerously ambiguous"
            } else {
                continue;
            };
            list.push(format!("{at}: {what} port definition with {}", other.place));
        }
        others.push(Port { place: at, address, host });
    }
}

fn port_names(spec: &Node<'_>, list: &mut Vec<String>) {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (kind, place, port) in each_port(spec) {
        let name = port.str_at(&["name"]);
        if name.is_empty() {
            continue;
        }
        let at = prefixed(spec, &format!("spec.{kind}[{}].ports[{}]", place.0, place.1));
        match names.get(name) {
            Some(other) => list.push(format!(
                "{at}: duplicate port name {name:?} with {other}, services and probes that select ports by name \
                 will use {other}"
            )),
            None => {
                names.insert(name, at);
            }
        }
    }
}

/// All ports of all containers, with the list, and the numbers of container and port.
fn each_port<'a>(
    spec: &Node<'a>,
) -> impl Iterator<Item = (&'static str, (usize, usize), &'a Value)> + use<'a> {
    let lists = containers::LISTS.map(|list| (list, spec.array_at(&[list])));
    lists.into_iter().flat_map(|(list, containers)| {
        containers.iter().enumerate().flat_map(move |(i, container)| {
            let ports = container.get("ports").and_then(Value::as_array).unwrap_or_default();
            ports.iter().enumerate().map(move |(j, port)| (list, (i, j), port))
        })
    })
}

/// A place below `spec`, with what stands before it.
fn prefixed(spec: &Node<'_>, below: &str) -> String {
    let whole = spec.to_string();
    format!("{}{below}", whole.strip_suffix("spec").unwrap_or_default())
}

fn affinity(affinity: &Node<'_>, list: &mut Vec<String>) {
    let mut check = |term: &Node<'_>| {
        let selector = term.child("labelSelector");
        if !selector.is_set() {
            list.push(format!("{selector}: {NULL_SELECTOR}"));
        }
    };
    for kind in ["podAffinity", "podAntiAffinity"] {
        let of_pods = affinity.child(kind);
        of_pods.child(scheduling::REQUIRED).items().for_each(|term| check(&term));
        for weighted in of_pods.child(scheduling::PREFERRED).items() {
            check(&weighted.child("podAffinityTerm"));
        }
    }
}
