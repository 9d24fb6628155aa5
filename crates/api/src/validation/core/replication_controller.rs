//! ReplicationController.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names::dns_label;
use keelson_apimachinery::field::{ErrorType, FieldError};

use crate::validation::shared::numbers::{int, non_negative, non_negative_members};
use crate::validation::shared::template;
use crate::validation::{Errors, Node, Rules};

/// Annotations that say which fields could not be converted from another version.
const NON_CONVERTIBLE: &str = "non-convertible.kubernetes.io";

pub(super) const RULES: Rules = Rules::new("", "replicationcontrollers", create, update)
    .subresources(&[("status", status)])
    .warnings(warn);

fn create(object: &Node<'_>, errors: &mut Errors) {
    spec(&object.child("spec"), None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (new_spec, old_spec) = (object.child("spec"), old.child("spec"));
    spec(&new_spec, Some(&old_spec), errors);
    let annotations = old.child("metadata");
    for (key, value) in annotations.child("annotations").entries() {
        let Some((prefix, field)) = key.split_once('/') else { continue };
        if !prefix.starts_with(NON_CONVERTIBLE) || field.contains('/') {
            continue;
        }
        let selector = new_spec.child("selector");
        if !field.contains("selector") {
            let shown = Some(value.shown());
            errors.push(FieldError::new(ErrorType::NotFound, field, shown, "unknown non-convertible field"));
        } else if !selector.same(&old_spec.child("selector")) {
            errors.push(selector.invalid("cannot update non-convertible selector"));
        }
    }
}

fn spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    non_negative(&spec.child("minReadySeconds"), errors);
    let selector = spec.child("selector");
    if selector.is_empty() {
        errors.push(selector.required(""));
    }
    let replicas = spec.child("replicas");
    if replicas.is_set() {
        non_negative(&replicas, errors);
    } else {
        errors.push(replicas.required(""));
    }
    let of_pods = spec.child("template");
    if !of_pods.is_set() {
        errors.push(of_pods.required(""));
        return;
    }
    let metadata = of_pods.child("metadata");
    let labels = metadata.child("labels");
    let matches =
        |(key, value): (&str, Node<'_>)| labels.at(&[key]).and_then(Value::as_str) == value.opt_text();
    if !selector.entries().all(matches) {
        errors.push(labels.invalid("`selector` does not match template `labels`"));
    }
    let old_template = old.map(|old| old.child("template"));
    template::check(&of_pods, old_template.as_ref(), errors);
    let of_pod = of_pods.child("spec");
    let policy = of_pod.child("restartPolicy");
    if policy.text() != "Always" {
        errors.push(policy.not_supported(&["Always"]));
    }
    let deadline = of_pod.child("activeDeadlineSeconds");
    if deadline.is_set() {
        errors.push(deadline.forbidden("activeDeadlineSeconds in ReplicationController is not Supported"));
    }
}

fn status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    non_negative_members(
        &status,
        &["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"],
        errors,
    );
    let all = int(&status.child("replicas"));
    for member in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        let at = status.child(member);
        if int(&at) > all {
            let why = "cannot be greater than status.replicas";
            errors.push(FieldError::invalid_int(&at, int(&at), why));
        }
    }
    let available = status.child("availableReplicas");
    if int(&available) > int(&status.child("readyReplicas")) {
        let why = "cannot be greater than readyReplicas";
        errors.push(FieldError::invalid_int(&available, int(&available), why));
    }
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    match old {
        None => {
            let wrong = dns_label(object.text_at(&["metadata", "name"]));
            if !wrong.is_empty() {
                warnings.push(format!(
                    "metadata.name: this is used in Pod names and hostnames, which can result in surprising \
                     behavior; a DNS label is recommended: [{}]",
                    wrong.join(" ")
                ));
            }
            template::warn(&object.child("spec").child("template"), None, warnings);
        }
        // Upstream looks at the template that is replaced.
        Some(old) if old.at(&["metadata", "generation"]) != object.at(&["metadata", "generation"]) => {
            template::warn(&old.child("spec").child("template"), None, warnings);
        }
        Some(_) => {}
    }
}
