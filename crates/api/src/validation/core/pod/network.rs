//! Names and addresses: DNS, host names, host aliases, and ports on the host's network.

use keelson_apimachinery::content::ip::legacy_ip;
use keelson_apimachinery::content::names;
use keelson_apimachinery::field::FieldError;

use super::{PodOptions, containers, security};
use crate::validation::shared::names::{refuse, subdomain};
use crate::validation::{Errors, Node};

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
/// What all search domains may take together, with the spaces between them, in bytes.
const MAX_SEARCH_LIST: usize = 2048;
/// The longest host name that Linux takes.
const MAX_HOSTNAME: usize = 64;

/// `spec.dnsConfig`.
pub(super) fn dns_config(config: &Node<'_>, policy: &str, errors: &mut Errors) {
    let servers = config.child("nameservers");
    if policy == "None" {
        if !config.is_set() {
            errors.push(config.required("must provide `dnsConfig` when `dnsPolicy` is None"));
            return;
        }
        if servers.array().is_empty() {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(servers.required(why));
            return;
        }
    }
    if servers.array().len() > MAX_NAMESERVERS {
        errors.push(servers.invalid("must not have more than 3 nameservers"));
    }
    servers.items().for_each(|server| refuse(&server, legacy_ip(server.text()), errors));
    let searches = config.child("searches");
    let count = searches.array().len();
    if count > MAX_SEARCHES {
        errors.push(searches.invalid("must not have more than 32 search paths"));
    }
    let length: usize = searches.items().map(|search| search.text().len()).sum();
    if length + count.saturating_sub(1) > MAX_SEARCH_LIST {
        let why = "must not have more than 2048 characters (including spaces) in the search list";
        errors.push(searches.invalid(why));
    }
    for search in searches.items().filter(|search| search.text() != ".") {
        let domain = search.text().strip_suffix('.').unwrap_or(search.text());
        let wrong = names::dns_subdomain_with_underscore(domain);
        errors.extend(wrong.into_iter().map(|text| search.invalid_text(domain, text)));
    }
    for option in config.child("options").items() {
        if option.child("name").text().is_empty() {
            errors.push(option.required("must not be empty"));
        }
    }
}

/// `spec.hostAliases`.
pub(super) fn host_aliases(list: &Node<'_>, errors: &mut Errors) {
    for alias in list.items() {
        let ip = alias.child("ip");
        refuse(&ip, legacy_ip(ip.text()), errors);
        alias.child("hostnames").items().for_each(|name| subdomain(&name, errors));
    }
}

/// `spec.hostnameOverride`.
pub(super) fn hostname_override(spec: &Node<'_>, errors: &mut Errors) {
    let name = spec.child("hostnameOverride");
    if !name.is_set() {
        return;
    }
    if spec.child("setHostnameAsFQDN").is_true() {
        errors.push(name.forbidden("may not be specified when setHostnameAsFQDN is true"));
    }
    if spec.child("hostNetwork").is_true() {
        errors.push(name.forbidden("may not be specified when hostNetwork is true"));
    }
    if name.text().len() > MAX_HOSTNAME {
        errors.push(name.too_long(MAX_HOSTNAME));
    }
    subdomain(&name, errors);
}

/// On the host's network a port of a container is a port of the host.
pub(super) fn host_network_ports(spec: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    if !spec.child("hostNetwork").is_true() {
        return;
    }
    for container in spec.child("containers").items() {
        for port in container.child("ports").items() {
            let (host, own) = (port.child("hostPort"), port.child("containerPort").int().unwrap_or(0));
            let number = host.int().unwrap_or(0);
            if (options.is_pod || number != 0) && number != own {
                let why = "must match `containerPort` when `hostNetwork` is true";
                errors.push(FieldError::invalid_int(&host, number, why));
            }
        }
    }
}

/// A user namespace of the pod's own excludes other namespaces of the host.
pub(super) fn user_namespace(spec: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    if security::host_users(spec) {
        return;
    }
    let why = "when `hostUsers` is false";
    if !options.user_namespace_host_network && spec.child("hostNetwork").is_true() {
        errors.push(spec.child("hostNetwork").forbidden(why));
    }
    for (member, shown) in [("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if spec.child(member).is_true() {
            errors.push(spec.child(shown).forbidden(why));
        }
    }
    if !options.user_namespace_devices {
        containers::visit(spec, &mut |container| {
            let devices = container.child("volumeDevices");
            if !devices.array().is_empty() {
                errors.push(devices.forbidden(why));
            }
        });
    }
}
