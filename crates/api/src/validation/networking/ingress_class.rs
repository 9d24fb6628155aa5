//! IngressClass.

use super::super::shared::immutable::immutable_text;
use super::super::shared::names;
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new(super::GROUP, "ingressclasses", create, update);

/// The longest name of a controller, in bytes.
const MAX_CONTROLLER: usize = 250;

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    let controller = spec.child("controller");
    if controller.text().len() > MAX_CONTROLLER {
        errors.push(controller.too_long(MAX_CONTROLLER));
    }
    names::domain_prefixed_path(&controller, errors);
    let parameters = spec.child("parameters");
    if parameters.is_set() {
        check_parameters(&parameters, errors);
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, before) = (object.child("spec"), old.child("spec"));
    immutable_text(&spec.child("controller"), &before.child("controller"), errors);
    create(object, errors);
}

fn check_parameters(parameters: &Node<'_>, errors: &mut Errors) {
    let group = parameters.child("apiGroup");
    if group.is_set() {
        names::subdomain(&group, errors);
    }
    names::required_segment(&parameters.child("kind"), errors);
    names::required_segment(&parameters.child("name"), errors);
    let (scope, namespace) = (parameters.child("scope"), parameters.child("namespace"));
    match scope.opt_text() {
        None => errors.push(scope.required("")),
        Some("Namespace") if !namespace.is_set() => {
            errors.push(namespace.required("`parameters.scope` is set to 'Namespace'"));
        }
        Some("Namespace") => names::label(&namespace, errors),
        Some("Cluster") if namespace.is_set() => {
            errors.push(namespace.forbidden("`parameters.scope` is set to 'Cluster'"));
        }
        Some("Cluster") => {}
        Some(_) => errors.push(scope.not_supported(&["Cluster", "Namespace"])),
    }
}
