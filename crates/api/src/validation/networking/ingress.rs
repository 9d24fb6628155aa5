//! Ingress.

use keelson_apimachinery::content::ip::{ip_warning, legacy_ip, parse_sloppy};
use keelson_apimachinery::content::names::{dns_1035_label, dns_label, dns_subdomain, wildcard_subdomain};
use keelson_apimachinery::content::ports::{port_name, port_number};

use super::super::shared::names;
use super::super::shared::numbers::int;
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new(super::GROUP, "ingresses", create, update)
    .subresources(&[("status", update_status)])
    .warnings(warn)
    .status_warnings(warn_of_status);

/// What once chose the class.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// What a path may not contain, and how it may not end, where it is matched by its elements.
const BAD_SEQUENCES: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const BAD_ENDS: [&str; 2] = ["/..", "/."];

/// What is let pass as the old object has it.
#[derive(Clone, Copy, Default)]
struct Lenient {
    secret_names: bool,
    wildcard_rules: bool,
}

/// The name of a service: a label.
type ServiceName = fn(&str) -> Vec<String>;

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    check_spec(&spec, Lenient::default(), errors);
    let metadata = object.child("metadata");
    let annotations = metadata.child("annotations");
    let chosen = annotations.key(CLASS_ANNOTATION);
    let class = spec.child("ingressClassName");
    if let (Some(chosen), Some(class)) = (chosen.opt_text(), class.opt_text())
        && chosen != class
    {
        let top = Node::named("annotations", None);
        let why = "must match `ingressClassName` when both are specified";
        errors.push(top.child(CLASS_ANNOTATION).invalid_text(chosen, why));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let before = old.child("spec");
    let bad_secret = |tls: Node<'_>| wrong_secret(&tls.child("secretName"));
    let bad_rule = |rule: Node<'_>| {
        let mut wrong = Vec::new();
        if rule.child("host").text().contains('*') {
            check_http(&rule.child("http"), dns_1035_label, &mut wrong);
        }
        !wrong.is_empty()
    };
    let lenient = Lenient {
        secret_names: before.child("tls").items().any(bad_secret),
        wildcard_rules: before.child("rules").items().any(bad_rule),
    };
    check_spec(&object.child("spec"), lenient, errors);
}

fn check_spec(spec: &Node<'_>, lenient: Lenient, errors: &mut Errors) {
    let (backend, rules) = (spec.child("defaultBackend"), spec.child("rules"));
    if rules.is_empty() && !backend.is_set() {
        let why = "either `defaultBackend` or `rules` must be specified";
        errors.push(spec.with(None).invalid(why));
    }
    if backend.is_set() {
        check_backend(&backend, dns_label, errors);
    }
    for rule in rules.items() {
        check_rule(&rule, lenient, errors);
    }
    for tls in spec.child("tls").items() {
        check_tls(&tls, lenient, errors);
    }
    let class = spec.child("ingressClassName");
    if class.is_set() {
        names::subdomain(&class, errors);
    }
}

fn check_rule(rule: &Node<'_>, lenient: Lenient, errors: &mut Errors) {
    let host = rule.child("host");
    let wildcard = host.text().contains('*');
    if !host.text().is_empty() {
        if parse_sloppy(host.text()).is_some() {
            errors.push(host.invalid("must be a DNS name, not an IP address"));
        }
        check_host(&host, errors);
    }
    if !wildcard || !lenient.wildcard_rules {
        check_http(&rule.child("http"), dns_label, errors);
    }
}

fn check_host(host: &Node<'_>, errors: &mut Errors) {
    let text = host.text();
    let wrong = if text.contains('*') { wildcard_subdomain(text) } else { dns_subdomain(text) };
    names::refuse(host, wrong, errors);
}

fn check_http(http: &Node<'_>, service_name: ServiceName, errors: &mut Errors) {
    if !http.is_set() {
        return;
    }
    let paths = http.child("paths");
    if paths.is_empty() {
        errors.push(paths.required(""));
    }
    for path in paths.items() {
        check_path(&path, service_name, errors);
    }
}

fn check_path(entry: &Node<'_>, service_name: ServiceName, errors: &mut Errors) {
    let (kind, path) = (entry.child("pathType"), entry.child("path"));
    let text = path.text();
    let absolute = |errors: &mut Errors| {
        if !text.starts_with('/') {
            errors.push(path.invalid_text(text, "must be an absolute path"));
        }
    };
    match kind.opt_text() {
        None => {
            errors.push(kind.required("pathType must be specified"));
            return;
        }
        Some("Exact" | "Prefix") => {
            absolute(errors);
            for part in BAD_SEQUENCES.iter().filter(|part| text.contains(**part)) {
                errors.push(path.invalid(format!("must not contain '{part}'")));
            }
            for end in BAD_ENDS.iter().filter(|end| text.ends_with(**end)) {
                errors.push(path.invalid(format!("cannot end with '{end}'")));
            }
        }
        Some("ImplementationSpecific") if text.is_empty() => {}
        Some("ImplementationSpecific") => absolute(errors),
        Some(_) => errors.push(kind.not_supported(&["Exact", "ImplementationSpecific", "Prefix"])),
    }
    check_backend(&entry.child("backend"), service_name, errors);
}

fn check_backend(backend: &Node<'_>, service_name: ServiceName, errors: &mut Errors) {
    let (resource, service) = (backend.child("resource"), backend.child("service"));
    match (resource.is_set(), service.is_set()) {
        (true, true) => {
            errors.push(backend.invalid_text("", "cannot set both resource and service backends"))
        }
        (true, false) => {
            let group = resource.child("apiGroup");
            if group.is_set() {
                names::subdomain(&group, errors);
            }
            names::required_segment(&resource.child("kind"), errors);
            names::required_segment(&resource.child("name"), errors);
        }
        (false, true) => check_service(backend, &service, service_name, errors),
        (false, false) => errors.push(backend.invalid_text("", "resource or service backend is required")),
    }
}

fn check_service(backend: &Node<'_>, service: &Node<'_>, service_name: ServiceName, errors: &mut Errors) {
    let name = service.child("name");
    if name.text().is_empty() {
        errors.push(name.required(""));
    } else {
        names::refuse(&name, service_name(name.text()), errors);
    }
    let port = service.child("port");
    let (named, number) = (port.child("name"), port.child("number"));
    match (!named.text().is_empty(), int(&number)) {
        (true, 0) => names::refuse(&named, port_name(named.text()), errors),
        (true, _) => errors.push(backend.invalid_text("", "cannot set both port name & port number")),
        (false, 0) => errors.push(backend.required("port name or number is required")),
        (false, port) => errors.extend(port_number(port).map(|why| number.invalid(why))),
    }
}

fn wrong_secret(name: &Node<'_>) -> bool {
    !name.text().is_empty() && !dns_subdomain(name.text()).is_empty()
}

fn check_tls(tls: &Node<'_>, lenient: Lenient, errors: &mut Errors) {
    for host in tls.child("hosts").items() {
        check_host(&host, errors);
    }
    let secret = tls.child("secretName");
    if !lenient.secret_names && wrong_secret(&secret) {
        names::subdomain(&secret, errors);
    }
}

fn update_status(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (status, before) = (object.child("status"), old.child("status"));
    let (balancer, before) = (status.child("loadBalancer"), before.child("loadBalancer"));
    for entry in balancer.child("ingress").items() {
        let (ip, host) = (entry.child("ip"), entry.child("hostname"));
        let known = || before.child("ingress").items().any(|old| old.child("ip").text() == ip.text());
        if !ip.text().is_empty()
            && let Some(why) = legacy_ip(ip.text())
            && !known()
        {
            errors.push(ip.invalid(why));
        }
        if !host.text().is_empty() {
            names::subdomain(&host, errors);
            if parse_sloppy(host.text()).is_some() {
                errors.push(host.invalid("must be a DNS name, not an IP address"));
            }
        }
    }
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let (metadata, spec) = (object.child("metadata"), object.child("spec"));
    let annotations = metadata.child("annotations");
    if old.is_none() && annotations.key(CLASS_ANNOTATION).is_set() && !spec.child("ingressClassName").is_set()
    {
        warnings.push(format!(
            "annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"
        ));
    }
}

fn warn_of_status(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let status = object.child("status");
    let balancer = status.child("loadBalancer");
    for entry in balancer.child("ingress").items() {
        warnings.extend(ip_warning(entry.child("ip").text()).map(|why| format!("{entry}: {why}")));
    }
}
