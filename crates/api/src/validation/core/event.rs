//! Event, as `v1` and as `events.k8s.io/v1` write it.

use keelson_apimachinery::content::names::{dns_subdomain, qualified_name};
use keelson_apimachinery::field::FieldError;

use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("", "events", create, update).lenient_metadata(&[""]);

/// The longest reason, action and instance, in bytes.
const MAX_NAME: usize = 128;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 1024;

fn create(object: &Node<'_>, errors: &mut Errors) {
    written_as("reportingComponent", object, errors);
}

fn update(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    create(object, errors);
}

/// The rules that hold in every version; `controller` is what the version calls the reporting controller.
pub(in crate::validation) fn written_as(controller: &str, object: &Node<'_>, errors: &mut Errors) {
    let namespace = object.text_at(&["metadata", "namespace"]);
    let involved = object.child("involvedObject");
    let about = involved.child("namespace");
    let elsewhere = about.invalid_text(about.text(), "does not match event.namespace");
    if object.at(&["eventTime"]).is_none() {
        // Objects without a namespace have their events in the default one.
        let fits = match about.text() {
            "" => matches!(namespace, "" | "default"),
            other => other == namespace,
        };
        if !fits {
            errors.push(elsewhere);
        }
    } else {
        if about.text().is_empty() && !matches!(namespace, "default" | "kube-system") {
            errors.push(elsewhere);
        }
        let reporting = object.text_at(&["reportingComponent"]);
        if reporting.is_empty() {
            errors.push(FieldError::required(controller, ""));
        }
        let wrong = qualified_name(reporting).into_iter();
        errors.extend(wrong.map(|text| FieldError::invalid(controller, reporting, text)));
        for (member, max) in [("reportingInstance", MAX_NAME), ("action", MAX_NAME), ("reason", MAX_NAME)] {
            if object.text_at(&[member]).is_empty() {
                errors.push(FieldError::required(member, ""));
            }
            too_long(object, member, max, errors);
        }
        too_long(object, "message", MAX_MESSAGE, errors);
    }
    let wrong = dns_subdomain(namespace).into_iter();
    errors.extend(wrong.map(|text| FieldError::invalid("namespace", namespace, text)));
}

fn too_long(object: &Node<'_>, member: &str, max: usize, errors: &mut Errors) {
    if object.text_at(&[member]).len() > max {
        errors.push(FieldError::invalid(member, "", format!("can have at most {max} characters")));
    }
}
