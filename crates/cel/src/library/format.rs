//! `string.format`: `%s`, `%d`, `%f`, `%e`, `%b`, `%x`, `%X`, `%o` and `%%`, as version 2 of cel-go's extension
//! writes them: numbers of `%f` and `%e` in American English.

use std::fmt::Write;

use super::{convert, time};
use crate::meter::{Failure, Meter, Outcome};
use crate::types::Type;
use crate::value::{List, Map, Val, error};

/// Digits behind the point where none are said.
const PRECISION: usize = 6;

/// The most digits behind the point.
const MOST_DIGITS: usize = 1_000;

/// Lists and maps may be nested this deep.
const DEEPEST: usize = 100;

const STRING: &str = "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, \
                      durations, and timestamps";

/// What a text is made of.
enum Piece<'t> {
    Text(&'t str),
    /// A clause for the next value: its letter, and the digits behind the point.
    Clause(char, usize),
}

/// The first piece of a text that isn't empty, and what follows.
fn piece(text: &str) -> Result<(Piece<'_>, &str), String> {
    let Some(rest) = text.strip_prefix('%') else {
        let (plain, rest) = text.split_at(text.find('%').unwrap_or(text.len()));
        return Ok((Piece::Text(plain), rest));
    };
    if rest.is_empty() {
        return Err("unexpected end of string".to_owned());
    }
    if let Some(after) = rest.strip_prefix('%') {
        return Ok((Piece::Text("%"), after));
    }
    let wrong = |why: &str| Err(format!("could not parse formatting clause: {why}"));
    let (precision, rest) = match rest.strip_prefix('.') {
        None => (PRECISION, rest),
        Some(digits) => {
            let length = digits.bytes().take_while(u8::is_ascii_digit).count();
            if length == digits.len() {
                return wrong("error while parsing precision: could not find end of precision specifier");
            }
            match digits[..length].parse::<usize>() {
                Ok(precision) if precision <= MOST_DIGITS => (precision, &digits[length..]),
                _ => {
                    return wrong(
                        "error while parsing precision: error while converting precision to integer",
                    );
                }
            }
        }
    };
    let mut chars = rest.chars();
    match chars.next() {
        Some(clause) if "sdfebxXo".contains(clause) => Ok((Piece::Clause(clause, precision), chars.as_str())),
        other => wrong(&format!("unrecognized formatting clause \"{}\"", other.unwrap_or(' '))),
    }
}

/// What a clause says of values that it isn't for.
fn wrong_type(clause: char, type_name: &str) -> String {
    let only = match clause {
        's' => STRING,
        'd' => "decimal clause can only be used on integers",
        'f' => "fixed-point clause can only be used on doubles",
        'e' => "scientific clause can only be used on doubles",
        'b' => "only integers and bools can be formatted as binary",
        'o' => "octal clause can only be used on integers",
        _ => "only integers, byte buffers, and strings can be formatted as hex",
    };
    format!("error during formatting: {only}, was given {type_name}")
}

/// Whether a clause may be for values of a type.
fn takes(clause: char, type_: &Type) -> bool {
    match (clause, type_) {
        (_, Type::Dyn | Type::Any | Type::Parameter(_) | Type::Error) => true,
        ('s', Type::Object(_) | Type::Opaque(_) | Type::Optional(_)) => false,
        ('s', _) | ('d' | 'b' | 'o' | 'x' | 'X', Type::Int | Type::Uint) => true,
        // Text may be `NaN` and the like.
        ('f' | 'e', Type::Double | Type::String) => true,
        ('b', Type::Bool) | ('x' | 'X', Type::String | Type::Bytes) => true,
        _ => false,
    }
}

/// Whether values of these types can be put in a text.
///
/// # Errors
/// What is wrong, and with which of the types; `None` where it is the text.
pub(crate) fn check(text: &str, types: &[&Type]) -> Result<(), (Option<usize>, String)> {
    let mut rest = text;
    let mut next = 0;
    while !rest.is_empty() {
        let (piece, after) = piece(rest).map_err(|why| (None, why))?;
        rest = after;
        if let Piece::Clause(clause, _) = piece {
            let Some(type_) = types.get(next) else {
                return Err((None, format!("index {next} out of range")));
            };
            if !takes(clause, type_) {
                return Err((Some(next), wrong_type(clause, type_.runtime_name())));
            }
            next += 1;
        }
    }
    if types.len() > next {
        let given = types.len();
        return Err((
            None,
            format!("too many arguments supplied to string.format (expected {next}, got {given})"),
        ));
    }
    Ok(())
}

/// A text with its clauses replaced by `values`, in their order.
pub(super) fn format(meter: &mut Meter, text: &str, values: &List<'_>) -> Outcome<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut next = 0;
    while !rest.is_empty() {
        let (piece, after) = piece(rest).or_else(error)?;
        rest = after;
        match piece {
            Piece::Text(plain) => push(meter, &mut out, plain)?,
            Piece::Clause(clause, precision) => {
                let Some(value) = values.get(next) else {
                    return error(format!("index {next} out of range"));
                };
                next += 1;
                let shown = show(meter, clause, precision, &value?)?;
                push(meter, &mut out, &shown)?;
            }
        }
    }
    Ok(out)
}

fn push(meter: &mut Meter, out: &mut String, text: &str) -> Outcome<()> {
    meter.allocate(text.len())?;
    out.push_str(text);
    Ok(())
}

fn show(meter: &mut Meter, clause: char, precision: usize, value: &Val<'_>) -> Outcome<String> {
    Ok(match (clause, value) {
        ('s', value) => {
            let mut out = String::new();
            string(meter, value, &mut out, 0)?;
            out
        }
        ('d', Val::Int(number)) => number.to_string(),
        ('d', Val::Uint(number)) => number.to_string(),
        ('b', Val::Bool(value)) => u8::from(*value).to_string(),
        ('b', Val::Int(number)) => signed(*number, |magnitude| format!("{magnitude:b}")),
        ('b', Val::Uint(number)) => format!("{number:b}"),
        ('o', Val::Int(number)) => signed(*number, |magnitude| format!("{magnitude:o}")),
        ('o', Val::Uint(number)) => format!("{number:o}"),
        ('x' | 'X', value) => {
            let hex = match value {
                Val::Int(number) => signed(*number, |magnitude| format!("{magnitude:x}")),
                Val::Uint(number) => format!("{number:x}"),
                Val::String(text) => bytes_in_hex(meter, text.as_bytes())?,
                Val::Bytes(bytes) => bytes_in_hex(meter, bytes)?,
                _ => return error(wrong_type(clause, value.type_name())),
            };
            if clause == 'X' { hex.to_ascii_uppercase() } else { hex }
        }
        ('f' | 'e', Val::Double(number)) => decimal(clause, precision, *number),
        ('f' | 'e', Val::String(text)) if matches!(&**text, "NaN" | "Infinity" | "-Infinity") => {
            decimal(clause, precision, text.parse().unwrap_or(f64::NAN))
        }
        _ => return error(wrong_type(clause, value.type_name())),
    })
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

/// A number with `precision` digits behind the point: with commas between thousands, or as a number times a power
/// of ten.
fn decimal(clause: char, precision: usize, number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    if clause == 'f' {
        return with_commas(&format!("{number:.precision$}"));
    }
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(("", exponent), |exponent| ("⁻", exponent));
    let superscript = |digit: char| match digit {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4'..='9' => char::from_u32(0x2070 + u32::from(digit) - u32::from('0')).unwrap_or(digit),
        _ => '⁰',
    };
    let exponent: String = format!("{exponent:0>2}").chars().map(superscript).collect();
    format!("{digits}\u{202f}×\u{202f}10{sign}{exponent}")
}

fn with_commas(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    let mut out = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(fraction);
    out
}

/// What `%s` shows. What is in a list or map (`depth` above 0) shows its type, too: texts have quotes.
fn string(meter: &mut Meter, value: &Val<'_>, out: &mut String, depth: usize) -> Outcome<()> {
    meter.work(1)?;
    if depth > DEEPEST {
        return error("error during formatting: the value is nested too deeply");
    }
    let inner = depth > 0;
    let shown = match value {
        Val::String(text) if inner => quoted(meter, text)?,
        Val::String(text) => return push(meter, out, text),
        Val::List(list) => return list_string(meter, list, out, depth),
        Val::Map(map) => return map_string(meter, map, out, depth),
        Val::Null => "null".to_owned(),
        Val::Bool(value) => value.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Uint(number) => number.to_string(),
        Val::Double(number) if !inner => convert::double_text(*number),
        Val::Double(number) if number.is_finite() => format!("{number:.PRECISION$}"),
        Val::Double(number) => format!("\"{}\"", convert::double_text(*number)),
        Val::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if inner => format!("b{}", quoted(meter, text)?),
            Ok(text) => return push(meter, out, text),
            Err(_) => {
                return error("error during formatting: invalid UTF-8 in bytes, cannot convert to string");
            }
        },
        Val::Timestamp(at) if inner => format!("timestamp(\"{at}\")"),
        Val::Timestamp(at) => at.to_string(),
        Val::Duration(nanos) if inner => format!("duration(\"{}\")", time::duration_text(*nanos)),
        Val::Duration(nanos) => time::duration_text(*nanos),
        Val::Type(name) if inner => format!("type({name})"),
        Val::Type(name) => name.to_string(),
        other if inner => {
            let name = other.type_name();
            return error(format!("error during formatting: no formatting function for {name}"));
        }
        other => return error(wrong_type('s', other.type_name())),
    };
    push(meter, out, &shown)
}

fn list_string(meter: &mut Meter, list: &List<'_>, out: &mut String, depth: usize) -> Outcome<()> {
    out.push('[');
    for (i, element) in list.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        string(meter, &element?, out, depth + 1)?;
    }
    out.push(']');
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
        push(meter, out, key)?;
        out.push(':');
        string(meter, value, out, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

/// Text in quotes, as Go's `%q` quotes it.
fn quoted(meter: &mut Meter, text: &str) -> Result<String, Failure> {
    meter.allocate(text.len() * 2)?;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                // Writing to a text doesn't fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(out)
}
