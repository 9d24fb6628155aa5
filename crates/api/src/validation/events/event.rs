//! Event, strictly: who writes `events.k8s.io/v1` knows the new fields and leaves the old ones alone.
//!
//! Source: KEP-383. Errors name the fields of the stored version.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names::NameRule;
use keelson_apimachinery::field::FieldError;

use crate::validation::core::event_written_as;
use crate::validation::metadata::validate_again;
use crate::validation::shared::immutable::IMMUTABLE;
use crate::validation::shared::render::{Shape, render};
use crate::validation::{Errors, Node, Rules};

/// The controller's name in this version.
const CONTROLLER: &str = "reportingController";

pub(super) const RULES: Rules = Rules::new("events.k8s.io", "events", create, update);

const REFERENCE: Shape = Shape::Struct(&[
    ("kind", "Kind", Shape::Text),
    ("namespace", "Namespace", Shape::Text),
    ("name", "Name", Shape::Text),
    ("uid", "UID", Shape::Text),
    ("apiVersion", "APIVersion", Shape::Text),
    ("resourceVersion", "ResourceVersion", Shape::Text),
    ("fieldPath", "FieldPath", Shape::Text),
]);

/// What an update may not change, in the order of its errors: where it stands, how errors call it and how they
/// show it.
const FIXED: [(&str, &str, Shape); 13] = [
    ("involvedObject", "involvedObject", REFERENCE),
    ("reason", "reason", Shape::Text),
    ("message", "message", Shape::Text),
    (
        "source",
        "source",
        Shape::Struct(&[("component", "Component", Shape::Text), ("host", "Host", Shape::Text)]),
    ),
    ("firstTimestamp", "firstTimestamp", Shape::Json),
    ("lastTimestamp", "lastTimestamp", Shape::Json),
    ("count", "count", Shape::Int),
    ("reason", "reason", Shape::Text),
    ("type", "type", Shape::Text),
    ("eventTime", "eventTime", Shape::Json),
    ("action", "action", Shape::Text),
    ("related", "related", Shape::Pointer(&REFERENCE)),
    ("reportingComponent", CONTROLLER, Shape::Text),
];

fn create(object: &Node<'_>, errors: &mut Errors) {
    event_written_as(CONTROLLER, object, errors);
    validate_again(object, true, NameRule::Subdomain, errors);
    series(object, errors);
    if object.at(&["eventTime"]).is_none() {
        errors.push(FieldError::required("eventTime", ""));
    }
    let kind = object.text_at(&["type"]);
    if !matches!(kind, "Normal" | "Warning") {
        errors.push(FieldError::invalid("type", "", format!("has invalid value: {kind}")));
    }
    for old in ["firstTimestamp", "lastTimestamp", "count", "source"] {
        let unset = match object.at(&[old]) {
            None | Some(Value::Int(0)) => true,
            Some(Value::Object(source)) => {
                source.iter().all(|(_, value)| value.as_str().is_none_or(str::is_empty))
            }
            Some(_) => false,
        };
        if !unset {
            errors.push(FieldError::invalid(old, "", "needs to be unset"));
        }
    }
}

fn series(object: &Node<'_>, errors: &mut Errors) {
    let series = object.child("series");
    if !series.is_set() {
        return;
    }
    if series.child("count").int().unwrap_or(0) < 2 {
        errors.push(FieldError::invalid("series.count", "", "should be at least 2"));
    }
    if series.at(&["lastObservedTime"]).is_none() {
        errors.push(FieldError::required("series.lastObservedTime", ""));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    event_written_as(CONTROLLER, object, errors);
    if !object.child("series").same(&old.child("series")) {
        series(object, errors);
    }
    for (member, name, shape) in &FIXED {
        fixed(object, old, member, name, shape, errors);
    }
    fixed(object, old, "reportingInstance", "reportingInstance", &Shape::Text, errors);
}

fn fixed(object: &Node<'_>, old: &Node<'_>, member: &str, name: &str, shape: &Shape, errors: &mut Errors) {
    let now = object.child(member);
    if !now.same(&old.child(member)) {
        errors.push(render(&Node::named(name, now.value()), shape).invalid(IMMUTABLE));
    }
}
