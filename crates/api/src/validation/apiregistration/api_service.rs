//! APIService.

use keelson_apimachinery::content::names::{dns_1035_label, path_segment};
use keelson_apimachinery::content::ports::port_number;
use keelson_apimachinery::field::quote;

use super::super::shared::names;
use super::super::shared::numbers::int;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("apiregistration.k8s.io", "apiservices", check, update)
    .subresources(&[("status", update_status)]);

fn check(object: &Node<'_>, errors: &mut Errors) {
    let (metadata, spec) = (object.child("metadata"), object.child("spec"));
    let (name, group, version) = (metadata.child("name"), spec.child("group"), spec.child("version"));
    let required = format!("{}.{}", version.text(), group.text());
    let named = !name.text().is_empty() && path_segment(name.text(), false).is_empty();
    if named && name.text() != required {
        let why = format!("must be `spec.version+\".\"+spec.group`: {}", quote(&required));
        errors.push(name.invalid(why));
    }
    if group.text().is_empty() {
        if version.text() != "v1" {
            errors.push(group.required("only v1 may have an empty group and it better be legacy kube"));
        }
    } else {
        names::subdomain(&group, errors);
    }
    names::refuse(&version, dns_1035_label(version.text()), errors);
    for (name, limit) in [("groupPriorityMinimum", 20000), ("versionPriority", 1000)] {
        let priority = spec.child(name);
        if !(1..=limit).contains(&int(&priority)) {
            let shown = render(&priority, &Shape::Int);
            errors.push(shown.invalid(format!("must be positive and less than {limit}")));
        }
    }
    check_service(&spec, errors);
}

fn check_service(spec: &Node<'_>, errors: &mut Errors) {
    let (service, bundle) = (spec.child("service"), spec.child("caBundle"));
    let insecure = spec.child("insecureSkipTLSVerify");
    if !service.is_set() {
        if !bundle.text().is_empty() {
            let shown = format!("{} bytes", decoded_len(bundle.text()));
            errors.push(bundle.invalid_text(&shown, "local APIServices may not have a caBundle"));
        }
        if insecure.is_true() {
            errors.push(insecure.invalid("local APIServices may not have insecureSkipTLSVerify"));
        }
        return;
    }
    for name in ["namespace", "name"] {
        let node = service.child(name);
        if node.text().is_empty() {
            errors.push(node.required(""));
        }
    }
    let port = service.child("port");
    if let Some(why) = port_number(int(&port)) {
        errors.push(render(&port, &Shape::Int).invalid(format!("port is not valid: {why}")));
    }
    if insecure.is_true() && !bundle.text().is_empty() {
        errors.push(insecure.invalid("may not be true if caBundle is present"));
    }
}

/// How many bytes a text in base64 stands for.
fn decoded_len(base64: &str) -> usize {
    let digits = base64.trim_end_matches('=').len();
    digits * 3 / 4
}

fn update(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    check(object, errors);
}

fn update_status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    for condition in object.child("status").child("conditions").items() {
        names::one_of(&condition.child("status"), &["True", "False", "Unknown"], errors);
    }
}
