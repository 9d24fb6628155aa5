//! The metrics that an autoscaler looks at.

use keelson_apimachinery::content::names::path_segment;
use keelson_apimachinery::scalar::Quantity;

use super::super::shared::{names, resources};
use super::super::{Errors, Node};
use super::horizontal_pod_autoscaler::{ApiVersions, reference, wrong_version};

const TYPES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];

/// By member: the type of metric that it is for, and its rules.
type Source = (&'static str, &'static str, fn(&Node<'_>, ApiVersions, &mut Errors));

const SOURCES: &[Source] = &[
    ("object", "Object", object),
    ("external", "External", external),
    ("pods", "Pods", pods),
    ("resource", "Resource", resource),
    ("containerResource", "ContainerResource", container_resource),
];

/// Checks the metrics of an autoscaler that may have `min` replicas.
pub(super) fn check(list: &Node<'_>, min: Option<i64>, versions: ApiVersions, errors: &mut Errors) {
    for metric in list.items() {
        check_metric(&metric, versions, errors);
    }
    let outside = |metric: Node<'_>| matches!(metric.child("type").text(), "Object" | "External");
    if min == Some(0) && !list.items().any(outside) {
        let why = "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(list.forbidden(why));
    }
}

/// What the `apiVersion` of objects may be that metrics describe: anything where the old metrics have a bad one.
pub(super) fn object_versions(old: Option<&Node<'_>>) -> ApiVersions {
    let bad = |metric: Node<'_>| {
        let object = metric.child("object");
        let described = object.child("describedObject");
        metric.child("type").text() == "Object"
            && object.is_set()
            && wrong_version(described.child("apiVersion").text(), ApiVersions::WellFormed).is_some()
    };
    if old.is_some_and(|old| old.items().any(bad)) { ApiVersions::Any } else { ApiVersions::WellFormed }
}

fn check_metric(metric: &Node<'_>, versions: ApiVersions, errors: &mut Errors) {
    let kind = metric.child("type");
    if kind.text().is_empty() {
        errors.push(kind.required("must specify a metric source type"));
    }
    names::one_of(&kind, TYPES, errors);
    // Only the first source that is there is looked into.
    let mut present = SOURCES.iter().filter(|(member, ..)| metric.child(member).is_set());
    if let Some((member, _, rules)) = present.next() {
        rules(&metric.child(member), versions, errors);
    }
    let expected = SOURCES.iter().find(|(_, of, _)| *of == kind.text()).map(|(member, ..)| *member);
    match expected.map(|member| metric.child(member)) {
        Some(source) if !source.is_set() => {
            errors.push(source.required("must populate information for the given metric source"));
        }
        Some(_) => {}
        None => errors.push(kind.not_supported(TYPES)),
    }
    if present.next().is_some() {
        let others = SOURCES.iter().map(|(member, ..)| *member).filter(|member| Some(*member) != expected);
        for source in others.map(|member| metric.child(member)).filter(Node::is_set) {
            errors.push(source.forbidden("must populate the given metric source only"));
        }
    }
}

fn object(source: &Node<'_>, versions: ApiVersions, errors: &mut Errors) {
    reference(&source.child("describedObject"), versions, errors);
    identifier(&source.child("metric"), errors);
    let goal = source.child("target");
    target(&goal, errors);
    let average = goal.child("averageValue");
    if !goal.child("value").is_set() && !average.is_set() {
        errors.push(average.required("must set either a target value or averageValue"));
    }
}

fn external(source: &Node<'_>, _: ApiVersions, errors: &mut Errors) {
    identifier(&source.child("metric"), errors);
    let goal = source.child("target");
    target(&goal, errors);
    let (value, average) = (goal.child("value"), goal.child("averageValue"));
    match (value.is_set(), average.is_set()) {
        (false, false) => {
            errors.push(average.required("must set either a target value for metric or a per-pod target"));
        }
        (true, true) => {
            errors.push(value.forbidden("may not set both a target value for metric and a per-pod target"));
        }
        _ => {}
    }
}

fn pods(source: &Node<'_>, _: ApiVersions, errors: &mut Errors) {
    identifier(&source.child("metric"), errors);
    let goal = source.child("target");
    target(&goal, errors);
    let average = goal.child("averageValue");
    if !average.is_set() {
        errors.push(average.required("must specify a positive target averageValue"));
    }
}

fn resource(source: &Node<'_>, _: ApiVersions, errors: &mut Errors) {
    let name = source.child("name");
    if name.text().is_empty() {
        errors.push(name.required("must specify a resource name"));
    }
    utilization(&source.child("target"), errors);
}

fn container_resource(source: &Node<'_>, _: ApiVersions, errors: &mut Errors) {
    let (name, container) = (source.child("name"), source.child("container"));
    if name.text().is_empty() {
        errors.push(name.required("must specify a resource name"));
    } else {
        resources::container_resource_name(name.text(), &name, errors);
    }
    if container.text().is_empty() {
        errors.push(container.required("must specify a container"));
    } else {
        names::label(&container, errors);
    }
    utilization(&source.child("target"), errors);
}

fn utilization(goal: &Node<'_>, errors: &mut Errors) {
    target(goal, errors);
    let (utilization, average) = (goal.child("averageUtilization"), goal.child("averageValue"));
    match (utilization.is_set(), average.is_set()) {
        (false, false) => {
            errors.push(utilization.required("must set either a target raw value or a target utilization"));
        }
        (true, true) => {
            errors.push(average.forbidden("may not set both a target raw value and a target utilization"));
        }
        _ => {}
    }
}

fn target(goal: &Node<'_>, errors: &mut Errors) {
    let kind = goal.child("type");
    if kind.text().is_empty() {
        errors.push(kind.required("must specify a metric target type"));
    }
    if !matches!(kind.text(), "Utilization" | "Value" | "AverageValue") {
        errors.push(kind.invalid_text(kind.text(), "must be either Utilization, Value, or AverageValue"));
    }
    for name in ["value", "averageValue"] {
        let node = goal.child(name);
        let quantity = node.opt_text().and_then(|text| Quantity::parse(text).ok());
        if quantity.is_some_and(|quantity| quantity.is_negative() || quantity.is_zero()) {
            errors.push(node.invalid("must be positive"));
        }
    }
    let utilization = goal.child("averageUtilization");
    if utilization.int().is_some_and(|percent| percent < 1) {
        errors.push(utilization.invalid("must be greater than 0"));
    }
}

fn identifier(metric: &Node<'_>, errors: &mut Errors) {
    let name = metric.child("name");
    if name.text().is_empty() {
        errors.push(name.required("must specify a metric name"));
    } else {
        names::refuse(&name, path_segment(name.text(), false), errors);
    }
}
