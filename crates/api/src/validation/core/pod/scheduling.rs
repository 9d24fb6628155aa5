//! What decides on which node a pod runs: affinity, tolerations, gates.

use keelson_apimachinery::content::names;
use keelson_apimachinery::field::FieldError;

use super::{PodOptions, spread};
use crate::validation::shared::names::{label, one_of, qualified, refuse};
use crate::validation::shared::node_selector::{node_selector, node_selector_term};
use crate::validation::shared::seen::Seen;
use crate::validation::shared::selector::{Leniency, label_selector};
use crate::validation::{Errors, Node};

pub(super) const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
pub(super) const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// `spec.affinity`.
pub(super) fn affinity(at: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let of_nodes = at.child("nodeAffinity");
    let required = of_nodes.child(REQUIRED);
    if required.is_set() {
        node_selector(&required, options.node_affinity_values, errors);
    }
    for term in of_nodes.child(PREFERRED).items() {
        weight(&term.child("weight"), errors);
        node_selector_term(&term.child("preference"), true, errors);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let of_pods = at.child(kind);
        for term in of_pods.child(REQUIRED).items() {
            pod_term(&term, options, errors);
        }
        for weighted in of_pods.child(PREFERRED).items() {
            weight(&weighted.child("weight"), errors);
            pod_term(&weighted.child("podAffinityTerm"), options, errors);
        }
    }
}

fn weight(at: &Node<'_>, errors: &mut Errors) {
    let weight = at.int().unwrap_or(0);
    if !(1..=100).contains(&weight) {
        let why = "must be in the range 1-100";
        errors.push(FieldError::invalid_int(at, weight, why));
    }
}

fn pod_term(term: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    term_selectors(term, options.affinity_values, errors);
    for namespace in term.child("namespaces").items() {
        let at = term.child("namespace").with(namespace.value());
        label(&at, errors);
    }
    spread::keys(term, errors);
    let key = term.child("topologyKey");
    if key.text().is_empty() {
        errors.push(key.required("can not be empty"));
    }
    qualified(&key, errors);
}

/// The selectors of a term of pod affinity.
pub(super) fn term_selectors(term: &Node<'_>, invalid_values: bool, errors: &mut Errors) {
    let leniency = Leniency { invalid_values };
    label_selector(&term.child("labelSelector"), leniency, errors);
    label_selector(&term.child("namespaceSelector"), leniency, errors);
}

/// `spec.tolerations`.
pub(in crate::validation) fn tolerations(list: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    for toleration in list.items() {
        let (key, operator) = (toleration.child("key"), toleration.child("operator"));
        let (value, effect) = (toleration.child("value"), toleration.child("effect"));
        if !key.text().is_empty() {
            qualified(&key, errors);
        } else if operator.text() != "Exists" {
            let why =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            refuse(&operator, [why], errors);
        }
        if toleration.child("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            refuse(&effect, ["effect must be 'NoExecute' when `tolerationSeconds` is set"], errors);
        }
        match operator.text() {
            "Equal" | "" => {
                let wrong = names::label_value(value.text());
                if !wrong.is_empty() {
                    errors.push(operator.invalid_text(value.text(), wrong.join(";")));
                }
            }
            "Exists" => {
                if !value.text().is_empty() {
                    let why = "value must be empty when `operator` is 'Exists'";
                    errors.push(operator.invalid_text(value.text(), why));
                }
            }
            "Lt" | "Gt" if options.comparing_tolerations => decimal(&value, errors),
            "Lt" | "Gt" => errors.push(operator.not_supported(&["Equal", "Exists", "Lt", "Gt"])),
            _ => errors.push(operator.not_supported(&["Equal", "Exists"])),
        }
        if !effect.text().is_empty() {
            one_of(&effect, EFFECTS, errors);
        }
    }
}

/// A decimal number of 64 bits without needless zeros or signs.
fn decimal(at: &Node<'_>, errors: &mut Errors) {
    let text = at.text();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    if !plain || (digits.starts_with('0') && text != "0") {
        let why = "must be a valid decimal integer in canonical form";
        refuse(at, [why], errors);
    }
    if text.parse::<i64>().is_err() {
        let reason = if plain { "value out of range" } else { "invalid syntax" };
        refuse(at, [format!("strconv.ParseInt: parsing {text:?}: {reason}")], errors);
    }
}

/// Old tolerations may only change how long they tolerate.
pub(super) fn added_tolerations(new: &Node<'_>, old: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let same = |a: &Node<'_>, b: &Node<'_>| {
        ["key", "operator", "value", "effect"].iter().all(|m| a.child(m).text() == b.child(m).text())
    };
    if !old.items().all(|before| new.items().any(|now| same(&before, &now))) {
        errors.push(new.forbidden("existing toleration can not be modified except its tolerationSeconds"));
        return;
    }
    tolerations(new, options, errors);
}

/// `spec.schedulingGates`.
pub(super) fn gates(list: &Node<'_>, errors: &mut Errors) {
    let mut seen = Seen::default();
    for (gate, value) in list.items().zip(list.array()) {
        let name = value.str_at(&["name"]);
        let wrong = names::qualified_name(name);
        errors.extend(wrong.into_iter().map(|text| gate.invalid_text(name, text)));
        if !seen.insert(name) {
            errors.push(gate.duplicate_text(name));
        }
    }
}

/// Gates may only go.
pub(super) fn deleted_gates(new: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let known = |name: &str| old.array().iter().any(|gate| gate.str_at(&["name"]) == name);
    let last = |i: usize, name: &str| !new.array()[i + 1..].iter().any(|gate| gate.str_at(&["name"]) == name);
    for (i, gate) in new.items().enumerate() {
        let at = gate.child("name");
        if !known(at.text()) && last(i, at.text()) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{}'", at.text());
            errors.push(at.forbidden(why));
        }
    }
}

/// `spec.readinessGates`.
pub(super) fn readiness_gates(list: &Node<'_>, errors: &mut Errors) {
    list.items().for_each(|gate| qualified(&gate.child("conditionType"), errors));
}

/// `spec.schedulingGroup`.
pub(super) fn group(at: &Node<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let name = at.child("podGroupName");
    if name.is_set() {
        refuse(&name, names::dns_subdomain(name.text()), errors);
    } else {
        errors.push(name.invalid("must specify one of: `podGroupName`"));
    }
}
