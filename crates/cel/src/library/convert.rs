//! Conversions between types.

use std::sync::Arc;

use super::{Row, time};
use crate::meter::{Meter, Outcome};
use crate::value::{Text, Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("bool", "bool_to_bool", "(bool) -> bool", same),
    ("bool", "string_to_bool", "(string) -> bool", to_bool),
    ("bytes", "bytes_to_bytes", "(bytes) -> bytes", same),
    ("bytes", "string_to_bytes", "(string) -> bytes", to_bytes),
    ("double", "double_to_double", "(double) -> double", same),
    ("double", "int64_to_double", "(int) -> double", to_double),
    ("double", "string_to_double", "(string) -> double", to_double),
    ("double", "uint64_to_double", "(uint) -> double", to_double),
    ("duration", "duration_to_duration", "(duration) -> duration", same),
    ("duration", "string_to_duration", "(string) -> duration", to_duration),
    ("dyn", "to_dyn", "(A) -> dyn", same),
    ("int", "int64_to_int64", "(int) -> int", same),
    ("int", "double_to_int64", "(double) -> int", to_int),
    ("int", "duration_to_int64", "(duration) -> int", to_int),
    ("int", "string_to_int64", "(string) -> int", to_int),
    ("int", "timestamp_to_int64", "(timestamp) -> int", to_int),
    ("int", "uint64_to_int64", "(uint) -> int", to_int),
    ("string", "string_to_string", "(string) -> string", same),
    ("string", "bool_to_string", "(bool) -> string", to_string),
    ("string", "bytes_to_string", "(bytes) -> string", to_string),
    ("string", "double_to_string", "(double) -> string", to_string),
    ("string", "duration_to_string", "(duration) -> string", to_string),
    ("string", "int64_to_string", "(int) -> string", to_string),
    ("string", "timestamp_to_string", "(timestamp) -> string", to_string),
    ("string", "uint64_to_string", "(uint) -> string", to_string),
    ("timestamp", "timestamp_to_timestamp", "(timestamp) -> timestamp", same),
    ("timestamp", "int64_to_timestamp", "(int) -> timestamp", to_timestamp),
    ("timestamp", "string_to_timestamp", "(string) -> timestamp", to_timestamp),
    ("type", "type", "(A) -> type(A)", to_type),
    ("uint", "uint64_to_uint64", "(uint) -> uint", same),
    ("uint", "double_to_uint64", "(double) -> uint", to_uint),
    ("uint", "int64_to_uint64", "(int) -> uint", to_uint),
    ("uint", "string_to_uint64", "(string) -> uint", to_uint),
];

/// Conversions of constants are done when an expression is compiled.
pub(crate) fn is_conversion(function: &str) -> bool {
    matches!(
        function,
        "bool" | "bytes" | "double" | "duration" | "dyn" | "int" | "string" | "timestamp" | "uint"
    )
}

fn wrong<'a>(from: &Val<'_>, to: &str) -> Outcome<Val<'a>> {
    error(format!("type conversion error from '{}' to '{to}'", from.type_name()))
}

fn same<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    args.first().cloned().map_or_else(no_overload, Ok)
}

fn to_bool<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [value @ Val::String(text)] => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Val::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Val::Bool(false)),
            _ => wrong(value, "bool"),
        },
        _ => no_overload(),
    }
}

fn to_bytes<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => {
            meter.allocate(text.len())?;
            Ok(Val::Bytes(text.as_bytes().into()))
        }
        _ => no_overload(),
    }
}

fn to_double<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(number)] => Ok(Val::Double(*number as f64)),
        [Val::Uint(number)] => Ok(Val::Double(*number as f64)),
        [value @ Val::String(text)] => match text.parse::<f64>() {
            // What is too large for a double is an error, what is infinite on purpose isn't.
            Ok(number) if number.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) => {
                wrong(value, "double")
            }
            Ok(number) => Ok(Val::Double(number)),
            Err(_) => wrong(value, "double"),
        },
        _ => no_overload(),
    }
}

fn to_duration<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [value @ Val::String(text)] => match time::parse_duration(text) {
            Some(nanos) => Ok(Val::Duration(nanos)),
            None => wrong(value, "google.protobuf.Duration"),
        },
        _ => no_overload(),
    }
}

fn to_int<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Uint(number)] => match i64::try_from(*number) {
            Ok(number) => Ok(Val::Int(number)),
            Err(_) => error("integer overflow"),
        },
        [Val::Double(number)] => {
            // NaN is in no range.
            if *number > i64::MIN as f64 && *number < i64::MAX as f64 {
                Ok(Val::Int(*number as i64))
            } else {
                error("integer overflow")
            }
        }
        [Val::Duration(nanos)] => Ok(Val::Int(*nanos)),
        [Val::Timestamp(at)] => Ok(Val::Int(at.seconds())),
        [value @ Val::String(text)] => match text.parse() {
            Ok(number) => Ok(Val::Int(number)),
            Err(_) => wrong(value, "int"),
        },
        _ => no_overload(),
    }
}

fn to_uint<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(number)] => match u64::try_from(*number) {
            Ok(number) => Ok(Val::Uint(number)),
            Err(_) => error("unsigned integer overflow"),
        },
        [Val::Double(number)] => {
            if *number >= 0.0 && *number < u64::MAX as f64 {
                Ok(Val::Uint(*number as u64))
            } else {
                error("unsigned integer overflow")
            }
        }
        [value @ Val::String(text)] => match text.parse() {
            Ok(number) if !text.starts_with('+') => Ok(Val::Uint(number)),
            _ => wrong(value, "uint"),
        },
        _ => no_overload(),
    }
}

fn to_string<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(match args {
        [Val::Bytes(bytes)] => {
            meter.allocate(bytes.len())?;
            match std::str::from_utf8(bytes) {
                Ok(text) => Val::String(Text::Shared(text.into())),
                Err(_) => return error("invalid UTF-8 in bytes, cannot convert to string"),
            }
        }
        [Val::Bool(value)] => Val::from(if *value { "true" } else { "false" }),
        [Val::Int(number)] => Val::from(number.to_string()),
        [Val::Uint(number)] => Val::from(number.to_string()),
        [Val::Double(number)] => Val::from(double_text(*number)),
        [Val::Duration(nanos)] => Val::from(time::duration_text(*nanos)),
        [Val::Timestamp(at)] => Val::from(at.to_string()),
        _ => return no_overload(),
    })
}

fn to_timestamp<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Int(seconds)] => time::Instant::new(*seconds, 0, 0).map(Val::Timestamp),
        [value @ Val::String(text)] => match time::parse_timestamp(text) {
            Ok(at) => Ok(Val::Timestamp(at)),
            Err(time::Unreadable::Overflow) => error("timestamp overflow"),
            Err(time::Unreadable::Syntax) => wrong(value, "google.protobuf.Timestamp"),
        },
        _ => no_overload(),
    }
}

fn to_type<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [value] => Ok(Val::Type(Arc::from(value.type_name()))),
        _ => no_overload(),
    }
}

/// A double as Go's `%g` prints it: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}
