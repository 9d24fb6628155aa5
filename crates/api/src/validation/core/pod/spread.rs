//! Topology spread constraints, and the label keys that they share with pod affinity.

use std::collections::BTreeMap;

use keelson_apimachinery::Value;
use keelson_apimachinery::field::FieldError;

use super::PodOptions;
use crate::validation::shared::names::{one_of, qualified, refuse};
use crate::validation::shared::numbers::positive;
use crate::validation::shared::selector::{Leniency, label_selector};
use crate::validation::{Errors, Node};

const IN_BOTH: &str = "exists in both matchLabelKeys and labelSelector";
const NO_SELECTOR: &str = "must not be specified when labelSelector is not set";

/// `spec.topologySpreadConstraints`.
pub(super) fn constraints(list: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let pair =
        |c: &Value| (c.str_at(&["topologyKey"]).to_owned(), c.str_at(&["whenUnsatisfiable"]).to_owned());
    let last: BTreeMap<_, usize> = match list.array() {
        [] | [_] => BTreeMap::new(),
        many => many.iter().enumerate().map(|(i, c)| (pair(c), i)).collect(),
    };
    for (i, (constraint, value)) in list.items().zip(list.array()).enumerate() {
        positive(&constraint.child("maxSkew"), errors);
        let (key, action) = (constraint.child("topologyKey"), constraint.child("whenUnsatisfiable"));
        if key.text().is_empty() {
            errors.push(key.required("can not be empty"));
        }
        one_of(&action, &["DoNotSchedule", "ScheduleAnyway"], errors);
        if last.get(&pair(value)).is_some_and(|last| *last > i) {
            let pair = format!("{{{}, {}}}", key.text(), action.text());
            errors.push(FieldError::duplicate(&constraint.child("{topologyKey, whenUnsatisfiable}"), &pair));
        }
        min_domains(&constraint.child("minDomains"), action.text(), errors);
        for member in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            let policy = constraint.child(member);
            if policy.is_set() {
                one_of(&policy, &["Honor", "Ignore"], errors);
            }
        }
        if options.spread_keys {
            keys_by_first_rule(&constraint, errors);
        } else {
            keys(&constraint, errors);
        }
        if !options.spread_selectors {
            label_selector(&constraint.child("labelSelector"), Leniency::default(), errors);
        }
    }
}

fn min_domains(at: &Node<'_>, action: &str, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    positive(at, errors);
    if action != "DoNotSchedule" {
        let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.push(at.invalid(why));
    }
}

/// `matchLabelKeys` and `mismatchLabelKeys` of a constraint or an affinity term. The server adds what the
/// first say to the selector, so that a key may be there, but not twice.
pub(super) fn keys(of: &Node<'_>, errors: &mut Errors) {
    let (matching, mismatching) = (of.child("matchLabelKeys"), of.child("mismatchLabelKeys"));
    if matching.array().is_empty() && mismatching.array().is_empty() {
        return;
    }
    let selector = of.child("labelSelector");
    for list in [&matching, &mismatching] {
        if !list.array().is_empty() && !selector.is_set() {
            errors.push(list.forbidden(NO_SELECTOR));
        } else {
            list.items().for_each(|key| qualified(&key, errors));
        }
    }
    let in_labels = selector.child("matchLabels");
    let expressions = selector.child("matchExpressions");
    for (i, expression) in expressions.items().enumerate() {
        let key = expression.child("key").text();
        let Some(place) = matching.array().iter().rposition(|k| k.as_str() == Some(key)) else { continue };
        let before = expressions.array()[..i].iter().any(|other| other.str_at(&["key"]) == key);
        if before || in_labels.key(key).is_set() {
            // It is the constraint that gets the index.
            errors.push(FieldError::invalid(&format!("{of}[{place}]"), key, IN_BOTH));
        }
    }
    for key in matching.items() {
        if mismatching.array().iter().any(|other| other.as_str() == Some(key.text())) {
            refuse(&key, ["exists in both matchLabelKeys and mismatchLabelKeys"], errors);
        }
    }
}

/// The rule of releases that did not add anything to selectors.
fn keys_by_first_rule(of: &Node<'_>, errors: &mut Errors) {
    let list = of.child("matchLabelKeys");
    if list.array().is_empty() {
        return;
    }
    let selector = of.child("labelSelector");
    if !selector.is_set() {
        errors.push(list.forbidden(NO_SELECTOR));
    }
    let (labels, expressions) = (selector.child("matchLabels"), selector.child("matchExpressions"));
    for key in list.items() {
        qualified(&key, errors);
        let named = labels.key(key.text()).is_set()
            || expressions.array().iter().any(|e| e.str_at(&["key"]) == key.text());
        if named {
            refuse(&key, [IN_BOTH], errors);
        }
    }
}
