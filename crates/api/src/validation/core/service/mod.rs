//! Service: its type, its ports and its policies. Addresses and what load balancers say have files of their own.
//!
//! Source: "Service" in the Kubernetes documentation; upstream's `core/validation`.

mod addresses;
mod load_balancer;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::ip::{cidr_warnings, endpoint_ip, ip_warning, legacy_cidr, legacy_ip};
use keelson_apimachinery::content::names::dns_subdomain;
use keelson_apimachinery::content::ports::{port_name, port_number};
use keelson_apimachinery::field::FieldError;

use super::endpoints::PROTOCOLS;
use crate::validation::shared::names::{label, labels, one_of, qualified, refuse, required_one_of};
use crate::validation::shared::render::{Shape, render};
use crate::validation::{Errors, Node, Rules};

pub use addresses::service_addresses;

pub(super) const RULES: Rules = Rules::new("", "services", create, update)
    .subresources(&[("status", load_balancer::status)])
    .warnings(warn)
    .status_warnings(load_balancer::warn);

const TOPOLOGY_HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const TOPOLOGY_MODE: &str = "service.kubernetes.io/topology-mode";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

const OF_LOAD_BALANCERS: &str = "may only be used when `type` is 'LoadBalancer'";

/// The longest time that a client stays with a pod: a day, in seconds.
const MAX_AFFINITY: i64 = 86400;

const PORT: Shape = Shape::Struct(&[
    ("name", "Name", Shape::Text),
    ("protocol", "Protocol", Shape::Text),
    ("appProtocol", "AppProtocol", Shape::Json),
    ("port", "Port", Shape::Int),
    ("targetPort", "TargetPort", Shape::Int),
    ("nodePort", "NodePort", Shape::Int),
]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    service(object, None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    addresses::changes(object, old, errors);
    let (spec, before) = (object.child("spec"), old.child("spec"));
    let class = spec.child("loadBalancerClass");
    if is_type(object, "LoadBalancer")
        && is_type(old, "LoadBalancer")
        && class.value() != before.at(&["loadBalancerClass"])
    {
        errors.push(class.invalid("may not change once set"));
    }
    load_balancer_class(object, &class, errors);
    let health = spec.child("healthCheckNodePort");
    let number = |spec: &Node<'_>| spec.child("healthCheckNodePort").int().unwrap_or(0);
    if needs_health_check(object) && needs_health_check(old) && number(&spec) != number(&before) {
        errors.push(health.forbidden("field is immutable"));
    }
    service(object, Some(old), errors);
}

pub(super) fn is_type(object: &Node<'_>, name: &str) -> bool {
    object.text_at(&["spec", "type"]) == name
}

/// Whether the service has no address of its own: `None` is its only one.
pub(super) fn is_headless(object: &Node<'_>) -> bool {
    matches!(object.array_at(&["spec", "clusterIPs"]), [Value::String(only)] if only == "None")
}

fn externally_accessible(object: &Node<'_>) -> bool {
    match object.text_at(&["spec", "type"]) {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !object.array_at(&["spec", "externalIPs"]).is_empty(),
        _ => false,
    }
}

fn needs_health_check(object: &Node<'_>) -> bool {
    is_type(object, "LoadBalancer") && object.text_at(&["spec", "externalTrafficPolicy"]) == "Local"
}

fn service(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    topology(object, errors);
    let spec = object.child("spec");
    let (ports, kind) = (spec.child("ports"), spec.child("type"));
    if ports.array().is_empty() && !is_headless(object) && kind.text() != "ExternalName" {
        errors.push(ports.required(""));
    }
    by_type(object, &spec, errors);
    port_list(&ports, errors);
    labels(&spec.child("selector"), errors);
    session_affinity(&spec, errors);
    addresses::addresses(object, old, errors);
    external_ips(&spec.child("externalIPs"), old, errors);
    required_one_of(&kind, &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], errors);
    port_numbers(&ports, kind.text(), errors);
    source_ranges(object, old, errors);
    let allocate = spec.child("allocateLoadBalancerNodePorts");
    if allocate.is_set() && kind.text() != "LoadBalancer" {
        errors.push(allocate.forbidden(OF_LOAD_BALANCERS));
    }
    if !allocate.is_set() && kind.text() == "LoadBalancer" {
        errors.push(FieldError::required("allocateLoadBalancerNodePorts", ""));
    }
    load_balancer_class(object, &spec.child("loadBalancerClass"), errors);
    traffic(object, &spec, errors);
}

fn topology(object: &Node<'_>, errors: &mut Errors) {
    let metadata = object.child("metadata");
    let annotations = metadata.child("annotations");
    let (hints, mode) = (annotations.key(TOPOLOGY_HINTS), annotations.key(TOPOLOGY_MODE));
    if hints.is_set() && mode.is_set() && hints.text() != mode.text() {
        let why = format!("must match annotations[{TOPOLOGY_HINTS}] when both are specified");
        errors.push(mode.invalid(why));
    }
}

fn by_type(object: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    let addresses = spec.child("clusterIPs");
    match spec.text_at(&["type"]) {
        kind @ ("LoadBalancer" | "NodePort") if is_headless(object) => {
            let why = format!("may not be set to 'None' for {kind} services");
            errors.push(addresses.index(0).invalid(why));
        }
        "ExternalName" => {
            let why = "may not be set for ExternalName services";
            for member in ["clusterIPs", "ipFamilies"] {
                if !spec.array_at(&[member]).is_empty() {
                    errors.push(spec.child(member).forbidden(why));
                }
            }
            let policy = spec.child("ipFamilyPolicy");
            if policy.is_set() {
                errors.push(policy.forbidden(why));
            }
            let name = spec.child("externalName");
            // A dot at the end says that the name is fully qualified.
            match name.text().strip_suffix('.').unwrap_or(name.text()) {
                "" => errors.push(name.required("")),
                text => errors.extend(dns_subdomain(text).into_iter().map(|t| name.invalid_text(text, t))),
            }
        }
        _ => {}
    }
}

fn port_list(ports: &Node<'_>, errors: &mut Errors) {
    let several = ports.array().len() > 1;
    for (i, port) in ports.items().enumerate() {
        let name = port.child("name");
        if !name.text().is_empty() {
            label(&name, errors);
            if ports.array()[..i].iter().any(|other| other.str_at(&["name"]) == name.text()) {
                errors.push(name.duplicate());
            }
        } else if several {
            errors.push(name.required(""));
        }
        number(&port.child("port"), errors);
        required_one_of(&port.child("protocol"), &PROTOCOLS, errors);
        let target = port.child("targetPort");
        match target.opt_text() {
            Some(text) => refuse(&target, port_name(text), errors),
            None => number(&target, errors),
        }
        let protocol = port.child("appProtocol");
        if protocol.is_set() {
            qualified(&protocol, errors);
        }
    }
}

fn number(port: &Node<'_>, errors: &mut Errors) {
    let value = port.int().unwrap_or(0);
    errors.extend(port_number(value).map(|text| FieldError::invalid_int(port, value, text)));
}

/// What ports may not have twice, and node ports that the type doesn't have.
fn port_numbers(ports: &Node<'_>, kind: &str, errors: &mut Errors) {
    let node_port = |port: &Value| port.get("nodePort").and_then(Value::as_i64).unwrap_or(0);
    let protocol = |port: &Value| port.str_at(&["protocol"]).to_owned();
    let all = ports.array();
    if kind == "ClusterIP" {
        for port in ports.items().filter(|port| port.value().is_some_and(|p| node_port(p) != 0)) {
            errors.push(port.child("nodePort").forbidden("may not be used when `type` is 'ClusterIP'"));
        }
    }
    for (i, port) in all.iter().enumerate().filter(|(_, port)| node_port(port) != 0) {
        let same = |other: &Value| node_port(other) == node_port(port) && protocol(other) == protocol(port);
        if all[..i].iter().any(same) {
            errors.push(ports.index(i).child("nodePort").duplicate());
        }
    }
    for (i, port) in all.iter().enumerate() {
        let same = |other: &Value| {
            other.get("port").and_then(Value::as_i64) == port.get("port").and_then(Value::as_i64)
                && protocol(other) == protocol(port)
        };
        if all[..i].iter().any(same) {
            // What is shown has nothing but what makes it a duplicate.
            let members =
                ["port", "protocol"].iter().filter_map(|m| Some(((*m).into(), port.get(m)?.clone())));
            let key = Value::Object(members.collect());
            errors.push(render(&ports.index(i).with(Some(&key)), &PORT).duplicate());
        }
    }
}

fn session_affinity(spec: &Node<'_>, errors: &mut Errors) {
    let (affinity, config) = (spec.child("sessionAffinity"), spec.child("sessionAffinityConfig"));
    required_one_of(&affinity, &["ClientIP", "None"], errors);
    match affinity.text() {
        "ClientIP" => {
            let client = config.child("clientIP");
            let timeout = client.child("timeoutSeconds");
            let missing = [&config, &client, &timeout].into_iter().find(|node| !node.is_set());
            let seconds = timeout.int().unwrap_or(0);
            if let Some(missing) = missing {
                errors.push(missing.required("when session affinity type is ClientIP"));
            } else if !(1..=MAX_AFFINITY).contains(&seconds) {
                let why = format!("must be greater than 0 and less than {MAX_AFFINITY}");
                errors.push(FieldError::invalid_int(&timeout, seconds, why));
            }
        }
        "None" if config.is_set() => {
            errors.push(config.forbidden("must not be set when session affinity is None"));
        }
        _ => {}
    }
}

fn external_ips(list: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let before = old.map(|old| old.array_at(&["spec", "externalIPs"])).unwrap_or_default();
    for ip in list.items() {
        let known = before.iter().any(|other| Some(other) == ip.value());
        match legacy_ip(ip.text()).filter(|_| !known) {
            Some(wrong) => errors.push(ip.invalid(wrong)),
            None => refuse(&ip, endpoint_ip(ip.text()), errors),
        }
    }
}

/// Where a load balancer lets clients come from. Blanks around ranges are let pass.
fn source_ranges(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let (spec, metadata) = (object.child("spec"), object.child("metadata"));
    let path = ["spec", "loadBalancerSourceRanges"];
    // Errors write the member in capitals.
    let ranges = spec.child("LoadBalancerSourceRanges").with(object.at(&path));
    let balanced = is_type(object, "LoadBalancer");
    let annotations = metadata.child("annotations");
    let annotation = annotations.key(SOURCE_RANGES);
    if !ranges.array().is_empty() {
        if !balanced {
            errors.push(ranges.forbidden(OF_LOAD_BALANCERS));
        }
        let before = old.map(|old| old.array_at(&path)).unwrap_or_default();
        for range in ranges.items() {
            let text = range.text().trim();
            let known = before.iter().any(|other| other.as_str().map(str::trim) == Some(text));
            let wrong = legacy_cidr(text).filter(|_| !known);
            errors.extend(wrong.map(|why| range.invalid_text(text, why)));
        }
    } else if annotation.is_set() {
        if !balanced {
            errors.push(annotation.forbidden(OF_LOAD_BALANCERS));
        }
        let text = annotation.text().trim();
        let same = old
            .is_some_and(|old| old.text_at(&["metadata", "annotations", SOURCE_RANGES]) == annotation.text());
        if !same && !text.is_empty() {
            for range in text.split(',').map(str::trim) {
                errors.extend(legacy_cidr(range).map(|why| annotation.invalid_text(range, why)));
            }
        }
    }
}

fn load_balancer_class(object: &Node<'_>, class: &Node<'_>, errors: &mut Errors) {
    if !class.is_set() {
    } else if is_type(object, "LoadBalancer") {
        qualified(class, errors);
    } else {
        errors.push(class.forbidden(OF_LOAD_BALANCERS));
    }
}

fn traffic(object: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    let (external, internal) = (spec.child("externalTrafficPolicy"), spec.child("internalTrafficPolicy"));
    if externally_accessible(object) {
        required_one_of(&external, &["Cluster", "Local"], errors);
    } else if !external.text().is_empty() {
        errors.push(external.invalid("may only be set for externally-accessible services"));
    }
    let health = spec.child("healthCheckNodePort");
    let port = health.int().unwrap_or(0);
    match (needs_health_check(object), port) {
        (false, 0) => {}
        (false, _) => {
            errors.push(health.invalid(
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
            ))
        }
        (true, 0) => errors.push(health.required("")),
        (true, _) => number(&health, errors),
    }
    if internal.is_set() {
        one_of(&internal, &["Cluster", "Local"], errors);
    } else if matches!(spec.text_at(&["type"]), "NodePort" | "LoadBalancer" | "ClusterIP") {
        errors.push(internal.required(""));
    }
    let distribution = spec.child("trafficDistribution");
    if distribution.is_set() {
        one_of(&distribution, &["PreferClose", "PreferSameZone", "PreferSameNode"], errors);
    }
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if object.at(&["metadata", "annotations", TOPOLOGY_HINTS]).is_some() {
        warnings
            .push(format!("annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead"));
    }
    let spec = object.child("spec");
    let address = |at: &Node<'_>, warnings: &mut Vec<String>| {
        warnings.extend(ip_warning(at.text()).map(|text| format!("{at}: {text}")));
    };
    let (kind, first) = (spec.text_at(&["type"]), spec.text_at(&["clusterIP"]));
    if !matches!(first, "" | "None") {
        spec.child("clusterIPs").items().for_each(|ip| address(&ip, warnings));
    }
    let external = spec.child("externalIPs");
    let (some, balancer) = (!external.array().is_empty(), spec.child("loadBalancerIP"));
    let headless = kind == "ClusterIP" && first == "None";
    if headless {
        if !balancer.text().is_empty() {
            warnings.push("spec.loadBalancerIP is ignored for headless services".into());
        }
        if some {
            warnings.push("spec.externalIPs is ignored for headless services".into());
        }
        if spec.text_at(&["sessionAffinity"]) != "None" {
            warnings.push("spec.SessionAffinity is ignored for headless services".into());
        }
    }
    external.items().for_each(|ip| address(&ip, warnings));
    if some && !headless && kind != "ExternalName" {
        let why = "spec.externalIPs is deprecated and may no longer be implemented in some clusters";
        warnings.push(why.into());
    }
    address(&balancer, warnings);
    for range in spec.child("loadBalancerSourceRanges").items() {
        warnings.extend(cidr_warnings(range.text()).into_iter().map(|text| format!("{range}: {text}")));
    }
    if kind == "ExternalName" && some {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".into());
    }
    if kind != "ExternalName" && !spec.text_at(&["externalName"]).is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".into());
    }
    if spec.text_at(&["trafficDistribution"]) == "PreferClose" {
        let why = "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
        warnings.push(why.into());
    }
}
