//! Environment variables, and references to fields and resources that they share with the downward API.

use keelson_apimachinery::content::{environment, keys, names, paths};
use keelson_apimachinery::field::{ErrorType, FieldError, quote};

use crate::validation::shared::names::{label, refuse, subdomain};
use crate::validation::shared::resources::quantity;
use crate::validation::{Errors, Node};

/// Fields of pods that variables may have.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields that a selector may name without a subscript, where something else says which of them fit.
const KNOWN_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Amounts that a resource may be counted in, but CPU.
const UNITS: &[&str] = &["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

type Source = fn(&Node<'_>, &mut Errors);

/// Where a variable's value may come from.
const SOURCES: &[(&str, Source)] = &[
    ("fieldRef", |at, errors| object_field(at, FIELDS, errors)),
    ("resourceFieldRef", |at, errors| resource_field(at, false, errors)),
    ("configMapKeyRef", key_of_object),
    ("secretKeyRef", key_of_object),
    ("fileKeyRef", key_of_file),
];

/// The variables of a container.
pub(super) fn variables(list: &Node<'_>, errors: &mut Errors) {
    for variable in list.items() {
        let name = variable.child("name");
        if name.text().is_empty() {
            errors.push(name.required(""));
        } else {
            refuse(&name, environment::relaxed_env_var_name(name.text()), errors);
        }
        let from = variable.child("valueFrom");
        if from.is_set() {
            value_from(&from, !variable.child("value").text().is_empty(), errors);
        }
    }
}

fn value_from(from: &Node<'_>, has_value: bool, errors: &mut Errors) {
    let mut count = 0;
    for (member, rule) in SOURCES {
        let source = from.child(member);
        if source.is_set() {
            count += 1;
            rule(&source, errors);
        }
    }
    let why = match count {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or \
             `fileKeyRef`"
        }
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errors.push(from.invalid_text("", why));
}

fn key_of_object(source: &Node<'_>, errors: &mut Errors) {
    subdomain(&source.child("name"), errors);
    let key = source.child("key");
    if key.text().is_empty() {
        errors.push(key.required(""));
    } else {
        refuse(&key, keys::config_map_key(key.text()), errors);
    }
}

fn key_of_file(source: &Node<'_>, errors: &mut Errors) {
    let check = |member: &str, rule: fn(&Node<'_>, &mut Errors), errors: &mut Errors| {
        let at = source.child(member);
        if at.text().is_empty() {
            errors.push(at.required(""));
        } else {
            rule(&at, errors);
        }
    };
    check("key", |at, errors| refuse(at, environment::relaxed_env_var_name(at.text()), errors), errors);
    check("volumeName", label, errors);
    check("path", |at, errors| refuse(at, paths::no_backsteps(at.text()), errors), errors);
}

/// An `ObjectFieldSelector`: one of `fields`, or an entry of the labels or annotations.
pub(super) fn object_field(selector: &Node<'_>, fields: &[&str], errors: &mut Errors) {
    let (version, path) = (selector.child("apiVersion"), selector.child("fieldPath"));
    for at in [&version, &path] {
        if at.text().is_empty() {
            errors.push(at.required(""));
            return;
        }
    }
    let conversion = |why: String| path.invalid(format!("error converting fieldPath: {why}"));
    if version.text() != "v1" {
        errors.push(conversion(format!("unsupported pod version: {}", version.text())));
        return;
    }
    if let Some((map, key)) = subscript(path.text()) {
        let wrong = match map {
            "metadata.annotations" => (key.to_lowercase(), names::qualified_name(&key.to_lowercase())),
            "metadata.labels" => (key.to_owned(), names::qualified_name(key)),
            _ => {
                let why = format!("field label does not support subscript: {}", path.text());
                errors.push(conversion(why));
                return;
            }
        };
        errors.extend(wrong.1.into_iter().map(|text| selector.invalid_text(&wrong.0, text)));
        return;
    }
    // What clients of the first releases sent.
    let name = if path.text() == "spec.host" { "spec.nodeName" } else { path.text() };
    if !KNOWN_FIELDS.contains(&name) {
        errors.push(conversion(format!("field label not supported: {name}")));
    } else if !fields.contains(&name) {
        errors.push(FieldError::not_supported(&path, name, fields));
    }
}

/// The map and the key of `map['key']`.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['").filter(|(map, _)| !map.is_empty())
}

/// A `ResourceFieldSelector`; one in a volume names the container, too.
pub(super) fn resource_field(selector: &Node<'_>, in_volume: bool, errors: &mut Errors) {
    let (container, resource) = (selector.child("containerName"), selector.child("resource"));
    let name = resource.text();
    let huge = name.starts_with("limits.hugepages-") || name.starts_with("requests.hugepages-");
    if in_volume && container.text().is_empty() {
        errors.push(container.required(""));
    } else if name.is_empty() {
        errors.push(resource.required(""));
    } else if !RESOURCES.contains(&name) && !huge {
        errors.push(resource.not_supported(RESOURCES));
    }
    let divisor = selector.child("divisor");
    if !divisor.is_set() || quantity(&divisor).is_zero() {
        return;
    }
    let (units, of) = match name {
        "limits.cpu" | "requests.cpu" => (&["1m", "1"][..], "cpu"),
        "limits.memory" | "requests.memory" => (UNITS, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (UNITS, "local ephemeral storage"),
        _ if huge => (UNITS, "hugepages"),
        _ => return,
    };
    if !units.contains(&divisor.text()) {
        let list = if of == "cpu" { "1m and 1".to_owned() } else { units.join(", ") };
        let why = format!("only divisor's values {list} are supported with the {of} resource");
        errors.push(divisor.invalid_text(name, why));
    }
}

/// Config maps and secrets whose entries all become variables.
pub(super) fn variables_from(list: &Node<'_>, errors: &mut Errors) {
    for source in list.items() {
        let prefix = source.child("prefix");
        if !prefix.text().is_empty() {
            refuse(&prefix, environment::relaxed_env_var_name(prefix.text()), errors);
        }
        let mut count = 0;
        for member in ["configMapRef", "secretRef"] {
            let object = source.child(member);
            if !object.is_set() {
                continue;
            }
            count += 1;
            let name = object.child("name");
            if name.text().is_empty() {
                errors.push(name.required(""));
            } else {
                let wrong = names::NameRule::Subdomain.check(name.text(), true);
                refuse(&name, wrong, errors);
            }
        }
        match count {
            0 => errors.push(list.invalid_text("", "must specify one of: `configMapRef` or `secretRef`")),
            1 => {}
            _ => {
                let why = "may not have more than one field specified at a time";
                errors.push(list.invalid_text("", why));
            }
        }
    }
}

/// References to keys of files must name a volume of the pod that containers write to.
pub(super) fn file_volumes(spec: &Node<'_>, errors: &mut Errors) {
    super::containers::visit(spec, &mut |container| {
        for variable in container.child("env").items() {
            let from = variable.child("valueFrom");
            let file = from.child("fileKeyRef");
            if !file.is_set() {
                continue;
            }
            let name = file.child("volumeName");
            let volumes = spec.child("volumes");
            // The last of several volumes with one name counts.
            let volume = volumes.items().filter(|v| v.child("name").text() == name.text()).last();
            match volume.map(|v| v.child("emptyDir").is_set()) {
                None => {
                    errors.push(FieldError::new(ErrorType::NotFound, &name, Some(quote(name.text())), ""))
                }
                Some(false) => refuse(&name, ["referenced volume must be of type emptyDir"], errors),
                Some(true) => {}
            }
        }
    });
}
