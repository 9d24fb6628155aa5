//! Endpoints.

use keelson_apimachinery::content::ip;
use keelson_apimachinery::content::names::NameRule;
use keelson_apimachinery::content::ports::port_number;
use keelson_apimachinery::field::FieldError;

use crate::validation::metadata::validate_again;
use crate::validation::shared::names::{label, qualified, refuse, required_one_of, subdomain};
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("", "endpoints", create, update).warnings(warn);

/// What the controller that writes most of them calls itself, and where.
const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");

/// The protocols of ports, in the order of errors.
pub(super) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

fn create(object: &Node<'_>, errors: &mut Errors) {
    for subset in object.child("subsets").items() {
        let (ready, unready) = (subset.child("addresses"), subset.child("notReadyAddresses"));
        if ready.array().is_empty() && unready.array().is_empty() {
            errors.push(subset.required("must specify `addresses` or `notReadyAddresses`"));
        }
        ready.items().chain(unready.items()).for_each(|one| address(&one, errors));
        let ports = subset.child("ports");
        let several = ports.array().len() > 1;
        ports.items().for_each(|one| port(&one, several, errors));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    validate_again(object, true, NameRule::Subdomain, errors);
    let before = errors.len();
    create(object, errors);
    // What is there already was valid once.
    if errors.len() > before && object.child("subsets").same(&old.child("subsets")) {
        errors.truncate(before);
    }
}

fn address(address: &Node<'_>, errors: &mut Errors) {
    let ip = address.child("ip");
    refuse(&ip, ip::legacy_ip(ip.text()), errors);
    let (host, node) = (address.child("hostname"), address.child("nodeName"));
    if !host.text().is_empty() {
        label(&host, errors);
    }
    if node.is_set() {
        subdomain(&node, errors);
    }
    refuse(&ip, ip::endpoint_ip(ip.text()), errors);
}

fn port(port: &Node<'_>, several: bool, errors: &mut Errors) {
    let (name, number) = (port.child("name"), port.child("port"));
    if !name.text().is_empty() {
        label(&name, errors);
    } else if several {
        errors.push(name.required(""));
    }
    let value = number.int().unwrap_or(0);
    errors.extend(port_number(value).map(|text| FieldError::invalid_int(&number, value, text)));
    required_one_of(&port.child("protocol"), &PROTOCOLS, errors);
    let protocol = port.child("appProtocol");
    if protocol.is_set() {
        qualified(&protocol, errors);
    }
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if object.text_at(&["metadata", "labels", MANAGED_BY.0]) == MANAGED_BY.1 {
        return;
    }
    for subset in object.child("subsets").items() {
        for list in ["addresses", "notReadyAddresses"] {
            for address in subset.child(list).items() {
                let ip = address.child("ip");
                warnings.extend(ip::ip_warning(ip.text()).map(|text| format!("{ip}: {text}")));
            }
        }
    }
}
