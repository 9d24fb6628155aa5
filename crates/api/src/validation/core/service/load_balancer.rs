//! What load balancers say of themselves: in services, and in ingresses with the same shape.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::ip::{ip_warning, legacy_ip, parse_sloppy};
use keelson_apimachinery::content::names::dns_subdomain;

use super::is_type;
use crate::validation::shared::names::{one_of, refuse};
use crate::validation::{Errors, Node};

pub(super) fn status(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    let balancer = status.child("loadBalancer");
    let ingress = balancer.child("ingress");
    if !is_type(object, "LoadBalancer") && !ingress.array().is_empty() {
        errors.push(ingress.forbidden("may only be used when `spec.type` is 'LoadBalancer'"));
        return;
    }
    let before = old.array_at(&["status", "loadBalancer", "ingress"]);
    for point in ingress.items() {
        let (ip, mode) = (point.child("ip"), point.child("ipMode"));
        let known = before.iter().any(|other| other.get("ip").and_then(Value::as_str) == ip.opt_text());
        if !ip.text().is_empty() && !known {
            errors.extend(legacy_ip(ip.text()).map(|why| ip.invalid(why)));
        }
        match (mode.is_set(), ip.text().is_empty()) {
            (false, false) => errors.push(mode.required("must be specified when `ip` is set")),
            (true, true) => errors.push(mode.forbidden("may not be specified when `ip` is not set")),
            (true, false) => one_of(&mode, &["Proxy", "VIP"], errors),
            (false, true) => {}
        }
        let host = point.child("hostname");
        if !host.text().is_empty() {
            refuse(&host, dns_subdomain(host.text()), errors);
            if parse_sloppy(host.text()).is_some() {
                errors.push(host.invalid("must be a DNS name, not an IP address"));
            }
        }
    }
}

pub(super) fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let status = object.child("status");
    let balancer = status.child("loadBalancer");
    for point in balancer.child("ingress").items() {
        let ip = point.child("ip");
        warnings.extend(ip_warning(ip.text()).map(|text| format!("{point}: {text}")));
    }
}
