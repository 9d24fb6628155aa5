//! What a service's spec says of addresses and ports, and what follows from it. Nothing here takes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

use super::network::PortRange;
use super::ports;
use crate::registry::strategy::member;

/// What a service holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) ports: BTreeSet<u16>,
}

/// 422 for a service.
pub(super) fn invalid(service: &Object, error: FieldError) -> Status {
    Status::invalid("", "Service", service.name(), &[error])
}

pub(super) fn service_type(service: &Object) -> &str {
    match service.str_at(&["spec", "type"]) {
        "" => "ClusterIP",
        text => text,
    }
}

pub(super) fn needs_cluster_ip(service: &Object) -> bool {
    service_type(service) != "ExternalName"
}

pub(super) fn is_headless(service: &Object) -> bool {
    service.str_at(&["spec", "clusterIP"]) == "None"
        || strings(service, &["spec", "clusterIPs"]).first().is_some_and(|ip| ip == "None")
}

/// Whether ports that ask for no node port get one.
pub(super) fn allocates_node_ports(service: &Object) -> bool {
    match service_type(service) {
        "NodePort" => true,
        "LoadBalancer" => {
            service.at(&["spec", "allocateLoadBalancerNodePorts"]).and_then(Value::as_bool) != Some(false)
        }
        _ => false,
    }
}

pub(super) fn needs_health_check_port(service: &Object) -> bool {
    service_type(service) == "LoadBalancer" && service.str_at(&["spec", "externalTrafficPolicy"]) == "Local"
}

pub(super) fn strings(object: &Object, path: &[&str]) -> Vec<String> {
    let list = object.at(path).and_then(Value::as_array).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn port_list(service: &Object) -> &[Value] {
    service.at(&["spec", "ports"]).and_then(Value::as_array).unwrap_or_default()
}

/// What a service holds by what its spec says.
pub(super) fn claims(service: &Object) -> Claims {
    let mut claims = Claims::default();
    if needs_cluster_ip(service) {
        let mut texts = strings(service, &["spec", "clusterIPs"]);
        texts.push(service.str_at(&["spec", "clusterIP"]).to_owned());
        claims.addresses = texts.iter().filter_map(|text| text.parse().ok()).collect();
    }
    let ports = port_list(service).iter().map(|port| number(port, "nodePort"));
    let health = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64);
    claims.ports = ports.chain(health).filter(|p| *p > 0).filter_map(|p| u16::try_from(p).ok()).collect();
    claims
}

/// Keeps `clusterIPs` in step with `clusterIP`, for clients that know only the one.
pub(super) fn normalize_cluster_ips(service: &mut Object, old: Option<&Object>) {
    let one = service.str_at(&["spec", "clusterIP"]).to_owned();
    let all = strings(service, &["spec", "clusterIPs"]);
    let set = |service: &mut Object, list: Vec<String>| {
        let spec = member(service.members_mut(), "spec");
        if list.is_empty() {
            spec.remove("clusterIPs");
        } else {
            spec.insert("clusterIPs", Value::Array(list.into_iter().map(Value::from).collect()));
        }
    };
    let Some(old) = old else {
        if !one.is_empty() && all.is_empty() {
            set(service, vec![one]);
        }
        return;
    };
    let (old_one, old_all) = (old.str_at(&["spec", "clusterIP"]), strings(old, &["spec", "clusterIPs"]));
    if !old_all.is_empty() && all.is_empty() && old_one == one {
        set(service, old_all);
    } else if old_one != one && all == old_all {
        set(service, if one.is_empty() { Vec::new() } else { vec![one] });
    }
}

/// Fills in what the old service was given and the new one leaves out, so that what was once sent can be sent
/// again.
pub(super) fn patch_allocated(service: &mut Object, old: &Object) {
    if needs_cluster_ip(old) && needs_cluster_ip(service) {
        for key in ["clusterIP", "clusterIPs"] {
            let unset = match service.at(&["spec", key]) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.is_empty(),
                Some(Value::Array(list)) => list.is_empty(),
                Some(_) => false,
            };
            if let (true, Some(before)) = (unset, old.at(&["spec", key])) {
                let before = before.clone();
                member(service.members_mut(), "spec").insert(key, before);
            }
        }
    }
    if allocates_node_ports(old) && allocates_node_ports(service) {
        let used = |s: &Object| -> BTreeSet<i64> {
            port_list(s).iter().map(|p| number(p, "nodePort")).filter(|p| *p != 0).collect()
        };
        let both: BTreeSet<i64> = used(old).intersection(&used(service)).copied().collect();
        let by_name: BTreeMap<&str, i64> =
            port_list(old).iter().map(|p| (p.str_at(&["name"]), number(p, "nodePort"))).collect();
        if let Some(Value::Array(ports)) = member(service.members_mut(), "spec").get_mut("ports") {
            for port in ports {
                let before = by_name.get(port.str_at(&["name"])).copied().unwrap_or(0);
                if number(port, "nodePort") == 0 && before != 0 && !both.contains(&before) {
                    set_number(port, "nodePort", before);
                }
            }
        }
    }
    if needs_health_check_port(old) && needs_health_check_port(service) {
        let unset = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0) == 0;
        if let (true, Some(before)) = (unset, old.at(&["spec", "healthCheckNodePort"])) {
            let before = before.clone();
            member(service.members_mut(), "spec").insert("healthCheckNodePort", before);
        }
    }
}

pub(super) fn set_number(value: &mut Value, key: &'static str, number: i64) {
    if let Value::Object(map) = value {
        map.insert(key, number);
    }
}

pub(super) fn not_configured(service: &Object, i: usize, family: &str) -> Status {
    let path = Path::new("spec").child("ipFamilies").index(i);
    invalid(service, FieldError::invalid(&path, family, "not configured on this cluster"))
}

/// Gives every port its node port: the one it asks for, the one that the same port has for another protocol,
/// or a free one.
pub(super) fn assign_node_ports(
    service: &mut Object,
    held: &Claims,
    all: &mut ports::Taken,
    range: PortRange,
    ours: &mut BTreeSet<u16>,
) -> Result<(), Status> {
    let any = allocates_node_ports(service);
    let list = port_list(service).to_vec();
    let asked: BTreeMap<i64, i64> = list
        .iter()
        .rev()
        .map(|port| (number(port, "port"), number(port, "nodePort")))
        .filter(|(_, node_port)| *node_port != 0)
        .collect();
    let mut given: BTreeMap<i64, i64> = BTreeMap::new();
    for (i, port) in list.iter().enumerate() {
        let (number_of_port, asked_here) = (number(port, "port"), number(port, "nodePort"));
        if asked_here == 0 && !any {
            continue;
        }
        let shared = given.get(&number_of_port).copied();
        let wanted = if asked_here != 0 { Some(asked_here) } else { asked.get(&number_of_port).copied() };
        let node_port = match (wanted, shared) {
            (None, Some(shared)) => shared,
            (Some(wanted), Some(shared)) if wanted == shared || asked_here == 0 => shared,
            (Some(wanted), _) if u16::try_from(wanted).is_ok_and(|w| held.ports.contains(&w)) => wanted,
            (Some(wanted), _) => {
                let port = all.take(wanted, range).map_err(|why| {
                    let path = Path::new("spec").child("ports").index(i).child("nodePort");
                    invalid(service, FieldError::invalid_int(&path, wanted, why))
                })?;
                ours.insert(port);
                wanted
            }
            (None, None) => {
                let failed = |why| Status::internal(format!("failed to allocate a nodePort: {why}"));
                let port = all.take_any(range).map_err(failed)?;
                ours.insert(port);
                i64::from(port)
            }
        };
        given.entry(number_of_port).or_insert(node_port);
        if let Some(Value::Array(ports)) = member(service.members_mut(), "spec").get_mut("ports") {
            set_number(&mut ports[i], "nodePort", node_port);
        }
    }
    Ok(())
}

pub(super) fn assign_health_check_port(
    service: &mut Object,
    held: &Claims,
    all: &mut ports::Taken,
    range: PortRange,
    ours: &mut BTreeSet<u16>,
) -> Result<(), Status> {
    if !needs_health_check_port(service) {
        return Ok(());
    }
    let wanted = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0);
    if u16::try_from(wanted).is_ok_and(|w| held.ports.contains(&w)) {
        return Ok(());
    }
    let port = if wanted == 0 {
        all.take_any(range).map_err(|why| format!("failed to allocate a HealthCheck NodePort 0: {why}"))
    } else {
        all.take(wanted, range)
            .map_err(|why| format!("failed to allocate requested HealthCheck NodePort {wanted}: {why}"))
    }
    .map_err(Status::internal)?;
    ours.insert(port);
    member(service.members_mut(), "spec").insert("healthCheckNodePort", i64::from(port));
    Ok(())
}

/// Names outside of the cluster have no traffic inside of it: the default of other types is not for them.
pub(super) fn drop_internal_policy(service: &mut Object) {
    if service_type(service) == "ExternalName" {
        member(service.members_mut(), "spec").remove("internalTrafficPolicy");
    }
}

/// Takes from a service whose type changed what the new type has no use for, where the user left it alone.
pub(super) fn drop_what_the_type_has_not(service: &mut Object, old: &Object) {
    let same = |service: &Object, key: &str| service.at(&["spec", key]) == old.at(&["spec", key]);
    let mut dropped: Vec<&str> = Vec::new();
    if needs_cluster_ip(old) && !needs_cluster_ip(service) {
        if same(service, "clusterIPs") {
            dropped.extend(["clusterIP", "clusterIPs"]);
        }
        dropped.extend(["ipFamilies", "ipFamilyPolicy"].into_iter().filter(|key| same(service, key)));
    }
    if needs_health_check_port(old)
        && !needs_health_check_port(service)
        && same(service, "healthCheckNodePort")
    {
        dropped.push("healthCheckNodePort");
    }
    if service_type(old) == "LoadBalancer" && service_type(service) != "LoadBalancer" {
        let keys = ["allocateLoadBalancerNodePorts", "loadBalancerClass"];
        dropped.extend(keys.into_iter().filter(|key| same(service, key)));
    }
    let published = |s: &Object| matches!(service_type(s), "NodePort" | "LoadBalancer");
    if published(old) && !published(service) && same(service, "externalTrafficPolicy") {
        dropped.push("externalTrafficPolicy");
    }
    let before = claims(old).ports;
    let no_new_ports = claims(service).ports.is_subset(&before);
    let drop_ports = allocates_node_ports(old) && !allocates_node_ports(service) && no_new_ports;
    let spec = member(service.members_mut(), "spec");
    for key in dropped {
        spec.remove(key);
    }
    if let (true, Some(Value::Array(ports))) = (drop_ports, spec.get_mut("ports")) {
        for port in ports {
            if let Value::Object(map) = port {
                map.remove("nodePort");
            }
        }
    }
    if service_type(service) != "LoadBalancer"
        && let Some(Value::Object(status)) = service.members_mut().get_mut("status")
        && status.contains_key("loadBalancer")
    {
        status.insert("loadBalancer", Map::new());
    }
}
