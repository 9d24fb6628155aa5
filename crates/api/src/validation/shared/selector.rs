//! Label selectors.

use keelson_apimachinery::content::names::label_value;

use super::super::{Errors, Node};
use super::names;
use super::render::{Shape, render};

/// How a label selector shows in errors.
pub(crate) const SELECTOR: Shape = Shape::Tagged(&[
    ("matchLabels", Shape::Json),
    (
        "matchExpressions",
        Shape::List(&Shape::Tagged(&[
            ("key", Shape::Text),
            ("operator", Shape::Text),
            ("values", Shape::Json),
        ])),
    ),
]);

/// What is let pass in a selector.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leniency {
    /// Values that no label can have: where the old selector has some.
    pub(crate) invalid_values: bool,
}

/// Checks a label selector; an absent one is fine.
pub(crate) fn label_selector(selector: &Node<'_>, leniency: Leniency, errors: &mut Errors) {
    names::labels(&selector.child("matchLabels"), errors);
    for expression in selector.child("matchExpressions").items() {
        requirement(&expression, leniency, errors);
    }
}

fn requirement(expression: &Node<'_>, leniency: Leniency, errors: &mut Errors) {
    let (operator, values) = (expression.child("operator"), expression.child("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors
                .push(values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(operator.invalid_text(other, "not a valid selector operator")),
    }
    names::qualified(&expression.child("key"), errors);
    if !leniency.invalid_values {
        for value in values.items() {
            names::refuse(&value, label_value(value.text()), errors);
        }
    }
}

/// Whether a selector has values that no label can have.
pub(crate) fn has_invalid_values(selector: &Node<'_>) -> bool {
    let expressions = selector.child("matchExpressions");
    expressions.items().any(|e| e.child("values").items().any(|v| !label_value(v.text()).is_empty()))
}

/// Whether a selector can be evaluated.
pub(crate) fn is_valid(selector: &Node<'_>) -> bool {
    let mut errors = Vec::new();
    label_selector(selector, Leniency::default(), &mut errors);
    errors.is_empty()
}

/// Whether a selector has neither labels nor expressions.
pub(crate) fn selects_all(selector: &Node<'_>) -> bool {
    selector.child("matchLabels").len() + selector.child("matchExpressions").len() == 0
}

/// Whether labels match a selector that is valid. An absent selector matches nothing, an empty one everything.
pub(crate) fn matches<'a>(selector: &Node<'_>, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let equal = |(key, value): (&str, Node<'_>)| label(key) == Some(value.text());
    let meets = |expression: Node<'_>| {
        let (values, value) = (expression.child("values"), label(expression.child("key").text()));
        let listed = |value: &str| values.items().any(|v| v.text() == value);
        match expression.child("operator").text() {
            "In" => value.is_some_and(listed),
            "NotIn" => !value.is_some_and(listed),
            "Exists" => value.is_some(),
            _ => value.is_none(),
        }
    };
    selector.is_set()
        && selector.child("matchLabels").entries().all(equal)
        && selector.child("matchExpressions").items().all(meets)
}

/// `Invalid value` of a selector.
pub(crate) fn invalid(selector: &Node<'_>, why: &str) -> keelson_apimachinery::field::FieldError {
    render(selector, &SELECTOR).invalid(why)
}
