//! Optional values.

use super::Row;
use super::operators::unreached;
use crate::meter::{Meter, Outcome};
use crate::value::{Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("optional.of", "optional_of", "(A) -> optional(A)", of),
    ("optional.ofNonZeroValue", "optional_ofNonZeroValue", "(A) -> optional(A)", of_non_zero),
    ("optional.none", "optional_none", "() -> optional(A)", none),
    ("value", "optional_value", "optional(A).() -> A", value),
    ("hasValue", "optional_hasValue", "optional(A).() -> bool", has_value),
    // The right side is evaluated only where the left one has no value: the plan has nodes for them.
    ("or", "optional_or_optional", "optional(A).(optional(A)) -> optional(A)", unreached),
    ("orValue", "optional_orValue_value", "optional(A).(A) -> A", unreached),
    ("first", "list_first", "list(A).() -> optional(A)", first),
    ("last", "list_last", "list(A).() -> optional(A)", last),
    ("optional.unwrap", "optional_unwrap", "(list(optional(A))) -> list(A)", unwrap),
    ("unwrapOpt", "optional_unwrapOpt", "list(optional(A)).() -> list(A)", unwrap),
];

fn of<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [value] => Ok(Val::optional(Some(value.clone()))),
        _ => no_overload(),
    }
}

fn of_non_zero<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [value] => Ok(Val::optional((!value.is_zero()).then(|| value.clone()))),
        _ => no_overload(),
    }
}

fn none<'a>(_: &mut Meter, _: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Optional(None))
}

fn value<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Optional(Some(value))] => Ok((**value).clone()),
        [Val::Optional(None)] => error("optional.none() dereference"),
        _ => no_overload(),
    }
}

fn has_value<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Optional(value)] => Ok(Val::Bool(value.is_some())),
        _ => no_overload(),
    }
}

fn first<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(list)] => Ok(Val::optional(list.get(0).transpose()?)),
        _ => no_overload(),
    }
}

fn last<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::List(list)] => match list.len().checked_sub(1) {
            Some(index) => Ok(Val::optional(list.get(index).transpose()?)),
            None => Ok(Val::Optional(None)),
        },
        _ => no_overload(),
    }
}

fn unwrap<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::List(list)] = args else {
        return no_overload();
    };
    meter.allocate(list.len() * size_of::<Val<'_>>())?;
    let mut values = Vec::new();
    for element in list.iter() {
        match element? {
            Val::Optional(Some(value)) => values.push((*value).clone()),
            Val::Optional(None) => {}
            other => return error(format!("value {other} is not optional")),
        }
    }
    Ok(Val::from(values))
}
