//! PriorityClass.

use super::super::shared::immutable::immutable;
use super::super::shared::numbers::int;
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("scheduling.k8s.io", "priorityclasses", create, update);

/// The highest value that users may give.
const HIGHEST: i64 = 1_000_000_000;

/// The classes of the system with their values; none of them is the default of pods.
const SYSTEM: [(&str, i64); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

fn create(object: &Node<'_>, errors: &mut Errors) {
    let metadata = object.child("metadata");
    let (name, value) = (metadata.child("name"), object.child("value"));
    if name.text().starts_with("system-") {
        if let Some(why) = unknown_system_class(name.text(), int(&value), &object.child("globalDefault")) {
            errors.push(name.forbidden(format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {why}"
            )));
        }
    } else if int(&value) > HIGHEST {
        errors
            .push(value.forbidden(format!("maximum allowed value of a user defined priority is {HIGHEST}")));
    }
    let policy = object.child("preemptionPolicy");
    match policy.opt_text() {
        None | Some("PreemptLowerPriority" | "Never") => {}
        Some("") => errors.push(policy.required("")),
        Some(_) => errors.push(policy.not_supported(&["PreemptLowerPriority", "Never"])),
    }
}

fn unknown_system_class(name: &str, value: i64, default: &Node<'_>) -> Option<String> {
    match SYSTEM.iter().find(|(known, _)| *known == name) {
        None => Some(format!("{name} is not a known system priority class")),
        Some((_, known)) if *known != value => Some(format!("value of {name} PriorityClass must be {known}")),
        Some(_) if default.is_true() => Some(format!("globalDefault of {name} PriorityClass must be false")),
        Some(_) => None,
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let value = object.child("value");
    if int(&value) != int(&old.child("value")) {
        errors.push(value.forbidden("may not be changed in an update."));
    }
    immutable(&object.child("preemptionPolicy"), &old.child("preemptionPolicy"), errors);
}
