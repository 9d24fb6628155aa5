//! `podFailurePolicy` of a job: what a pod's failure means for it.

use keelson_apimachinery::field::{ErrorType, FieldError};

use super::super::shared::names;
use super::super::shared::render::Shape;
use super::super::{Errors, Node};

const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
const MAX_CONDITIONS: usize = 20;

const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: &[&str] = &["In", "NotIn"];
const STATUSES: &[&str] = &["False", "True", "Unknown"];

pub(super) const SHAPE: Shape = Shape::Struct(&[(
    "rules",
    "Rules",
    Shape::List(&Shape::Struct(&[
        ("action", "Action", Shape::Text),
        (
            "onExitCodes",
            "OnExitCodes",
            Shape::Pointer(&Shape::Struct(&[
                ("containerName", "ContainerName", Shape::Json),
                ("operator", "Operator", Shape::Text),
                ("values", "Values", Shape::Json),
            ])),
        ),
        (
            "onPodConditions",
            "OnPodConditions",
            Shape::List(&Shape::Struct(&[("type", "Type", Shape::Text), ("status", "Status", Shape::Text)])),
        ),
    ])),
)]);

/// Checks the policy of a job with the spec `spec`.
pub(super) fn check(policy: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    let rules = policy.child("rules");
    if rules.len() > MAX_RULES {
        errors.push(rules.too_many(rules.len(), MAX_RULES));
    }
    for rule in rules.items() {
        check_rule(&rule, spec, errors);
    }
}

/// `Invalid value` that shows none.
fn wrong(at: &Node<'_>, why: &str) -> FieldError {
    FieldError::new(ErrorType::Invalid, at, None, why)
}

/// A string of a list, which must be there.
fn required_one_of(node: &Node<'_>, supported: &[&str], errors: &mut Errors) {
    if node.text().is_empty() {
        let list: Vec<String> = supported.iter().map(|text| format!("\"{text}\"")).collect();
        errors.push(node.required(format!("valid values: [{}]", list.join(" "))));
    } else {
        names::one_of(node, supported, errors);
    }
}

fn check_rule(rule: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    let action = rule.child("action");
    if action.text() == "FailIndex" {
        if !spec.child("backoffLimitPerIndex").is_set() {
            errors.push(action.invalid("requires the backoffLimitPerIndex to be set"));
        }
    } else {
        required_one_of(&action, ACTIONS, errors);
    }
    let (codes, conditions) = (rule.child("onExitCodes"), rule.child("onPodConditions"));
    if codes.is_set() {
        exit_codes(&codes, spec, errors);
    }
    if conditions.len() > MAX_CONDITIONS {
        errors.push(conditions.too_many(conditions.len(), MAX_CONDITIONS));
    }
    for condition in conditions.items() {
        names::qualified(&condition.child("type"), errors);
        required_one_of(&condition.child("status"), STATUSES, errors);
    }
    match (codes.is_set(), !conditions.is_empty()) {
        (true, true) => {
            errors.push(wrong(rule, "specifying both OnExitCodes and OnPodConditions is not supported"));
        }
        (false, false) => {
            errors.push(wrong(rule, "specifying one of OnExitCodes and OnPodConditions is required"));
        }
        _ => {}
    }
}

fn exit_codes(codes: &Node<'_>, spec: &Node<'_>, errors: &mut Errors) {
    let operator = codes.child("operator");
    required_one_of(&operator, OPERATORS, errors);
    let container = codes.child("containerName");
    if let Some(name) = container.opt_text() {
        let template = spec.child("template");
        let pod = template.child("spec");
        let has = |list: &str| pod.child(list).items().any(|c| c.child("name").text() == name);
        if !has("containers") && !has("initContainers") {
            let why = "must be one of the container or initContainer names in the pod template";
            errors.push(container.invalid(why));
        }
    }
    let values = codes.child("values");
    match values.len() {
        0 => errors.push(values.invalid("at least one value is required")),
        count if count > MAX_EXIT_CODES => errors.push(values.too_many(count, MAX_EXIT_CODES)),
        _ => {}
    }
    let mut ordered = true;
    for (i, value) in values.items().enumerate() {
        let code = value.int();
        if operator.text() == "In" && code == Some(0) {
            errors.push(value.invalid("must not be 0 for the In operator"));
        }
        if values.items().take(i).any(|before| before.int() == code) {
            errors.push(value.duplicate());
        }
        ordered &= i == 0 || values.index(i - 1).int() <= code;
    }
    if !ordered {
        errors.push(values.invalid("must be ordered"));
    }
}
