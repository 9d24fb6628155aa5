//! NetworkPolicy.

use keelson_apimachinery::content::ip::{Cidr, cidr_warnings, legacy_cidr};
use keelson_apimachinery::content::ports::{port_name, port_number};

use super::super::shared::names;
use super::super::shared::selector::{self, Leniency};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new(super::GROUP, "networkpolicies", create, update).warnings(warn);

/// Directions with the member that lists their rules, and that of a rule which lists its peers.
const DIRECTIONS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

/// What is let pass as the old object has it.
#[derive(Clone, Copy)]
struct Lenient<'a> {
    selectors: Leniency,
    old: Option<&'a Node<'a>>,
}

fn create(object: &Node<'_>, errors: &mut Errors) {
    let lenient = Lenient { selectors: Leniency::default(), old: None };
    check_spec(&object.child("spec"), lenient, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let before = old.child("spec");
    let invalid_values = !selector::is_valid(&before.child("podSelector"));
    let lenient = Lenient { selectors: Leniency { invalid_values }, old: Some(&before) };
    check_spec(&object.child("spec"), lenient, errors);
}

fn check_spec(spec: &Node<'_>, lenient: Lenient<'_>, errors: &mut Errors) {
    selector::label_selector(&spec.child("podSelector"), lenient.selectors, errors);
    for (direction, peers) in DIRECTIONS {
        for rule in spec.child(direction).items() {
            for port in rule.child("ports").items() {
                check_port(&port, errors);
            }
            for peer in rule.child(peers).items() {
                check_peer(&peer, lenient, errors);
            }
        }
    }
    let types = spec.child("policyTypes");
    if types.len() > 2 {
        errors.push(types.invalid("may not specify more than two policyTypes"));
        return;
    }
    for kind in types.items() {
        names::one_of(&kind, &["Ingress", "Egress"], errors);
    }
}

fn check_port(port: &Node<'_>, errors: &mut Errors) {
    let (protocol, number, end) = (port.child("protocol"), port.child("port"), port.child("endPort"));
    if protocol.is_set() {
        names::one_of(&protocol, &["TCP", "UDP", "SCTP"], errors);
    }
    match (number.int(), number.opt_text()) {
        (Some(first), _) => {
            errors.extend(port_number(first).map(|why| number.invalid(why)));
            if let Some(last) = end.int() {
                if last < first {
                    let why = "must be greater than or equal to `port`";
                    errors.push(end.with(number.value()).invalid(why));
                }
                errors.extend(port_number(last).map(|why| end.invalid(why)));
            }
        }
        (None, Some(name)) => {
            if end.is_set() {
                errors.push(end.invalid("may not be specified when `port` is non-numeric"));
            }
            names::refuse(&number, port_name(name), errors);
        }
        (None, None) if end.is_set() => {
            errors.push(end.invalid("may not be specified when `port` is not specified"));
        }
        (None, None) => {}
    }
}

fn check_peer(peer: &Node<'_>, lenient: Lenient<'_>, errors: &mut Errors) {
    let mut peers = 0;
    for name in ["podSelector", "namespaceSelector"] {
        let node = peer.child(name);
        if node.is_set() {
            peers += 1;
            selector::label_selector(&node, lenient.selectors, errors);
        }
    }
    let block = peer.child("ipBlock");
    if block.is_set() {
        peers += 1;
        check_block(&block, lenient, errors);
    }
    if peers == 0 {
        errors.push(peer.required("must specify a peer"));
    } else if peers > 1 && block.is_set() {
        errors.push(peer.forbidden("may not specify both ipBlock and another peer"));
    }
}

fn check_block(block: &Node<'_>, lenient: Lenient<'_>, errors: &mut Errors) {
    let cidr = block.child("cidr");
    if cidr.text().is_empty() {
        errors.push(cidr.required(""));
        return;
    }
    check_cidr(&cidr, lenient, errors);
    let Some(range) = Cidr::parse_sloppy(cidr.text()) else { return };
    for except in block.child("except").items() {
        check_cidr(&except, lenient, errors);
        let Some(part) = Cidr::parse_sloppy(except.text()) else { continue };
        let inside = Cidr { address: part.network(), bits: range.bits }.network() == range.network();
        if part.is_ipv6() != range.is_ipv6() || !inside || range.bits >= part.bits {
            errors.push(except.invalid("must be a strict subset of `cidr`"));
        }
    }
}

/// Checks a CIDR, unless the old policy has the same one anywhere.
fn check_cidr(node: &Node<'_>, lenient: Lenient<'_>, errors: &mut Errors) {
    let Some(why) = legacy_cidr(node.text()) else { return };
    let known = |old: &Node<'_>| {
        DIRECTIONS.iter().any(|(direction, peers)| {
            old.child(direction).items().any(|rule| {
                rule.child(peers).items().any(|peer| {
                    let block = peer.child("ipBlock");
                    block.child("cidr").opt_text() == Some(node.text())
                        || block.child("except").items().any(|except| except.text() == node.text())
                })
            })
        })
    };
    if !lenient.old.is_some_and(known) {
        errors.push(node.invalid(why));
    }
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let spec = object.child("spec");
    let mut tell = |node: &Node<'_>| {
        warnings.extend(cidr_warnings(node.text()).into_iter().map(|why| format!("{node}: {why}")));
    };
    for (direction, peers) in DIRECTIONS {
        for rule in spec.child(direction).items() {
            for peer in rule.child(peers).items() {
                let block = peer.child("ipBlock");
                if block.is_set() {
                    tell(&block.child("cidr"));
                    block.child("except").items().for_each(|except| tell(&except));
                }
            }
        }
    }
}
