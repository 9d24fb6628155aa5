//! `string.format`: `%s`, `%d`, `%f`, `%e`, `%b`, `%x`, `%X`, `%o` and `%%`.

use std::fmt::Write;

use super::time;
use crate::meter::{Meter, Outcome};
use crate::value::{List, Map, Val, error};

/// Digits behind the point where none are said.
const PRECISION: usize = 6;

/// The most digits behind the point.
const MOST_DIGITS: usize = 1_000;

/// Lists and maps may be nested this deep.
const DEEPEST: usize = 100;

/// A text with its clauses replaced by `values`, in their order.
pub(super) fn format(meter: &mut Meter, text: &str, values: &List<'_>) -> Outcome<String> {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        meter.allocate(at)?;
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let Some(value) = values.get(next) else {
            return error(format!("index {next} out of range"));
        };
        next += 1;
        let (precision, after) = precision(rest)?;
        let mut chars = after.chars();
        let Some(clause) = chars.next() else {
            return error("unexpected end of string");
        };
        rest = chars.as_str();
        let shown = show(meter, clause, precision, &value?)?;
        meter.allocate(shown.len())?;
        out.push_str(&shown);
    }
    meter.allocate(rest.len())?;
    out.push_str(rest);
    Ok(out)
}

/// The digits that `.3` asks for, and what follows.
fn precision(text: &str) -> Outcome<(usize, &str)> {
    let Some(digits) = text.strip_prefix('.') else {
        return Ok((PRECISION, text));
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length == digits.len() {
        return error("error while parsing precision: could not find end of precision specifier");
    }
    match digits[..length].parse::<usize>() {
        Ok(precision) if precision <= MOST_DIGITS => Ok((precision, &digits[length..])),
        _ => error("error while parsing precision: error while converting precision to integer"),
    }
}

fn show(meter: &mut Meter, clause: char, precision: usize, value: &Val<'_>) -> Outcome<String> {
    let wrong = |wanted: &str| {
        error(format!(
            "error during formatting: {wanted} clause can only be used on {}, was given {}",
            match wanted {
                "string" =>
                    "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
                "integer" => "integers",
                "binary" => "integers and bools",
                "octal" => "integers",
                "hex" => "integers, byte buffers, and strings",
                _ => "doubles",
            },
            value.type_name()
        ))
    };
    Ok(match clause {
        's' => {
            let mut out = String::new();
            string(meter, value, &mut out, 0)?;
            out
        }
        'd' => match value {
            Val::Int(number) => number.to_string(),
            Val::Uint(number) => number.to_string(),
            Val::Double(number) if !number.is_finite() => infinite(*number),
            _ => return wrong("integer"),
        },
        'b' => match value {
            Val::Int(number) => signed(*number, |magnitude| format!("{magnitude:b}")),
            Val::Uint(number) => format!("{number:b}"),
            Val::Bool(value) => u8::from(*value).to_string(),
            _ => return wrong("binary"),
        },
        'o' => match value {
            Val::Int(number) => signed(*number, |magnitude| format!("{magnitude:o}")),
            Val::Uint(number) => format!("{number:o}"),
            _ => return wrong("octal"),
        },
        'x' | 'X' => {
            let hex = match value {
                Val::Int(number) => signed(*number, |magnitude| format!("{magnitude:x}")),
                Val::Uint(number) => format!("{number:x}"),
                Val::String(text) => bytes_in_hex(meter, text.as_bytes())?,
                Val::Bytes(bytes) => bytes_in_hex(meter, bytes)?,
                _ => return wrong("hex"),
            };
            if clause == 'X' { hex.to_ascii_uppercase() } else { hex }
        }
        'f' | 'e' => {
            let number = match value {
                Val::Double(number) => *number,
                Val::Int(number) => *number as f64,
                Val::Uint(number) => *number as f64,
                Val::String(text) if matches!(&**text, "NaN" | "Infinity" | "-Infinity") => {
                    return Ok(match &**text {
                        "NaN" => "NaN",
                        "Infinity" => "∞",
                        _ => "-∞",
                    }
                    .to_owned());
                }
                _ => return wrong(if clause == 'f' { "fixed-point" } else { "scientific" }),
            };
            if !number.is_finite() {
                infinite(number)
            } else if clause == 'f' {
                format!("{number:.precision$}")
            } else {
                let text = format!("{number:.precision$e}");
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let (sign, exponent) =
                    exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
                format!("{digits}e{sign}{exponent:0>2}")
            }
        }
        other => {
            return error(format!(
                "could not parse formatting clause: unrecognized formatting clause \"{other}\""
            ));
        }
    })
}

fn infinite(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number > 0.0 {
        "Infinity".to_owned()
    } else {
        "-Infinity".to_owned()
    }
}

fn signed(number: i64, digits: impl Fn(u64) -> String) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", digits(number.unsigned_abs()))
}

fn bytes_in_hex(meter: &mut Meter, bytes: &[u8]) -> Outcome<String> {
    meter.allocate(bytes.len() * 2)?;
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a text doesn't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

/// What `%s` shows.
fn string(meter: &mut Meter, value: &Val<'_>, out: &mut String, depth: usize) -> Outcome<()> {
    meter.work(1)?;
    if depth > DEEPEST {
        return error("error during formatting: the value is nested too deeply");
    }
    let shown = match value {
        Val::String(text) => {
            meter.allocate(text.len())?;
            out.push_str(text);
            return Ok(());
        }
        Val::List(list) => {
            out.push('[');
            for (i, element) in list.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                string(meter, &element?, out, depth + 1)?;
            }
            out.push(']');
            return Ok(());
        }
        Val::Map(map) => return map_string(meter, map, out, depth),
        Val::Null => "null".to_owned(),
        Val::Bool(value) => value.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Uint(number) => number.to_string(),
        Val::Double(number) if !number.is_finite() => infinite(*number),
        Val::Double(number) => super::convert::double_text(*number),
        Val::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Val::Timestamp(at) => at.to_string(),
        Val::Duration(nanos) => time::duration_text(*nanos),
        Val::Type(name) => name.to_string(),
        other => {
            return error(format!(
                "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, \
                 maps, lists, types, durations, and timestamps, was given {}",
                other.type_name()
            ));
        }
    };
    meter.allocate(shown.len())?;
    out.push_str(&shown);
    Ok(())
}

fn map_string(meter: &mut Meter, map: &Map<'_>, out: &mut String, depth: usize) -> Outcome<()> {
    let mut entries = Vec::new();
    for (key, value) in map.entries() {
        let mut shown = String::new();
        string(meter, &key, &mut shown, depth + 1)?;
        entries.push((shown, value?));
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    out.push('{');
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(key);
        out.push_str(": ");
        string(meter, value, out, depth + 1)?;
    }
    out.push('}');
    Ok(())
}
