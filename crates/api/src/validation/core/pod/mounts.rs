//! Volumes that containers mount, or see as devices.

use std::collections::BTreeSet;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::paths;
use keelson_apimachinery::field::{FieldError, quote};

use super::volumes::Volumes;
use crate::validation::shared::names::{one_of, refuse};
use crate::validation::shared::seen::Seen;
use crate::validation::{Errors, Node};

const PROPAGATIONS: &[&str] = &["Bidirectional", "HostToContainer", "None"];

/// Whether an element of a list has this string in a member.
fn any(list: &[Value], member: &str, text: &str) -> bool {
    list.iter().any(|element| element.str_at(&[member]) == text)
}

/// Whether the last of the list's elements of this name has this path: what upstream's map has kept.
fn any_path(list: &[Value], member: &str, path: &str) -> bool {
    list.iter().enumerate().any(|(i, element)| {
        element.str_at(&[member]) == path && !any(&list[i + 1..], "name", element.str_at(&["name"]))
    })
}

/// `volumeMounts` of a container. Errors about parts of mounts that came later name the list.
pub(super) fn mounts(container: &Node<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let list = container.child("volumeMounts");
    let devices = container.child("volumeDevices");
    let devices = devices.array();
    let mut taken = Seen::default();
    for (mount, value) in list.items().zip(list.array()) {
        let (name_at, path_at) = (mount.child("name"), mount.child("mountPath"));
        let (name, path) = (name_at.text(), value.str_at(&["mountPath"]));
        if name.is_empty() {
            errors.push(name_at.required(""));
        }
        if !volumes.contains(name) {
            errors.push(not_found(&name_at));
        }
        if path.is_empty() {
            errors.push(path_at.required(""));
        }
        if !taken.insert(path) {
            refuse(&path_at, ["must be unique"], errors);
        }
        if !devices.is_empty() {
            if any(devices, "name", name) {
                refuse(&name_at, ["must not already exist in volumeDevices"], errors);
            }
            if any_path(devices, "devicePath", path) {
                refuse(&path_at, ["must not already exist as a path in volumeDevices"], errors);
            }
        }
        sub_paths(&list, &mount, errors);
        propagation(container, &list, value, errors);
        recursive_read_only(&list, &mount, errors);
    }
}

fn not_found(at: &Node<'_>) -> FieldError {
    let mut error = at.not_found();
    error.value = Some(quote(at.text()));
    error
}

fn sub_paths(list: &Node<'_>, mount: &Node<'_>, errors: &mut Errors) {
    let (path, expression) = (mount.child("subPath"), mount.child("subPathExpr"));
    refuse(&list.child("subPath").with(path.value()), paths::local_descending(path.text()), errors);
    if expression.text().is_empty() {
        return;
    }
    if !path.text().is_empty() {
        refuse(&expression, ["subPathExpr and subPath are mutually exclusive"], errors);
    }
    let at = list.child("subPathExpr").with(expression.value());
    refuse(&at, paths::local_descending(expression.text()), errors);
}

fn propagation(container: &Node<'_>, list: &Node<'_>, mount: &Value, errors: &mut Errors) {
    let at = list.child("mountPropagation").with(mount.get("mountPropagation"));
    if !at.is_set() {
        return;
    }
    one_of(&at, PROPAGATIONS, errors);
    let privileged = container.child("securityContext").child("privileged").is_true();
    if at.text() == "Bidirectional" && !privileged {
        let why = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(at.forbidden(why));
    }
}

fn recursive_read_only(list: &Node<'_>, mount: &Node<'_>, errors: &mut Errors) {
    let value = mount.child("recursiveReadOnly");
    let at = list.child("recursiveReadOnly").with(value.value());
    match value.opt_text() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !mount.child("readOnly").is_true() {
                errors.push(at.forbidden("may only be specified when readOnly is true"));
            }
            if !matches!(mount.child("mountPropagation").opt_text(), None | Some("None")) {
                let why = "may only be specified when mountPropagation is None or not specified";
                errors.push(at.forbidden(why));
            }
        }
        Some(_) => errors.push(at.not_supported(&["Disabled", "Enabled", "IfPossible"])),
    }
}

/// `volumeDevices` of a container.
pub(super) fn devices(container: &Node<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let list = container.child("volumeDevices");
    if list.array().is_empty() {
        return;
    }
    let mounts = container.child("volumeMounts");
    let mounts = mounts.array();
    let (mut names, mut paths_taken) = (Seen::default(), BTreeSet::new());
    for (device, value) in list.items().zip(list.array()) {
        let (name_at, path_at) = (device.child("name"), device.child("devicePath"));
        let (name, path) = (value.str_at(&["name"]), value.str_at(&["devicePath"]));
        if name.is_empty() {
            errors.push(name_at.required(""));
        }
        if names.contains(name) {
            refuse(&name_at, ["must be unique"], errors);
        }
        match volumes.may_be_device(name) {
            Some(true) => {}
            Some(false) => {
                let why =
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                refuse(&name_at, [why], errors);
            }
            None => errors.push(not_found(&name_at)),
        }
        if path.is_empty() {
            errors.push(path_at.required(""));
        }
        if paths_taken.contains(path) {
            refuse(&path_at, ["must be unique"], errors);
        }
        if paths::no_backsteps(path).is_some() {
            refuse(&path_at, ["can not contain backsteps ('..')"], errors);
        } else {
            paths_taken.insert(path);
        }
        if any(mounts, "name", name) {
            refuse(&name_at, ["must not already exist in volumeMounts"], errors);
        }
        if any_path(mounts, "mountPath", path) {
            refuse(&path_at, ["must not already exist as a path in volumeMounts"], errors);
        }
        if !name.is_empty() {
            names.insert(name);
        }
    }
}
