//! What a plain word means in YAML 1.1, as Go's library has it.

use crate::Text;

/// A scalar's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer past the range of `i64`.
    Uint(u64),
    /// May be infinite or NaN.
    Float(f64),
    /// A date or time. Its value is its text; only the writer cares that it would be read as one.
    Timestamp,
    String,
}

/// What a plain scalar without a tag means.
pub(super) fn resolve(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else { return Scalar::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
            _ => float(text).map_or(Scalar::String, Scalar::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Scalar::String,
    }
}

fn word(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::String,
    }
}

fn number(text: &str) -> Scalar {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    // No number needs more, and long digit strings need not be copied to be refused.
    if text.len() > 512 {
        return Scalar::String;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix(['+', '-']) {
        Some(digits) => (plain.starts_with('-'), digits),
        None => (false, plain.as_str()),
    };
    if let Some(magnitude) = magnitude(digits) {
        return match (negative, i64::try_from(magnitude)) {
            (false, Ok(i)) => Scalar::Int(i),
            (true, Ok(i)) => Scalar::Int(-i),
            (true, Err(_)) if magnitude == 1 << 63 => Scalar::Int(i64::MIN),
            (false, Err(_)) if digits.len() == plain.len() => Scalar::Uint(magnitude),
            _ => float(&plain).map_or(Scalar::String, Scalar::Float),
        };
    }
    float(&plain).map_or(Scalar::String, Scalar::Float)
}

/// An unsigned integer in Go's notation: decimal, or with `0x`, `0o`, `0b`, or octal behind a zero.
fn magnitude(digits: &str) -> Option<u64> {
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// A decimal float: digits with or without a point, with or without an exponent.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = unsigned.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !plain || !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') || unsigned.starts_with(".e")
    {
        return None;
    }
    text.parse().ok().filter(|float: &f64| float.is_finite())
}

/// Whether the text is a date, or a date and time, in one of the forms that Go's library knows.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' || bytes.len() > 64 {
        return false;
    }
    let year = text[..4].parse().unwrap_or(0);
    let mut rest = &text[5..];
    let Some(month) = small(&mut rest).filter(|month| (1..=12).contains(month)) else { return false };
    if !literal(&mut rest, "-") {
        return false;
    }
    let Some(day) = small(&mut rest) else { return false };
    if !(1..=days_in(year, month)).contains(&day) {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let spaced = rest.starts_with(' ');
    if !(literal(&mut rest, "T") || literal(&mut rest, "t") || literal(&mut rest, " ")) {
        return false;
    }
    let clock = [24, 60, 60];
    for (i, bound) in clock.into_iter().enumerate() {
        if i > 0 && !literal(&mut rest, ":") || small(&mut rest).is_none_or(|n| n >= bound) {
            return false;
        }
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == fraction.len() {
            return false;
        }
        rest = after;
    }
    if spaced {
        return rest.is_empty();
    }
    match rest.as_bytes() {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let two = |a: &u8, b: &u8| {
                (a.is_ascii_digit() && b.is_ascii_digit()).then(|| (a - b'0') * 10 + (b - b'0'))
            };
            two(h1, h2).is_some_and(|h| h <= 24) && two(m1, m2).is_some_and(|m| m < 60)
        }
        _ => false,
    }
}

/// One or two digits.
fn small(rest: &mut &str) -> Option<u32> {
    let length = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(length);
    *rest = after;
    digits.parse().ok()
}

fn literal(rest: &mut &str, prefix: &str) -> bool {
    rest.strip_prefix(prefix).map(|after| *rest = after).is_some()
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A float's shortest text in Go's `%g`. `single`: its digits as a 32-bit float.
pub(super) fn general(float: f64, single: bool) -> Text {
    if float.is_nan() {
        return Text::const_new(".nan");
    }
    if float.is_infinite() {
        return Text::const_new(if float > 0.0 { ".inf" } else { "-.inf" });
    }
    let text = if single { format!("{:e}", float as f32) } else { format!("{float:e}") };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let plain = if single { format!("{}", float as f32) } else { format!("{float}") };
        return plain.into();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs()).into()
}
