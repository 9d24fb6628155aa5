//! Operators: arithmetic, comparison and logic.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Row;
use crate::meter::{Meter, Outcome};
use crate::value::{Text, Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("_?_:_", "conditional", "(bool, A, A) -> A", unreached),
    ("_&&_", "logical_and", "(bool, bool) -> bool", unreached),
    ("_||_", "logical_or", "(bool, bool) -> bool", unreached),
    ("!_", "logical_not", "(bool) -> bool", not),
    ("@not_strictly_false", "not_strictly_false", "(bool) -> bool", unreached),
    ("_==_", "equals", "(A, A) -> bool", unreached),
    ("_!=_", "not_equals", "(A, A) -> bool", unreached),
    ("_+_", "add_bytes", "(bytes, bytes) -> bytes", add),
    ("_+_", "add_double", "(double, double) -> double", add),
    ("_+_", "add_duration_duration", "(duration, duration) -> duration", add),
    ("_+_", "add_duration_timestamp", "(duration, timestamp) -> timestamp", add),
    ("_+_", "add_timestamp_duration", "(timestamp, duration) -> timestamp", add),
    ("_+_", "add_int64", "(int, int) -> int", add),
    ("_+_", "add_list", "(list(A), list(A)) -> list(A)", add),
    ("_+_", "add_string", "(string, string) -> string", add),
    ("_+_", "add_uint64", "(uint, uint) -> uint", add),
    ("_-_", "subtract_double", "(double, double) -> double", subtract),
    ("_-_", "subtract_duration_duration", "(duration, duration) -> duration", subtract),
    ("_-_", "subtract_int64", "(int, int) -> int", subtract),
    ("_-_", "subtract_timestamp_duration", "(timestamp, duration) -> timestamp", subtract),
    ("_-_", "subtract_timestamp_timestamp", "(timestamp, timestamp) -> duration", subtract),
    ("_-_", "subtract_uint64", "(uint, uint) -> uint", subtract),
    ("_*_", "multiply_double", "(double, double) -> double", multiply),
    ("_*_", "multiply_int64", "(int, int) -> int", multiply),
    ("_*_", "multiply_uint64", "(uint, uint) -> uint", multiply),
    ("_/_", "divide_double", "(double, double) -> double", divide),
    ("_/_", "divide_int64", "(int, int) -> int", divide),
    ("_/_", "divide_uint64", "(uint, uint) -> uint", divide),
    ("_%_", "modulo_int64", "(int, int) -> int", modulo),
    ("_%_", "modulo_uint64", "(uint, uint) -> uint", modulo),
    ("-_", "negate_double", "(double) -> double", negate),
    ("-_", "negate_int64", "(int) -> int", negate),
    ("_<_", "less_bool", "(bool, bool) -> bool", less),
    ("_<_", "less_int64", "(int, int) -> bool", less),
    ("_<_", "less_int64_double", "(int, double) -> bool", less),
    ("_<_", "less_int64_uint64", "(int, uint) -> bool", less),
    ("_<_", "less_uint64", "(uint, uint) -> bool", less),
    ("_<_", "less_uint64_double", "(uint, double) -> bool", less),
    ("_<_", "less_uint64_int64", "(uint, int) -> bool", less),
    ("_<_", "less_double", "(double, double) -> bool", less),
    ("_<_", "less_double_int64", "(double, int) -> bool", less),
    ("_<_", "less_double_uint64", "(double, uint) -> bool", less),
    ("_<_", "less_string", "(string, string) -> bool", less),
    ("_<_", "less_bytes", "(bytes, bytes) -> bool", less),
    ("_<_", "less_timestamp", "(timestamp, timestamp) -> bool", less),
    ("_<_", "less_duration", "(duration, duration) -> bool", less),
    ("_<=_", "less_equals_bool", "(bool, bool) -> bool", less_equals),
    ("_<=_", "less_equals_int64", "(int, int) -> bool", less_equals),
    ("_<=_", "less_equals_int64_double", "(int, double) -> bool", less_equals),
    ("_<=_", "less_equals_int64_uint64", "(int, uint) -> bool", less_equals),
    ("_<=_", "less_equals_uint64", "(uint, uint) -> bool", less_equals),
    ("_<=_", "less_equals_uint64_double", "(uint, double) -> bool", less_equals),
    ("_<=_", "less_equals_uint64_int64", "(uint, int) -> bool", less_equals),
    ("_<=_", "less_equals_double", "(double, double) -> bool", less_equals),
    ("_<=_", "less_equals_double_int64", "(double, int) -> bool", less_equals),
    ("_<=_", "less_equals_double_uint64", "(double, uint) -> bool", less_equals),
    ("_<=_", "less_equals_string", "(string, string) -> bool", less_equals),
    ("_<=_", "less_equals_bytes", "(bytes, bytes) -> bool", less_equals),
    ("_<=_", "less_equals_timestamp", "(timestamp, timestamp) -> bool", less_equals),
    ("_<=_", "less_equals_duration", "(duration, duration) -> bool", less_equals),
    ("_>_", "greater_bool", "(bool, bool) -> bool", greater),
    ("_>_", "greater_int64", "(int, int) -> bool", greater),
    ("_>_", "greater_int64_double", "(int, double) -> bool", greater),
    ("_>_", "greater_int64_uint64", "(int, uint) -> bool", greater),
    ("_>_", "greater_uint64", "(uint, uint) -> bool", greater),
    ("_>_", "greater_uint64_double", "(uint, double) -> bool", greater),
    ("_>_", "greater_uint64_int64", "(uint, int) -> bool", greater),
    ("_>_", "greater_double", "(double, double) -> bool", greater),
    ("_>_", "greater_double_int64", "(double, int) -> bool", greater),
    ("_>_", "greater_double_uint64", "(double, uint) -> bool", greater),
    ("_>_", "greater_string", "(string, string) -> bool", greater),
    ("_>_", "greater_bytes", "(bytes, bytes) -> bool", greater),
    ("_>_", "greater_timestamp", "(timestamp, timestamp) -> bool", greater),
    ("_>_", "greater_duration", "(duration, duration) -> bool", greater),
    ("_>=_", "greater_equals_bool", "(bool, bool) -> bool", greater_equals),
    ("_>=_", "greater_equals_int64", "(int, int) -> bool", greater_equals),
    ("_>=_", "greater_equals_int64_double", "(int, double) -> bool", greater_equals),
    ("_>=_", "greater_equals_int64_uint64", "(int, uint) -> bool", greater_equals),
    ("_>=_", "greater_equals_uint64", "(uint, uint) -> bool", greater_equals),
    ("_>=_", "greater_equals_uint64_double", "(uint, double) -> bool", greater_equals),
    ("_>=_", "greater_equals_uint64_int64", "(uint, int) -> bool", greater_equals),
    ("_>=_", "greater_equals_double", "(double, double) -> bool", greater_equals),
    ("_>=_", "greater_equals_double_int64", "(double, int) -> bool", greater_equals),
    ("_>=_", "greater_equals_double_uint64", "(double, uint) -> bool", greater_equals),
    ("_>=_", "greater_equals_string", "(string, string) -> bool", greater_equals),
    ("_>=_", "greater_equals_bytes", "(bytes, bytes) -> bool", greater_equals),
    ("_>=_", "greater_equals_timestamp", "(timestamp, timestamp) -> bool", greater_equals),
    ("_>=_", "greater_equals_duration", "(duration, duration) -> bool", greater_equals),
];

/// Of operators that decide themselves which of their operands are evaluated: the plan has nodes for them.
pub(super) fn unreached<'a>(_: &mut Meter, _: &[Val<'a>]) -> Outcome<Val<'a>> {
    no_overload()
}

fn not<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Bool(value)] => Ok(Val::Bool(!value)),
        _ => no_overload(),
    }
}

fn int<'a>(value: Option<i64>) -> Outcome<Val<'a>> {
    value.map_or_else(|| error("integer overflow"), |value| Ok(Val::Int(value)))
}

fn uint<'a>(value: Option<u64>) -> Outcome<Val<'a>> {
    value.map_or_else(|| error("unsigned integer overflow"), |value| Ok(Val::Uint(value)))
}

fn duration<'a>(value: Option<i64>) -> Outcome<Val<'a>> {
    value.map_or_else(|| error("duration overflow"), |value| Ok(Val::Duration(value)))
}

pub(super) fn add<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(a), Val::Int(b)] => int(a.checked_add(*b)),
        [Val::Uint(a), Val::Uint(b)] => uint(a.checked_add(*b)),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a + b)),
        [Val::String(a), Val::String(b)] => {
            meter.allocate(a.len() + b.len())?;
            let text = [&**a, &**b].concat();
            Ok(Val::String(Text::Shared(text.into())))
        }
        [Val::Bytes(a), Val::Bytes(b)] => {
            meter.allocate(a.len() + b.len())?;
            Ok(Val::Bytes([&**a, &**b].concat().into()))
        }
        [Val::List(a), Val::List(b)] => {
            let mut elements = a.to_vec(meter)?;
            elements.extend(b.to_vec(meter)?);
            Ok(Val::from(elements))
        }
        [Val::Duration(a), Val::Duration(b)] => duration(a.checked_add(*b)),
        [Val::Timestamp(at), Val::Duration(by)] | [Val::Duration(by), Val::Timestamp(at)] => {
            at.plus(i128::from(*by)).map(Val::Timestamp)
        }
        _ => no_overload(),
    }
}

fn subtract<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(a), Val::Int(b)] => int(a.checked_sub(*b)),
        [Val::Uint(a), Val::Uint(b)] => uint(a.checked_sub(*b)),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a - b)),
        [Val::Duration(a), Val::Duration(b)] => duration(a.checked_sub(*b)),
        [Val::Timestamp(at), Val::Duration(by)] => at.plus(-i128::from(*by)).map(Val::Timestamp),
        [Val::Timestamp(a), Val::Timestamp(b)] => duration(a.since(b)),
        _ => no_overload(),
    }
}

fn multiply<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(a), Val::Int(b)] => int(a.checked_mul(*b)),
        [Val::Uint(a), Val::Uint(b)] => uint(a.checked_mul(*b)),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a * b)),
        _ => no_overload(),
    }
}

fn divide<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(_), Val::Int(0)] | [Val::Uint(_), Val::Uint(0)] => error("division by zero"),
        [Val::Int(a), Val::Int(b)] => int(a.checked_div(*b)),
        [Val::Uint(a), Val::Uint(b)] => uint(a.checked_div(*b)),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a / b)),
        _ => no_overload(),
    }
}

fn modulo<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(_), Val::Int(0)] | [Val::Uint(_), Val::Uint(0)] => error("modulus by zero"),
        [Val::Int(a), Val::Int(b)] => int(a.checked_rem(*b)),
        [Val::Uint(a), Val::Uint(b)] => uint(a.checked_rem(*b)),
        _ => no_overload(),
    }
}

fn negate<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(a)] => int(a.checked_neg()),
        [Val::Double(a)] => Ok(Val::Double(-a)),
        [Val::Duration(a)] => duration(a.checked_neg()),
        _ => no_overload(),
    }
}

fn compare<'a>(args: &[Val<'a>], holds: impl Fn(Ordering) -> bool) -> Outcome<Val<'a>> {
    match args {
        [a, b] => Ok(Val::Bool(holds(a.compare(b)?))),
        _ => no_overload(),
    }
}

fn less<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    compare(args, Ordering::is_lt)
}

fn less_equals<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    compare(args, Ordering::is_le)
}

fn greater<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    compare(args, Ordering::is_gt)
}

fn greater_equals<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    compare(args, Ordering::is_ge)
}

/// Appends to a list that grows in a loop: in place where nobody else holds it.
pub(crate) fn push<'a>(meter: &mut Meter, list: Val<'a>, element: Val<'a>) -> Outcome<Val<'a>> {
    let Val::List(crate::value::List::Made(mut elements)) = list else {
        return add(meter, &[list, Val::from(vec![element])]);
    };
    meter.allocate(size_of::<Val<'_>>())?;
    if Arc::get_mut(&mut elements).is_none() {
        meter.allocate(elements.len() * size_of::<Val<'_>>())?;
    }
    Arc::make_mut(&mut elements).push(element);
    Ok(Val::List(crate::value::List::Made(elements)))
}
