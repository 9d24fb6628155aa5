//! The operating system of a pod, and what only others have.

use super::containers;
use crate::validation::{Errors, Node};

const WINDOWS: &str = "cannot be set for a windows pod";
const LINUX: &str = "windows options cannot be set for a linux pod";

/// What Windows has not, of pods, in upstream's order; with a dot before it inside of the security context.
const NOT_ON_WINDOWS: &[&str] = &[
    ".appArmorProfile",
    ".seLinuxOptions",
    "hostUsers",
    "hostPID",
    "hostIPC",
    ".seccompProfile",
    ".fsGroup",
    ".fsGroupChangePolicy",
    ".sysctls",
    "shareProcessNamespace",
    ".runAsUser",
    ".runAsGroup",
    ".supplementalGroups",
    ".supplementalGroupsPolicy",
    ".seLinuxChangePolicy",
];

/// The same of containers.
const NOT_IN_CONTAINERS: &[&str] = &[
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

/// `spec.os` and what must be absent with it.
pub(super) fn os(spec: &Node<'_>, errors: &mut Errors) {
    let os = spec.child("os");
    if !os.is_set() {
        return;
    }
    let name = os.child("name");
    match name.text() {
        "linux" => linux(spec, errors),
        "windows" => windows(spec, errors),
        "" => errors.push(name.required("")),
        _ => errors.push(os.with(name.value()).not_supported(&["linux", "windows"])),
    }
}

fn linux(spec: &Node<'_>, errors: &mut Errors) {
    let mut check = |owner: &Node<'_>| {
        let context = owner.child("securityContext");
        let options = context.child("windowsOptions");
        if options.is_set() {
            errors.push(options.forbidden(LINUX));
        }
    };
    check(spec);
    containers::visit(spec, &mut check);
}

fn windows(spec: &Node<'_>, errors: &mut Errors) {
    let context = spec.child("securityContext");
    for member in NOT_ON_WINDOWS {
        let at = match member.strip_prefix('.') {
            Some(member) => context.child(member),
            None => spec.child(member),
        };
        // Two of them are no pointers, and false unless they are true.
        let set = if matches!(*member, "hostPID" | "hostIPC") { at.is_true() } else { at.is_set() };
        if set {
            errors.push(at.forbidden(WINDOWS));
        }
    }
    containers::visit(spec, &mut |container| {
        let context = container.child("securityContext");
        for member in NOT_IN_CONTAINERS {
            let at = context.child(member);
            if at.is_set() {
                errors.push(at.forbidden(WINDOWS));
            }
        }
    });
}
