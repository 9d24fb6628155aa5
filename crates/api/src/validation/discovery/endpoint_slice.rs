//! EndpointSlice.

use keelson_apimachinery::content::ip::{endpoint_ip, ip_warning, is_ipv4, is_ipv6, legacy_ip, strict_ip};
use keelson_apimachinery::content::names::label_value;

use super::super::shared::immutable::immutable_text;
use super::super::shared::names;
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules =
    Rules::new("discovery.k8s.io", "endpointslices", create, update).warnings(warn).lenient_metadata(&[""]);

const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20_000;
const MAX_ENDPOINTS: usize = 1000;
const MAX_TOPOLOGY: usize = 16;
const MAX_HINTS: usize = 8;

const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// Those who manage slices and copy addresses from others: there is no sense in warning them.
const MANAGERS: [&str; 2] = ["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"];

fn create(object: &Node<'_>, errors: &mut Errors) {
    check(object, None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    check(object, Some(old), errors);
    immutable_text(&object.child("addressType"), &old.child("addressType"), errors);
}

fn check(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let kind = object.child("addressType");
    if kind.text().is_empty() {
        errors.push(kind.required(""));
    } else {
        names::one_of(&kind, &["FQDN", "IPv4", "IPv6"], errors);
    }
    check_ports(&object.child("ports"), errors);
    let endpoints = object.child("endpoints");
    let before = errors.len();
    if endpoints.len() > MAX_ENDPOINTS {
        errors.push(endpoints.too_many(endpoints.len(), MAX_ENDPOINTS));
    } else {
        for endpoint in endpoints.items() {
            check_endpoint(&endpoint, kind.text(), errors);
        }
    }
    // Endpoints that stay as they are may be what they were.
    if errors.len() > before && old.is_some_and(|old| old.child("endpoints").same(&endpoints)) {
        errors.truncate(before);
    }
}

fn check_ports(ports: &Node<'_>, errors: &mut Errors) {
    if ports.len() > MAX_PORTS {
        errors.push(ports.too_many(ports.len(), MAX_PORTS));
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    for (port, value) in ports.items().zip(ports.array()) {
        let (name, protocol, application) =
            (port.child("name"), port.child("protocol"), port.child("appProtocol"));
        if !name.text().is_empty() {
            names::label(&name, errors);
        }
        if ports.len() > 1 && !seen.insert(value.str_at(&["name"])) {
            errors.push(name.duplicate_text(name.text()));
        }
        if protocol.is_set() {
            names::one_of(&protocol, &["SCTP", "TCP", "UDP"], errors);
        } else {
            errors.push(protocol.required(""));
        }
        if application.is_set() {
            names::qualified(&application, errors);
        }
    }
}

fn check_endpoint(endpoint: &Node<'_>, kind: &str, errors: &mut Errors) {
    let addresses = endpoint.child("addresses");
    match addresses.len() {
        0 => errors.push(addresses.required("must contain at least 1 address")),
        count if count > MAX_ADDRESSES => errors.push(addresses.too_many(count, MAX_ADDRESSES)),
        _ => {}
    }
    for address in addresses.items() {
        check_address(&addresses, &address, kind, errors);
    }
    let node = endpoint.child("nodeName");
    if node.is_set() {
        names::subdomain(&node, errors);
    }
    let topology = endpoint.child("deprecatedTopology");
    if topology.len() > MAX_TOPOLOGY {
        errors.push(topology.too_many(topology.len(), MAX_TOPOLOGY));
    }
    names::labels(&topology, errors);
    let host = endpoint.child("hostname");
    if host.is_set() {
        names::label(&host, errors);
    }
    let hints = endpoint.child("hints");
    check_hints(&hints, errors);
}

fn check_address(list: &Node<'_>, address: &Node<'_>, kind: &str, errors: &mut Errors) {
    let text = address.text();
    let wrong = match kind {
        "IPv4" => legacy_ip(text).map(str::to_owned),
        "IPv6" => strict_ip(text),
        "FQDN" => return names::fully_qualified_domain_name(address, errors),
        _ => return,
    };
    if let Some(why) = wrong {
        errors.push(address.invalid_text(text, why));
        return;
    }
    if kind == "IPv4" && !is_ipv4(text) {
        errors.push(list.invalid_text(text, "must be an IPv4 address"));
    }
    if kind == "IPv6" && !is_ipv6(text) {
        errors.push(list.invalid_text(text, "must be an IPv6 address"));
    }
    names::refuse(address, endpoint_ip(text), errors);
}

fn check_hints(hints: &Node<'_>, errors: &mut Errors) {
    let zone: fn(&Node<'_>, &mut Errors) =
        |name, errors| names::refuse(name, label_value(name.text()), errors);
    for (member, rule) in [("forZones", zone), ("forNodes", names::subdomain)] {
        let list = hints.child(member);
        if list.len() > MAX_HINTS {
            errors.push(list.too_many(list.len(), MAX_HINTS));
            return;
        }
        for (i, hint) in list.items().enumerate() {
            let name = hint.child("name");
            if list.items().take(i).any(|before| before.child("name").text() == name.text()) {
                errors.push(name.duplicate_text(name.text()));
            }
            rule(&name, errors);
        }
    }
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if old.is_none() && object.child("addressType").text() == "FQDN" {
        // The path is upstream's.
        warnings.push("spec.addressType: FQDN endpoints are deprecated".to_owned());
    }
    let metadata = object.child("metadata");
    let labels = metadata.child("labels");
    if MANAGERS.contains(&labels.key(MANAGED_BY).text()) {
        return;
    }
    for endpoint in object.child("endpoints").items() {
        for address in endpoint.child("addresses").items() {
            warnings.extend(ip_warning(address.text()).map(|why| format!("{address}: {why}")));
        }
    }
}
