//! The IP families of a service: what follows from its addresses, its policy and the cluster.
//!
//! Source: KEP-563 (dual-stack).

use keelson_api::validation::service_addresses;
use keelson_apimachinery::content::ip;
use keelson_apimachinery::field::{ErrorType, FieldError, Path, quote};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::network::ServiceNetwork;
use super::spec::{is_headless, needs_cluster_ip, service_type, strings};
use crate::registry::strategy::member;

const POLICY: [&str; 2] = ["spec", "ipFamilyPolicy"];
const FAMILIES: [&str; 2] = ["spec", "ipFamilies"];
const ADDRESSES: [&str; 2] = ["spec", "clusterIPs"];

/// 422 for a service.
fn invalid(service: &Object, errors: &[FieldError]) -> Status {
    Status::invalid("", "Service", service.name(), errors)
}

/// Sets `ipFamilyPolicy` and `ipFamilies` where they follow from the addresses and the cluster; `old` is the
/// service that is updated.
///
/// # Errors
/// 422 for what is malformed, contradicts itself, or is not configured on the cluster.
pub(super) fn set_families(
    service: &mut Object,
    old: Option<&Object>,
    network: &ServiceNetwork,
) -> Result<(), Status> {
    if !needs_cluster_ip(service) || old.is_some_and(|old| prefers_what_it_has(service, old)) {
        return Ok(());
    }
    let free = is_free(service);
    if service.str_at(&POLICY).is_empty() {
        let before = old.map_or("", |old| old.str_at(&POLICY));
        let policy = match before {
            "" if free => "RequireDualStack",
            "" => "SingleStack",
            before => before,
        };
        member(service.members_mut(), "spec").insert("ipFamilyPolicy", policy);
    }
    let errors = service_addresses(service.as_value(), old.map(Object::as_value));
    if !errors.is_empty() {
        return Err(invalid(service, &errors));
    }
    let mut errors = Vec::new();
    if let Some(old) = old {
        release_second(service, old, &mut errors);
    }
    agree_on_one(service, &mut errors);
    infer(service, network, &mut errors);
    if !errors.is_empty() {
        return Err(invalid(service, &errors));
    }
    if !free {
        configured(service, network, &mut errors);
        if !errors.is_empty() {
            return Err(invalid(service, &errors));
        }
    }
    let mut families = strings(service, &FAMILIES);
    if families.is_empty() {
        families.extend(network.cidrs.first().map(|cidr| cidr.family().to_owned()));
    }
    let both = free || network.cidrs.len() == 2;
    if service.str_at(&POLICY) != "SingleStack" && families.len() == 1 && both {
        families.push(if families[0] == "IPv4" { "IPv6" } else { "IPv4" }.to_owned());
    }
    set(service, "ipFamilies", families);
    Ok(())
}

/// A service without an address and without pods may be of any family.
fn is_free(service: &Object) -> bool {
    let selects = service.at(&["spec", "selector"]).and_then(Value::as_object).is_some_and(|m| !m.is_empty());
    is_headless(service) && !selects
}

/// Whether an update leaves a service alone that has what it could get: such a one changes with its policy or
/// its addresses only, not with the cluster.
fn prefers_what_it_has(service: &Object, old: &Object) -> bool {
    let prefers = |policy: &str| policy == "PreferDualStack";
    let before = old.str_at(&POLICY);
    prefers(service.str_at(&POLICY))
        && (before.is_empty() || prefers(before))
        && service_type(old) == service_type(service)
        && strings(service, &ADDRESSES) == strings(old, &ADDRESSES)
        && strings(service, &FAMILIES) == strings(old, &FAMILIES)
}

fn set(service: &mut Object, name: &'static str, list: Vec<String>) {
    let list: Vec<Value> = list.into_iter().map(Value::from).collect();
    member(service.members_mut(), "spec").insert(name, list);
}

fn policy_error(service: &Object, why: &str) -> FieldError {
    let path = Path::new("spec").child("ipFamilyPolicy");
    FieldError::invalid(&path, service.str_at(&POLICY), why)
}

/// A second address or family goes where the policy says so, and only there.
fn release_second(service: &mut Object, old: &Object, errors: &mut Vec<FieldError>) {
    let single = service.str_at(&POLICY) == "SingleStack";
    let lists = [("clusterIPs", ADDRESSES, "cluster IP"), ("ipFamilies", FAMILIES, "IP family")];
    for (name, path, what) in lists {
        let (mut now, before) = (strings(service, &path), strings(old, &path));
        if single && now == before && now.len() > 1 {
            now.truncate(1);
            set(service, name, now);
        } else if !single && !now.is_empty() && now.len() < before.len() {
            let why = format!("must be 'SingleStack' to release the secondary {what}");
            errors.push(policy_error(service, &why));
        }
    }
}

fn agree_on_one(service: &Object, errors: &mut Vec<FieldError>) {
    if service.str_at(&POLICY) != "SingleStack" {
        return;
    }
    for (path, what) in [(ADDRESSES, "cluster IPs"), (FAMILIES, "IP families")] {
        if strings(service, &path).len() == 2 {
            let why =
                format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
            errors.push(policy_error(service, &why));
        }
    }
}

/// Adds the families of addresses that have none.
fn infer(service: &mut Object, network: &ServiceNetwork, errors: &mut Vec<FieldError>) {
    let (addresses, mut families) = (strings(service, &ADDRESSES), strings(service, &FAMILIES));
    for (i, text) in addresses.iter().enumerate() {
        if text == "None" {
            break;
        }
        let family = if ip::is_ipv6(text) { "IPv6" } else { "IPv4" };
        if i < families.len() {
            continue;
        }
        if network.of_family(family).is_some() {
            families.push(family.to_owned());
            continue;
        }
        let all: Vec<String> = addresses.iter().map(|address| quote(address)).collect();
        let path = Path::new("spec").child("clusterIPs").index(i);
        let why = format!("{family} is not configured on this cluster");
        errors.push(FieldError::new(ErrorType::Invalid, &path, Some(format!("[{}]", all.join(","))), why));
    }
    if !families.is_empty() {
        set(service, "ipFamilies", families);
    }
}

fn configured(service: &Object, network: &ServiceNetwork, errors: &mut Vec<FieldError>) {
    if service.str_at(&POLICY) == "RequireDualStack" && network.cidrs.len() < 2 {
        errors.push(policy_error(service, "this cluster is not configured for dual-stack services"));
    }
    for (i, family) in strings(service, &FAMILIES).iter().enumerate() {
        if network.of_family(family).is_none() {
            let path = Path::new("spec").child("ipFamilies").index(i);
            errors.push(FieldError::invalid(&path, family, "not configured on this cluster"));
        }
    }
}
