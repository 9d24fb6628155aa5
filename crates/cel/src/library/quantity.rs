//! Quantities: `quantity('1.5Gi')`.

use std::cmp::Ordering;

use keelson_apimachinery::scalar::{Format, Quantity};

use super::Row;
use super::extension::Extension;
use crate::meter::{Meter, Outcome};
use crate::value::{Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("quantity", "string_to_quantity", "(string) -> kubernetes.Quantity", quantity),
    ("isQuantity", "is_quantity_string", "(string) -> bool", is_quantity),
    ("sign", "quantity_sign", "(kubernetes.Quantity) -> int", sign),
    (
        "isGreaterThan",
        "quantity_is_greater_than",
        "kubernetes.Quantity.(kubernetes.Quantity) -> bool",
        is_greater,
    ),
    ("isLessThan", "quantity_is_less_than", "kubernetes.Quantity.(kubernetes.Quantity) -> bool", is_less),
    ("compareTo", "quantity_compare_to", "kubernetes.Quantity.(kubernetes.Quantity) -> int", compare_to),
    ("asApproximateFloat", "quantity_get_float", "kubernetes.Quantity.() -> double", as_float),
    ("asInteger", "quantity_get_int", "kubernetes.Quantity.() -> int", as_integer),
    ("isInteger", "quantity_is_integer", "kubernetes.Quantity.() -> bool", is_integer),
    ("add", "quantity_add", "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity", add),
    ("add", "quantity_add_int", "kubernetes.Quantity.(int) -> kubernetes.Quantity", add),
    ("sub", "quantity_sub", "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity", sub),
    ("sub", "quantity_sub_int", "kubernetes.Quantity.(int) -> kubernetes.Quantity", sub),
];

/// The quantity that a value is.
fn read<'v>(value: &'v Val<'_>) -> Option<&'v Quantity> {
    match value {
        Val::Extension(extension) => extension.quantity(),
        _ => None,
    }
}

fn one<'v>(args: &'v [Val<'_>]) -> Outcome<&'v Quantity> {
    args.first().and_then(read).map_or_else(no_overload, Ok)
}

/// Two quantities; an integer is one, too.
fn two<'v>(args: &'v [Val<'_>]) -> Outcome<(&'v Quantity, std::borrow::Cow<'v, Quantity>)> {
    let other = match args {
        [_, Val::Int(number)] => std::borrow::Cow::Owned(Quantity::new(*number, Format::DecimalExponent)),
        [_, other] => read(other).map_or_else(no_overload, |other| Ok(std::borrow::Cow::Borrowed(other)))?,
        _ => return no_overload(),
    };
    Ok((one(args)?, other))
}

fn quantity<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => match Quantity::parse(text) {
            Ok(quantity) => Ok(Val::extension(Extension::Quantity(quantity))),
            Err(why) => error(why.to_string()),
        },
        _ => no_overload(),
    }
}

fn is_quantity<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => Ok(Val::Bool(Quantity::parse(text).is_ok())),
        _ => no_overload(),
    }
}

fn sign<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let quantity = one(args)?;
    Ok(Val::Int(if quantity.is_zero() {
        0
    } else if quantity.is_negative() {
        -1
    } else {
        1
    }))
}

fn order(args: &[Val<'_>]) -> Outcome<Ordering> {
    two(args).map(|(a, b)| a.cmp(&b))
}

fn is_greater<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Bool(order(args)?.is_gt()))
}

fn is_less<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Bool(order(args)?.is_lt()))
}

fn compare_to<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Int(order(args)? as i64))
}

fn as_float<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Double(one(args)?.approximate()))
}

fn as_integer<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    one(args)?
        .as_i64()
        .map_or_else(|| error("cannot convert value to integer"), |number| Ok(Val::Int(number)))
}

fn is_integer<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Bool(one(args)?.as_i64().is_some()))
}

fn result<'a>(quantity: Option<Quantity>) -> Outcome<Val<'a>> {
    quantity.map_or_else(
        || error("the quantity has too many digits"),
        |quantity| Ok(Val::extension(Extension::Quantity(quantity))),
    )
}

fn add<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (a, b) = two(args)?;
    result(a.checked_add(&b))
}

fn sub<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (a, b) = two(args)?;
    result(a.checked_sub(&b))
}
