//! PersistentVolumeClaim, and the spec that templates of claims have, too.
//!
//! Source: "Persistent volumes" in the Kubernetes documentation; KEP-1790 (recovery from resizing), KEP-1495
//! (data sources), KEP-3751 (volume attributes classes).

use std::cmp::Ordering;

use keelson_apimachinery::content::names::{NameRule, dns_label, dns_subdomain, qualified_name};
use keelson_apimachinery::field::{ErrorType, FieldError};
use keelson_apimachinery::{Map, Value};

use crate::validation::metadata::validate_again;
use crate::validation::shared::diff::json_diff;
use crate::validation::shared::immutable::IMMUTABLE;
use crate::validation::shared::names::{one_of, refuse};
use crate::validation::shared::render::{Shape, json};
use crate::validation::shared::resources::{is_native, quantity, resource_quantity};
use crate::validation::shared::selector::{Leniency, SELECTOR, is_valid, label_selector};
use crate::validation::{Errors, Node, Rules, same};

pub(super) const RULES: Rules = Rules::new("", "persistentvolumeclaims", create, update)
    .subresources(&[("status", status)])
    .warnings(warn);

/// How volumes can be mounted, in the order of errors.
pub(super) const ACCESS_MODES: [&str; 4] =
    ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// What volumes are to pods, in the order of errors.
pub(super) const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

/// The annotation that once named the storage class.
pub(super) const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

const CLAIM: &str = "PersistentVolumeClaim";

const SPEC: Shape = Shape::Struct(&[
    ("accessModes", "AccessModes", Shape::Json),
    ("selector", "Selector", Shape::Pointer(&SELECTOR)),
    (
        "resources",
        "Resources",
        Shape::Struct(&[("limits", "Limits", Shape::Json), ("requests", "Requests", Shape::Json)]),
    ),
    ("volumeName", "VolumeName", Shape::Text),
    ("storageClassName", "StorageClassName", Shape::Json),
    ("volumeMode", "VolumeMode", Shape::Json),
    (
        "dataSource",
        "DataSource",
        Shape::Pointer(&Shape::Struct(&[
            ("apiGroup", "APIGroup", Shape::Json),
            ("kind", "Kind", Shape::Text),
            ("name", "Name", Shape::Text),
        ])),
    ),
    (
        "dataSourceRef",
        "DataSourceRef",
        Shape::Pointer(&Shape::Struct(&[
            ("apiGroup", "APIGroup", Shape::Json),
            ("kind", "Kind", Shape::Text),
            ("name", "Name", Shape::Text),
            ("namespace", "Namespace", Shape::Json),
        ])),
    ),
    ("volumeAttributesClassName", "VolumeAttributesClassName", Shape::Json),
]);

/// What is let pass in a claim's spec, as it was let pass before.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::validation) struct ClaimLeniency {
    /// Values of the selector that no label can have.
    pub(in crate::validation) selector_values: bool,
    /// Groups of data sources that no group can be called.
    pub(in crate::validation) data_source_groups: bool,
}

fn create(object: &Node<'_>, errors: &mut Errors) {
    claim_spec(&object.child("spec"), ClaimLeniency::default(), errors);
}

/// The spec of a claim, or of a template of claims.
pub(in crate::validation) fn claim_spec(spec: &Node<'_>, leniency: ClaimLeniency, errors: &mut Errors) {
    let modes = spec.child("accessModes");
    if modes.array().is_empty() {
        errors.push(modes.required("at least 1 access mode is required"));
    }
    let leniency_of_selector = Leniency { invalid_values: leniency.selector_values };
    label_selector(&spec.child("selector"), leniency_of_selector, errors);
    access_modes(&modes, errors);
    let resources = spec.child("resources");
    // Errors leave out that it is the request.
    let storage = resources.key("storage").with(spec.at(&["resources", "requests", "storage"]));
    if !storage.is_set() {
        errors.push(storage.required(""));
    } else {
        positive(&storage, errors);
    }
    let (class, mode) = (spec.child("storageClassName"), spec.child("volumeMode"));
    if !class.text().is_empty() {
        refuse(&class, dns_subdomain(class.text()), errors);
    }
    if mode.is_set() {
        one_of(&mode, &VOLUME_MODES, errors);
    }
    data_sources(spec, leniency.data_source_groups, errors);
    let attributes = spec.child("volumeAttributesClassName");
    if !attributes.text().is_empty() {
        refuse(&attributes, dns_subdomain(attributes.text()), errors);
    }
}

/// How a volume can be mounted; whether there is a mode at all is asked elsewhere.
pub(super) fn access_modes(modes: &Node<'_>, errors: &mut Errors) {
    let (mut by_one_pod, mut otherwise) = (false, false);
    for mode in modes.items() {
        let known = ACCESS_MODES.contains(&mode.text());
        if !known {
            errors.push(FieldError::not_supported(modes, mode.text(), &ACCESS_MODES));
        }
        by_one_pod |= mode.text() == "ReadWriteOncePod";
        otherwise |= known && mode.text() != "ReadWriteOncePod";
    }
    if by_one_pod && otherwise {
        errors.push(modes.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
}

/// An amount that must be above zero.
pub(super) fn positive(amount: &Node<'_>, errors: &mut Errors) {
    let value = quantity(amount);
    if value.is_negative() || value.is_zero() {
        errors.push(amount.invalid("must be greater than zero"));
    }
}

fn data_sources(spec: &Node<'_>, any_group: bool, errors: &mut Errors) {
    let (source, reference) = (spec.child("dataSource"), spec.child("dataSourceRef"));
    for one in [&source, &reference] {
        if one.is_set() {
            data_source(one, any_group, errors);
        }
    }
    let namespace = reference.child("namespace");
    if !namespace.text().is_empty() {
        refuse(&namespace, dns_label(namespace.text()), errors);
    }
    // What is shown is the path of the source, which has no exported members.
    let conflict = |why: &str| FieldError::new(ErrorType::Invalid, spec, Some("{}".to_owned()), why);
    if !source.is_set() {
        return;
    }
    if !namespace.text().is_empty() {
        errors.push(conflict("may not be specified when dataSourceRef.namespace is specified"));
    } else if reference.is_set() {
        let equal = |member: &str| same(source.at(&[member]), reference.at(&[member]));
        let named = |member: &str| source.text_at(&[member]) == reference.text_at(&[member]);
        if !equal("apiGroup") || !named("kind") || !named("name") {
            errors.push(conflict("must match dataSourceRef"));
        }
    }
}

fn data_source(source: &Node<'_>, any_group: bool, errors: &mut Errors) {
    for member in ["name", "kind"] {
        if source.text_at(&[member]).is_empty() {
            errors.push(source.child(member).required(""));
        }
    }
    let (group, kind) = (source.child("apiGroup"), source.text_at(&["kind"]));
    if group.text().is_empty() {
        if kind != CLAIM {
            let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(source.invalid_text(kind, why));
        }
    } else if !any_group {
        refuse(&group, dns_subdomain(group.text()), errors);
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, before) = (object.child("spec"), old.child("spec"));
    validate_again(object, true, NameRule::Subdomain, errors);
    let group = |source: &str| before.at(&[source, "apiGroup"]).is_some();
    let leniency = ClaimLeniency {
        selector_values: !is_valid(&before.child("selector")),
        data_source_groups: group("dataSource") || group("dataSourceRef"),
    };
    claim_spec(&spec, leniency, errors);
    unchanged_spec(object, old, errors);
    let storage = ["resources", "requests", "storage"];
    let (now, was) = (spec.with(spec.at(&storage)), before.with(before.at(&storage)));
    if quantity(&now).cmp(&quantity(&was)) == Ordering::Less {
        let capacity = old.with(old.at(&["status", "capacity", "storage"]));
        // A failed expansion may be taken back, but for what the volume has already.
        if quantity(&now) <= quantity(&capacity) {
            let why = "field can not be less than status.capacity";
            errors.push(FieldError::forbidden("spec.resources.requests.storage", why));
        }
    }
    let mode = spec.child("volumeMode");
    if !mode.same(&before.child("volumeMode")) {
        errors.push(Node::named("volumeMode", mode.value()).invalid(IMMUTABLE));
    }
    let class = spec.child("volumeAttributesClassName");
    let applied = old.at(&["status", "currentVolumeAttributesClassName"]).is_some();
    if applied && class.value() != before.at(&["volumeAttributesClassName"]) && class.text().is_empty() {
        let what = if class.is_set() { "empty string" } else { "nil" };
        errors.push(class.forbidden(format!(
            "update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"
        )));
    }
}

/// Refuses changes of the spec, but for those that claims are made for: binding, growing, other attributes,
/// and a storage class where none was named.
fn unchanged_spec(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let annotation = |node: &Node<'_>| node.at(&["metadata", "annotations", CLASS_ANNOTATION]).cloned();
    let (mut now, mut was) = (spec_of(object), spec_of(old));
    if old.text_at(&["spec", "volumeName"]).is_empty() {
        copy(&now, &mut was, "volumeName");
    }
    let (noted, was_noted) = (annotation(object), annotation(old));
    let class = now.get("storageClassName").cloned();
    let unnamed = was.get("storageClassName").is_none() && class.is_some();
    if unnamed && class == was_noted && (noted.is_none() || noted == was_noted) {
        now.remove("storageClassName");
    } else {
        let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or("").to_owned();
        if text(&noted) != text(&was_noted) {
            let path = format!("metadata.annotations.{CLASS_ANNOTATION}");
            errors.push(FieldError::invalid(&path, &text(&noted), IMMUTABLE));
        }
        if unnamed && (was_noted.is_none() || class == was_noted) {
            now.remove("storageClassName");
        }
    }
    if object.text_at(&["status", "phase"]) == "Bound" {
        let storage = was.get("resources").and_then(|r| r.at(&["requests", "storage"])).cloned();
        let requests = now.get_mut("resources").and_then(Value::as_object_mut);
        let requests = requests.and_then(|r| r.get_mut("requests")).and_then(Value::as_object_mut);
        if let Some(requests) = requests {
            requests.insert("storage", storage.unwrap_or_else(|| Value::from("0")));
        }
        copy(&was, &mut now, "volumeAttributesClassName");
    }
    if !same_spec(&now, &was) {
        let (was, now) = (json(Some(&was.into()), &SPEC), json(Some(&now.into()), &SPEC));
        errors.push(FieldError::forbidden(
            "spec",
            format!(
                "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound \
                 claims\n{}",
                json_diff(&was, &now)
            ),
        ));
    }
}

fn spec_of(object: &Node<'_>) -> Map {
    object.at(&["spec"]).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn copy(from: &Map, to: &mut Map, member: &'static str) {
    match from.get(member) {
        Some(value) => to.insert(member, value.clone()),
        None => to.remove(member),
    };
}

/// Whether two specs say the same; amounts are compared as numbers.
fn same_spec(one: &Map, other: &Map) -> bool {
    let all = |a: &Map, b: &Map| {
        a.iter().all(|(key, value)| match key {
            "resources" => same_resources(Some(value), b.get(key)),
            "volumeName" => value.as_str().unwrap_or("") == b.get(key).and_then(Value::as_str).unwrap_or(""),
            _ => same(Some(value), b.get(key)),
        })
    };
    all(one, other) && all(other, one)
}

fn same_resources(one: Option<&Value>, other: Option<&Value>) -> bool {
    let amounts = |of: Option<&Value>, list: &str| -> Map {
        of.and_then(|v| v.get(list)).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    ["limits", "requests"].iter().all(|list| {
        let (a, b) = (amounts(one, list), amounts(other, list));
        let amount = |value: &Value| quantity(&Node::root(value));
        a.len() == b.len()
            && a.iter().all(|(name, value)| {
                b.get(name).is_some_and(|other| other == value || amount(other) == amount(value))
            })
    })
}

fn status(object: &Node<'_>, _: &Node<'_>, errors: &mut Errors) {
    if object.array_at(&["spec", "accessModes"]).is_empty() {
        errors.push(FieldError::required("Spec.accessModes", ""));
    }
    let status = object.child("status");
    for (_, amount) in status.child("capacity").entries() {
        not_negative(&amount, errors);
    }
    let statuses = status.child("allocatedResourceStatuses");
    let known = [
        "ControllerResizeInProgress",
        "ControllerResizeInfeasible",
        "NodeResizeInProgress",
        "NodeResizeInfeasible",
        "NodeResizePending",
    ];
    for (name, value) in statuses.entries() {
        resource_of_claim(name, &statuses, errors);
        if !known.contains(&value.text()) {
            // It is the resource that is shown.
            errors.push(FieldError::not_supported(&statuses, name, &known));
        }
    }
    let allocated = status.child("allocatedResources");
    for (name, amount) in allocated.entries() {
        if resource_of_claim(name, &allocated, errors) && not_negative(&amount, errors) {
            resource_quantity("storage", &amount, errors);
        }
    }
}

/// An amount that must not be negative. Says whether it is fine.
pub(super) fn not_negative(amount: &Node<'_>, errors: &mut Errors) -> bool {
    let value = quantity(amount).value();
    if value < 0 {
        errors.push(FieldError::invalid_int(amount, value, "must be a valid resource quantity"));
    }
    value >= 0
}

/// The name of a resource that a claim can have: of those of Kubernetes, storage alone. Says whether it is fine.
fn resource_of_claim(name: &str, map: &Node<'_>, errors: &mut Errors) -> bool {
    let before = errors.len();
    errors.extend(qualified_name(name).into_iter().map(|text| map.invalid_text(name, text)));
    if errors.len() == before && is_native(name) && name != "storage" {
        errors.push(FieldError::not_supported(map, name, &["storage"]));
    }
    errors.len() == before
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if object.at(&["metadata", "annotations", CLASS_ANNOTATION]).is_some() {
        warnings.push(format!(
            "metadata.annotations[{CLASS_ANNOTATION}]: deprecated since v1.8; use \"storageClassName\" attribute \
             instead"
        ));
    }
    claim_spec_warnings(&object.child("spec"), warnings);
}

/// What whoever writes a claim's spec, or a template's, should know.
pub(in crate::validation) fn claim_spec_warnings(spec: &Node<'_>, warnings: &mut Vec<String>) {
    let resources = spec.child("resources");
    for list in ["requests", "limits"] {
        let amounts = resources.child(list);
        let storage = amounts.key("storage");
        if quantity(&storage).milli_value() % 1000 != 0 {
            warnings.push(format!(
                "{storage}: fractional byte value {} is invalid, must be an integer",
                storage.shown()
            ));
        }
    }
}
