//! Services and network policies.

use keelson_apimachinery::{Map, Value};

use super::members::{has_items, is_set, items_mut, object, object_mut, set_absent, set_empty, text};

/// How long a client sticks to an endpoint, in seconds.
const AFFINITY_SECONDS: i64 = 10_800;

/// What follows from a service's type and affinity. Both have defaults of their own.
pub(super) fn service(service: &mut Map) {
    let Some(spec) = object_mut(service, "spec") else { return };
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.remove("sessionAffinityConfig");
        }
        "ClientIP" => stick(spec),
        _ => {}
    }
    for port in items_mut(spec, "ports") {
        let none = match port.get("targetPort") {
            Some(Value::Int(number)) => *number == 0,
            Some(Value::String(name)) => name.is_empty(),
            other => other.is_none_or(Value::is_null),
        };
        if none && let Some(number) = port.get("port").and_then(Value::as_i64) {
            port.insert("targetPort", number);
        }
    }
    let kind = text(spec, "type");
    let (cluster, balanced) = (kind == "ClusterIP", kind == "LoadBalancer");
    let outside = balanced || kind == "NodePort";
    if outside || (cluster && has_items(spec, "externalIPs")) {
        set_empty(spec, "externalTrafficPolicy", "Cluster");
    }
    if outside || cluster {
        set_absent(spec, "internalTrafficPolicy", "Cluster");
    }
    if balanced {
        set_absent(spec, "allocateLoadBalancerNodePorts", true);
        virtual_addresses(service);
    }
}

fn stick(spec: &mut Map) {
    let config = object(spec, "sessionAffinityConfig").and_then(|config| object(config, "clientIP"));
    if config.is_some_and(|config| is_set(config, "timeoutSeconds")) {
        return;
    }
    let (mut client, mut config) = (Map::new(), Map::new());
    client.insert("timeoutSeconds", AFFINITY_SECONDS);
    config.insert("clientIP", client);
    spec.insert("sessionAffinityConfig", config);
}

fn virtual_addresses(service: &mut Map) {
    let Some(status) = object_mut(service, "status") else { return };
    let Some(balancer) = object_mut(status, "loadBalancer") else { return };
    for ingress in items_mut(balancer, "ingress") {
        if !text(ingress, "ip").is_empty() {
            set_absent(ingress, "ipMode", "VIP");
        }
    }
}

/// A policy that does not say what it is for is for incoming traffic, and for outgoing where it has rules for that.
pub(super) fn policy_types(spec: &mut Map) {
    if has_items(spec, "policyTypes") {
        return;
    }
    let mut types = vec![Value::from("Ingress")];
    if has_items(spec, "egress") {
        types.push("Egress".into());
    }
    spec.insert("policyTypes", types);
}
