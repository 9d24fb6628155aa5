//! How much of a device's capacity a request may take.

use keelson_apimachinery::scalar::Quantity;

use super::super::shared::resources::quantity;
use super::super::{Errors, Node};

const MAX_OPTIONS: usize = 10;

/// Checks a capacity of a device, which may be shared or not.
pub(super) fn capacity(capacity: &Node<'_>, shared: bool, errors: &mut Errors) {
    let policy = capacity.child("requestPolicy");
    if !policy.is_set() {
        return;
    }
    if !shared {
        errors.push(policy.forbidden("allowMultipleAllocations must be true"));
        return;
    }
    let (values, range, default) =
        (policy.child("validValues"), policy.child("validRange"), policy.child("default"));
    let most = quantity(&capacity.child("value"));
    match (!values.is_empty(), range.is_set()) {
        (true, true) => errors.push(policy.forbidden(
            "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time",
        )),
        (true, false) if !default.is_set() => {
            errors.push(default.required("required when validValues is defined"));
        }
        (false, true) if !default.is_set() => {
            errors.push(default.required("required when validRange is defined"));
        }
        (true, false) => check_values(&values, &default, &most, errors),
        (false, true) => check_range(&range, &default, &most, errors),
        (false, false) => {}
    }
}

fn check_values(values: &Node<'_>, default: &Node<'_>, most: &Quantity, errors: &mut Errors) {
    for i in 1..values.len() {
        let option = values.index(i);
        if quantity(&values.index(i - 1)) > quantity(&option) {
            errors.push(option.invalid("values must be sorted in ascending order"));
        }
    }
    let mut found = false;
    if values.len() > MAX_OPTIONS {
        errors.push(values.too_many(values.len(), MAX_OPTIONS));
    } else {
        for option in values.items() {
            let amount = quantity(&option);
            if amount > *most {
                errors.push(option.invalid(format!("option is larger than capacity value: {most}")));
            }
            found |= amount == quantity(default);
        }
        for (i, option) in values.items().enumerate() {
            let number = quantity(&option).value();
            if values.items().take(i).any(|before| quantity(&before).value() == number) {
                errors.push(option.duplicate_text(&number.to_string()));
            }
        }
    }
    if !found {
        let shown = values.with(default.value());
        errors.push(shown.invalid("default value is not valid according to the requestPolicy"));
    }
}

fn check_range(range: &Node<'_>, default: &Node<'_>, most: &Quantity, errors: &mut Errors) {
    let (min, max, step) = (range.child("min"), range.child("max"), range.child("step"));
    if !min.is_set() {
        errors.push(min.required("required when validRange is defined"));
        return;
    }
    let (least, usual) = (quantity(&min), quantity(default));
    if least > *most {
        errors.push(min.invalid(format!("min is larger than capacity value: {most}")));
    }
    if usual < least {
        errors.push(min.with(default.value()).invalid(format!("default is less than min: {least}")));
    }
    if max.is_set() {
        let top = quantity(&max);
        if least > top {
            errors.push(max.with(min.value()).invalid(format!("min is larger than max: {top}")));
        }
        if top > *most {
            errors.push(max.invalid(format!("max is larger than capacity value: {most}")));
        }
        if usual > top {
            errors.push(max.with(default.value()).invalid(format!("default is more than max: {top}")));
        }
    }
    if !step.is_set() {
        return;
    }
    let by = quantity(&step);
    match least.checked_add(&by) {
        Some(one) if one <= *most => {}
        one => {
            let one = one.map_or_else(|| step.text().to_owned(), |one| one.to_string());
            errors.push(step.invalid(format!("one step {one} is larger than capacity value: {most}")));
        }
    }
    for value in [Some(default), max.is_set().then_some(&max)].into_iter().flatten() {
        let above = quantity(value).value().saturating_sub(least.value());
        if above.checked_rem(by.value()).is_none_or(|rest| rest != 0) {
            let why = format!("value is not a multiple of a given step ({by}) from ({least})");
            errors.push(step.with(value.value()).invalid(why));
        }
    }
}
