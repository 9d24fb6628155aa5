//! Annotations of pods that mean something to the server.

use keelson_apimachinery::content::paths;

use super::{PodOptions, containers, scheduling};
use crate::validation::shared::names::refuse;
use crate::validation::{Errors, Node};

/// Marks the copy of a pod that a kubelet runs from a file.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
/// Before the name of a container.
pub(super) const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
pub(super) const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// Before the name of a container.
pub(super) const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// The annotations of a pod or template with this spec.
pub(super) fn of_pod(annotations: &Node<'_>, spec: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    if annotations.is_empty() {
        return;
    }
    let mirror = annotations.key(MIRROR);
    if mirror.is_set() && spec.child("nodeName").text().is_empty() {
        refuse(&mirror, ["must set spec.nodeName if mirror pod annotation is set"], errors);
    }
    let old_tolerations = annotations.key(TOLERATIONS);
    if !old_tolerations.text().is_empty() {
        tolerations(annotations, old_tolerations.text(), options, errors);
    }
    if !options.deletion_cost && !deletion_cost(annotations) {
        refuse(&annotations.key(DELETION_COST), ["must be a 32bit integer"], errors);
    }
    let of_pod = annotations.child(SECCOMP_POD).with(annotations.key(SECCOMP_POD).value());
    if of_pod.is_set() {
        seccomp(&of_pod, errors);
    }
    for (key, profile) in annotations.entries() {
        if key.starts_with(SECCOMP_CONTAINER) {
            seccomp(&annotations.child(key).with(profile.value()), errors);
        }
    }
    for (key, profile) in annotations.entries() {
        let Some(name) = key.strip_prefix(APP_ARMOR) else { continue };
        if !has_container(spec, name) {
            errors.push(profile.invalid_text(name, "container not found"));
        }
        let text = profile.text();
        if !matches!(text, "" | "runtime/default" | "unconfined") && !text.starts_with("localhost/") {
            refuse(&profile, [format!("invalid AppArmor profile name: {text:?}")], errors);
        }
    }
}

fn has_container(spec: &Node<'_>, name: &str) -> bool {
    containers::LISTS.iter().any(|list| spec.array_at(&[list]).iter().any(|c| c.str_at(&["name"]) == name))
}

/// Whether the cost of the pod's deletion is a number of 32 bits, without a sign or zeros that it needs not.
pub(super) fn deletion_cost(annotations: &Node<'_>) -> bool {
    let cost = annotations.key(DELETION_COST);
    let Some(text) = cost.opt_text() else { return true };
    let first = text == "0" || text.starts_with(|c: char| c == '-' || ('1'..='9').contains(&c));
    first && text.parse::<i32>().is_ok()
}

/// Tolerations as they were before the spec had them: a list in JSON.
fn tolerations(annotations: &Node<'_>, text: &str, options: &PodOptions, errors: &mut Errors) {
    match keelson_apimachinery::codec::json::decode_untyped(text.as_bytes()) {
        Ok(list) => {
            let list = Some(&list.value);
            scheduling::tolerations(&annotations.child(TOLERATIONS).with(list), options, errors);
        }
        Err(error) => errors.push(annotations.invalid_text(TOLERATIONS, error.to_string())),
    }
}

fn seccomp(at: &Node<'_>, errors: &mut Errors) {
    let text = at.text();
    if matches!(text, "runtime/default" | "docker/default" | "unconfined") {
        return;
    }
    match text.strip_prefix("localhost/") {
        Some(path) => errors.extend(paths::local_descending(path).map(|why| at.invalid_text(path, why))),
        None => refuse(at, ["must be a valid seccomp profile"], errors),
    }
}

/// Some annotations may neither come nor go nor change.
pub(super) fn updated(new: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    for (key, before) in old.entries() {
        let now = new.key(key);
        if now.is_set() && now.text() == before.text() {
            continue;
        }
        if key.starts_with(APP_ARMOR) {
            errors.push(now.forbidden("may not remove or update AppArmor annotations"));
        }
        if key == MIRROR {
            errors.push(now.forbidden("may not remove or update mirror pod annotation"));
        }
    }
    for (key, now) in new.entries() {
        if old.key(key).is_set() {
            continue;
        }
        if key.starts_with(APP_ARMOR) {
            errors.push(now.forbidden("may not add AppArmor annotations"));
        }
        if key == MIRROR {
            errors.push(now.forbidden("may not add mirror pod annotation"));
        }
    }
}

/// Where annotations and fields say which profile confines a container, they must say the same.
pub(super) fn match_fields(annotations: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    if annotations.is_empty() {
        return;
    }
    let of_pod = spec.child("securityContext");
    profile_matches(
        &of_pod.child("seccompProfile"),
        annotations.key(SECCOMP_POD).opt_text(),
        SECCOMP,
        errors,
    );
    containers::visit(spec, &mut |container| {
        let context = container.child("securityContext");
        let annotation = of_container(annotations, SECCOMP_CONTAINER, container);
        profile_matches(&context.child("seccompProfile"), annotation, SECCOMP, errors);
    });
    if spec.text_at(&["os", "name"]) == "windows" {
        return;
    }
    containers::visit(spec, &mut |container| {
        let context = container.child("securityContext");
        let own = context.child("appArmorProfile");
        let profile = if own.is_set() { own } else { own.with(of_pod.at(&["appArmorProfile"])) };
        profile_matches(&profile, of_container(annotations, APP_ARMOR, container), APP_ARMOR_NAMES, errors);
    });
}

/// The annotation whose key is `prefix` and the name of a container.
fn of_container<'a>(annotations: &Node<'a>, prefix: &str, container: &Node<'_>) -> Option<&'a str> {
    let key = format!("{prefix}{}", container.text_at(&["name"]));
    annotations.object()?.get(&key)?.as_str()
}

/// What annotations call a way to confine, and what errors do.
#[derive(Clone, Copy)]
struct Names {
    shown: &'static str,
    defaults: &'static [&'static str],
}

const SECCOMP: Names = Names { shown: "seccomp", defaults: &["runtime/default", "docker/default"] };
const APP_ARMOR_NAMES: Names = Names { shown: "apparmor", defaults: &["runtime/default"] };

fn profile_matches(profile: &Node<'_>, annotation: Option<&str>, names: Names, errors: &mut Errors) {
    let Some(annotation) = annotation.filter(|_| profile.is_set()) else { return };
    let (kind, local) = (profile.child("type"), profile.child("localhostProfile"));
    let file = annotation.strip_prefix("localhost/");
    let same = match kind.text() {
        "Unconfined" => annotation == "unconfined",
        "RuntimeDefault" => names.defaults.contains(&annotation),
        "Localhost" => file.is_some(),
        _ => true,
    };
    let shown = names.shown;
    if !same {
        errors.push(kind.forbidden(format!("{shown} type in annotation and field must match")));
    } else if kind.text() == "Localhost" && file != local.opt_text() {
        errors.push(local.forbidden(format!("{shown} profile in annotation and field must match")));
    }
}
