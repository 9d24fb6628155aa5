//! Cluster IPs and their families: what they look like and how they may change.
//!
//! Source: KEP-563 (dual-stack).

use keelson_apimachinery::Value;
use keelson_apimachinery::content::ip::{is_ipv4, is_ipv6, legacy_ip};

use super::{is_headless, is_type};
use crate::validation::{Errors, Node};

const CHANGED: &str = "may not change once set";

/// What is wrong with the addresses and families of a service: what must hold before any is handed out.
pub fn service_addresses(object: &Value, old: Option<&Value>) -> Errors {
    let mut errors = Errors::new();
    let old = old.map(Node::root);
    addresses(&Node::root(object), old.as_ref(), &mut errors);
    errors
}

pub(super) fn addresses(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    if is_type(object, "ExternalName") {
        return;
    }
    let spec = object.child("spec");
    let (list, families) = (spec.child("clusterIPs"), spec.child("ipFamilies"));
    let first = spec.text_at(&["clusterIP"]);
    match (first.is_empty(), list.array().first()) {
        (false, None) => errors.push(list.required("")),
        (false, Some(value)) if value.as_str() != Some(first) => {
            errors.push(list.invalid("first value must match `clusterIP`"));
        }
        (true, Some(_)) => errors.push(list.invalid("must be empty when `clusterIP` is not specified")),
        _ => {}
    }
    for (i, family) in families.items().enumerate() {
        if !matches!(family.text(), "IPv4" | "IPv6") {
            errors.push(family.not_supported(&["IPv4", "IPv6"]));
        }
        if families.array()[..i].iter().any(|other| Some(other) == family.value()) {
            errors.push(family.duplicate());
        }
    }
    let policy = spec.child("ipFamilyPolicy");
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    if policy.is_set() && !policies.contains(&policy.text()) {
        errors.push(policy.not_supported(&policies));
    }
    let malformed = malformed(&list, old, errors);
    if list.array().len() > 2 {
        errors.push(list.invalid("may only hold up to 2 values"));
    }
    // The rest would only repeat, less clearly, that an address is none.
    if malformed {
        return;
    }
    let texts = || list.items().map(|ip| ip.text());
    if list.array().len() > 1 {
        let (v4, v6) = (texts().any(is_ipv4), texts().any(is_ipv6));
        if !v4 || !v6 {
            errors.push(list.invalid("may specify no more than one IP for each IP family"));
        }
    }
    if !is_headless(object) {
        for (i, (ip, family)) in list.items().zip(families.items()).enumerate() {
            if family.text() == "IPv4" && is_ipv6(ip.text()) {
                errors.push(ip.invalid(format!("expected an IPv4 value as indicated by `ipFamilies[{i}]`")));
            }
            if family.text() == "IPv6" && !is_ipv6(ip.text()) {
                errors.push(ip.invalid(format!("expected an IPv6 value as indicated by `ipFamilies[{i}]`")));
            }
        }
    }
}

/// Whether some address is none, or a `None` that isn't the only one; those that were there before are let pass.
fn malformed(list: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) -> bool {
    let before = old.map(|old| old.array_at(&["spec", "clusterIPs"])).unwrap_or_default();
    let count = errors.len();
    for (i, ip) in list.items().enumerate() {
        if i == 0 && ip.text() == "None" {
            if list.array().len() > 1 {
                errors.push(list.invalid("'None' must be the first and only value"));
            }
            continue;
        }
        if !before.iter().any(|other| Some(other) == ip.value()) {
            errors.extend(legacy_ip(ip.text()).map(|why| ip.invalid_text(ip.text(), why)));
        }
    }
    errors.len() > count
}

/// The first address and family stay; a second one may come and, where the policy says so, go.
pub(super) fn changes(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    if is_type(object, "ExternalName") || is_type(old, "ExternalName") {
        return;
    }
    let spec = object.child("spec");
    let single = spec.text_at(&["ipFamilyPolicy"]) == "SingleStack";
    let releases = |what: &str, errors: &mut Errors| {
        if !single {
            let why = format!("must be set to 'SingleStack' when releasing the secondary {what}");
            errors.push(spec.child("ipFamilyPolicy").invalid(why));
        }
    };
    let (headless, was_headless) = (is_headless(object), is_headless(old));
    let (list, families) = (spec.child("clusterIPs"), spec.child("ipFamilies"));
    if !(headless && was_headless) {
        let (now, was) = (list.array(), old.array_at(&["spec", "clusterIPs"]));
        let refuse = |i: usize, why: &str, errors: &mut Errors| {
            errors.push(list.index(i).with(list.value()).invalid(why));
        };
        let other_first = matches!((now.first(), was.first()), (Some(now), Some(was)) if now != was);
        if now.len() == was.len() {
            for i in (0..now.len()).filter(|i| now[*i] != was[*i]) {
                refuse(i, CHANGED, errors);
            }
        } else {
            if now.is_empty() {
                refuse(0, "primary clusterIP can not be unset", errors);
            }
            if other_first {
                refuse(0, CHANGED, errors);
            }
            if now.len() == 1 && was.len() > 1 {
                releases("clusterIP", errors);
            }
        }
    }
    if headless || was_headless {
        return;
    }
    let (now, was) = (families.array(), old.array_at(&["spec", "ipFamilies"]));
    // Which list is shown is upstream's choice.
    let first = families.index(0);
    if now.len() == was.len() {
        for _ in (0..now.len()).filter(|i| now[*i] != was[*i]) {
            errors.push(first.with(families.value()).invalid(CHANGED));
        }
        return;
    }
    if now.len() < was.len() && list.array().is_empty() {
        errors.push(first.with(families.value()).invalid("primary ipFamily can not be unset"));
    }
    if matches!((now.first(), was.first()), (Some(now), Some(was)) if now != was) {
        errors.push(first.with(list.value()).invalid(CHANGED));
    }
    if now.len() == 1 && was.len() > 1 {
        releases("ipFamily", errors);
    }
}
