//! What a driver is told about devices, and how devices are selected and tolerated.

use keelson_apimachinery::{Value, codec};

use super::super::shared::names;
use super::super::{Errors, Node};
use super::formats::{driver, value_of_label};
use super::lists::bounded;

const MAX_SELECTORS: usize = 32;

/// The longest expression, and the longest parameters, in bytes.
pub(super) const MAX_TEXT: usize = 10 * 1024;

const EFFECTS: &[&str] = &["NoExecute", "NoSchedule", "None"];

/// Checks the parameters of a driver. Stored ones may be longer.
pub(super) fn opaque(config: &Node<'_>, stored: bool, errors: &mut Errors) {
    let opaque = config.child("opaque");
    if !opaque.is_set() {
        errors.push(opaque.required(""));
        return;
    }
    driver(&opaque.child("driver"), errors);
    json_object(&opaque.child("parameters"), stored, errors);
}

/// A JSON object of bounded length.
pub(super) fn json_object(node: &Node<'_>, stored: bool, errors: &mut Errors) {
    let (length, object) = match node.value() {
        None => (0, false),
        Some(Value::Raw(text)) if text.as_str() == "null" => (0, false),
        Some(Value::Raw(text)) => (text.len(), text.starts_with('{')),
        Some(value) => {
            let mut out = Vec::new();
            codec::json::encode_untyped(value, &mut out);
            (out.len(), matches!(value, Value::Object(_)))
        }
    };
    if length == 0 {
        errors.push(node.required(""));
    } else if !stored && length > MAX_TEXT {
        errors.push(node.too_long(MAX_TEXT));
    } else if !object {
        errors.push(node.invalid_text("<value omitted>", "must be a valid JSON object"));
    }
}

/// Checks selectors of devices.
pub(super) fn selectors(list: &Node<'_>, errors: &mut Errors) {
    bounded(list, MAX_SELECTORS, errors, |selector, errors| {
        let cel = selector.child("cel");
        let expression = cel.child("expression");
        if !cel.is_set() {
            errors.push(cel.required(""));
        } else if expression.text().len() > MAX_TEXT {
            errors.push(expression.too_long(MAX_TEXT));
        }
    });
}

/// Checks a toleration of devices' taints.
pub(super) fn toleration(toleration: &Node<'_>, errors: &mut Errors) {
    let [key, operator, value, effect] =
        ["key", "operator", "value", "effect"].map(|name| toleration.child(name));
    if !key.text().is_empty() {
        names::qualified(&key, errors);
    }
    match operator.text() {
        "Exists" if !value.text().is_empty() => {
            errors.push(value.invalid("must be empty for operator `Exists`"));
        }
        "Exists" => {}
        "Equal" => value_of_label(&value, errors),
        "" => errors.push(operator.required("")),
        _ => errors.push(operator.not_supported(&["Equal", "Exists"])),
    }
    if !effect.text().is_empty() {
        names::one_of(&effect, EFFECTS, errors);
    }
}

/// Checks a taint of a device.
pub(super) fn taint(taint: &Node<'_>, errors: &mut Errors) {
    names::qualified(&taint.child("key"), errors);
    let (value, effect) = (taint.child("value"), taint.child("effect"));
    if !value.text().is_empty() {
        value_of_label(&value, errors);
    }
    if effect.text().is_empty() {
        errors.push(effect.required(""));
    } else {
        names::one_of(&effect, EFFECTS, errors);
    }
}

/// Checks conditions that a device is bound by, and those that say that it can't be.
pub(super) fn binding_conditions(of: &Node<'_>, errors: &mut Errors) {
    const MAX: usize = 4;
    let (good, bad) = (of.child("bindingConditions"), of.child("bindingFailureConditions"));
    for list in [&good, &bad] {
        bounded(list, MAX, errors, names::qualified);
    }
    for list in [&good, &bad] {
        for (i, condition) in list.items().enumerate() {
            if list.items().take(i).any(|before| before.text() == condition.text()) {
                errors.push(condition.duplicate());
            }
            if std::ptr::eq(list, &bad) && good.items().any(|other| other.text() == condition.text()) {
                let why = "bindingFailureConditions must not overlap with bindingConditions";
                errors.push(condition.invalid(why));
            }
        }
    }
    if good.is_empty() && !bad.is_empty() {
        errors.push(good.invalid("bindingConditions are required to use bindingFailureConditions"));
    }
    if bad.is_empty() && !good.is_empty() {
        errors.push(bad.invalid("bindingFailureConditions are required to use bindingConditions"));
    }
}
