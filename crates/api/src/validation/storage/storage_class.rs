//! StorageClass, and what VolumeAttributesClass has in common with it.

use keelson_apimachinery::content::names::{NameRule, qualified_name};
use keelson_apimachinery::{Text, Value};

use crate::validation::metadata::validate_again;
use crate::validation::shared::immutable::{immutable, immutable_text};
use crate::validation::shared::names::{one_of, qualified};
use crate::validation::shared::node_labels::deprecated;
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("storage.k8s.io", "storageclasses", create, update).warnings(warn);

/// What parameters may be many of, and what keys and values may take together in bytes.
const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETERS_SIZE: usize = 256 * 1024;

fn create(object: &Node<'_>, errors: &mut Errors) {
    provisioner(&object.child("provisioner"), errors);
    parameters(&object.child("parameters"), true, errors);
    let (reclaim, mode) = (object.child("reclaimPolicy"), object.child("volumeBindingMode"));
    if !reclaim.text().is_empty() {
        one_of(&reclaim, &["Delete", "Retain"], errors);
    }
    if mode.is_set() {
        one_of(&mode, &["Immediate", "WaitForFirstConsumer"], errors);
    } else {
        errors.push(mode.required(""));
    }
    topologies(&object.child("allowedTopologies"), errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    validate_again(object, false, NameRule::Subdomain, errors);
    create(object, errors);
    immutable(&object.child("parameters"), &old.child("parameters"), errors);
    immutable_text(&object.child("provisioner"), &old.child("provisioner"), errors);
    immutable(&object.child("reclaimPolicy"), &old.child("reclaimPolicy"), errors);
    immutable(&object.child("volumeBindingMode"), &old.child("volumeBindingMode"), errors);
}

/// Who makes volumes: a qualified name, in capitals or not.
pub(super) fn provisioner(at: &Node<'_>, errors: &mut Errors) {
    let name = at.text();
    if name.is_empty() {
        errors.push(at.required(""));
        return;
    }
    if qualified_name(name).is_empty() && !name.bytes().any(|c| c.is_ascii_uppercase()) {
        return;
    }
    let lower = Value::String(Text::from(name.to_lowercase()));
    qualified(&at.with(Some(&lower)), errors);
}

pub(super) fn parameters(map: &Node<'_>, may_be_empty: bool, errors: &mut Errors) {
    if map.len() > MAX_PARAMETERS {
        errors.push(map.too_long(MAX_PARAMETERS));
        return;
    }
    let mut size = 0;
    for (key, value) in map.entries() {
        if key.is_empty() {
            errors.push(map.invalid_text(key, "field can not be empty."));
        }
        size += key.len() + value.text().len();
    }
    if size > MAX_PARAMETERS_SIZE {
        errors.push(map.too_long(MAX_PARAMETERS_SIZE));
    }
    if !may_be_empty && map.is_empty() {
        errors.push(map.required("must contain at least one key/value pair"));
    }
}

/// Terms that say where volumes may be; none of them twice, in whatever order.
fn topologies(terms: &Node<'_>, errors: &mut Errors) {
    let mut seen: Vec<Vec<(&str, Vec<&str>)>> = Vec::new();
    for term in terms.items() {
        let mut this: Vec<(&str, Vec<&str>)> = Vec::new();
        let expressions = term.child("matchLabelExpressions");
        for (i, expression) in expressions.items().enumerate() {
            let values = expression.child("values");
            if values.array().is_empty() {
                errors.push(values.required(""));
            }
            for (j, value) in values.items().enumerate() {
                if values.array()[..j].iter().any(|other| Some(other) == value.value()) {
                    errors.push(value.duplicate());
                }
            }
            let key = expression.child("key");
            qualified(&key, errors);
            let before = &term.array_at(&["matchLabelExpressions"])[..i];
            if before.iter().any(|other| other.str_at(&["key"]) == key.text()) {
                errors.push(key.duplicate_text(key.text()));
            }
        }
        for expression in term.array_at(&["matchLabelExpressions"]) {
            let values = expression.get("values").and_then(Value::as_array).unwrap_or_default();
            let mut values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            values.sort_unstable();
            values.dedup();
            // Of expressions with the same key the last counts.
            let key = expression.str_at(&["key"]);
            this.retain(|(other, _)| *other != key);
            this.push((key, values));
        }
        this.sort_unstable();
        // A term without expressions equals the absent ones that upstream compares with, of which there are as
        // many as terms.
        let absent = if this.is_empty() { terms.array().len() } else { 0 };
        let times = absent + seen.iter().filter(|other| **other == this).count();
        errors.extend((0..times).map(|_| expressions.duplicate_text("")));
        seen.push(this);
    }
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    for term in object.child("allowedTopologies").items() {
        for expression in term.child("matchLabelExpressions").items() {
            let key = expression.child("key");
            warnings.extend(deprecated(key.text()).map(|why| format!("{key}: {why}")));
        }
    }
}
