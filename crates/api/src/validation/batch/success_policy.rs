//! `successPolicy` of a job: when it has succeeded before all of its indexes have.

use super::super::shared::numbers::{int, non_negative};
use super::super::shared::render::Shape;
use super::super::{Errors, Node};
use super::indexes;

const MAX_RULES: usize = 20;

/// The longest list of indexes, in bytes.
const MAX_INDEXES: usize = 64 * 1024;

pub(super) const SHAPE: Shape = Shape::Struct(&[(
    "rules",
    "Rules",
    Shape::List(&Shape::Struct(&[
        ("succeededIndexes", "SucceededIndexes", Shape::Json),
        ("succeededCount", "SucceededCount", Shape::Json),
    ])),
)]);

/// Checks the policy of a job with the spec `spec`.
pub(super) fn check(policy: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    let rules = policy.child("rules");
    if rules.is_empty() {
        errors
            .push(rules.required("at least one rules must be specified when the successPolicy is specified"));
    }
    if rules.len() > MAX_RULES {
        errors.push(rules.too_many(rules.len(), MAX_RULES));
    }
    let completions = int(&spec.child("completions"));
    for rule in rules.items() {
        check_rule(&rule, completions, errors);
    }
}

fn check_rule(rule: &Node<'_>, completions: i64, errors: &mut Errors) {
    let (count, list) = (rule.child("succeededCount"), rule.child("succeededIndexes"));
    if !count.is_set() && !list.is_set() {
        errors.push(rule.required("at least one of succeededCount or succeededIndexes must be specified"));
    }
    let mut total = 0;
    if list.is_set() {
        if list.text().len() > MAX_INDEXES {
            errors.push(list.too_long(MAX_INDEXES));
        }
        match indexes::count(list.text(), completions) {
            Ok(count) => total = count,
            Err(why) => errors.push(list.invalid(format!("error parsing succeededIndexes: {why}"))),
        }
    }
    if let Some(number) = count.int() {
        non_negative(&count, errors);
        if number > completions {
            errors.push(count.invalid(format!(
                "must be less than or equal to {completions} (the number of specified completions)"
            )));
        }
        if list.is_set() && number > total {
            errors.push(count.invalid(format!(
                "must be less than or equal to {total} (the number of indexes in the specified \
                 succeededIndexes field)"
            )));
        }
    }
}
