//! `metav1.Duration`: signed nanoseconds, written as Go writes a `time.Duration`.

use std::borrow::Cow;
use std::fmt;

use super::{borrow_if_same, quote};

/// A span of time in nanoseconds, at most about 292 years either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(pub i64);

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const LIMIT: u64 = 1 << 63;

impl Duration {
    /// Parses a text such as `1h30m`, `-1.5s` or `0`. Units: `ns`, `us` (`µs`, `μs`), `ms`, `s`, `m`, `h`.
    ///
    /// # Errors
    /// Go's message, such as `time: missing unit in duration "5"`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("time: invalid duration {}", quote(text));
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Duration(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total = 0u64;
        while !rest.is_empty() {
            let term;
            (term, rest) = Self::parse_term(text, rest)?;
            // Two terms of exactly 2^63 ns wrap to zero, as they do in Go.
            total = total.wrapping_add(term);
            if total > LIMIT {
                return Err(invalid());
            }
        }
        match (negative, total) {
            (true, LIMIT) => Ok(Duration(i64::MIN)),
            (false, LIMIT) => Err(invalid()),
            (true, nanos) => Ok(Duration(-(nanos as i64))),
            (false, nanos) => Ok(Duration(nanos as i64)),
        }
    }

    /// One number with its unit, at the head of `rest`: nanoseconds, and what follows.
    fn parse_term<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str), String> {
        let invalid = || format!("time: invalid duration {}", quote(text));
        let (whole, after_whole) = split_digits(rest);
        let (fraction, after_number) = match after_whole.strip_prefix('.') {
            Some(tail) => split_digits(tail),
            None => ("", after_whole),
        };
        let mut value = 0u64;
        for digit in whole.bytes() {
            let next = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
            value = next.filter(|v| *v <= LIMIT).ok_or_else(invalid)?;
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after_number.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after_number.len());
        let (unit, tail) = after_number.split_at(end);
        let scale = match unit {
            "" => return Err(format!("time: missing unit in duration {}", quote(text))),
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS_PER_SECOND,
            "m" => 60 * NANOS_PER_SECOND,
            "h" => 3600 * NANOS_PER_SECOND,
            unit => return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text))),
        };
        let nanos = value.checked_mul(scale).filter(|v| *v <= LIMIT).ok_or_else(invalid)?;
        let nanos = nanos + fraction_nanos(fraction, scale);
        if nanos > LIMIT {
            return Err(invalid());
        }
        Ok((nanos, tail))
    }

    pub(super) fn canonical(text: &str) -> Result<Cow<'_, str>, String> {
        Ok(borrow_if_same(text, &Self::parse(text)?.to_string()))
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len()))
}

/// The nanoseconds of a decimal fraction of a unit. Through doubles, as Go does it, so that the last digit of
/// an odd fraction of an hour is the same.
fn fraction_nanos(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0u64, 1f64);
    for digit in digits.bytes() {
        if value > i64::MAX as u64 / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > LIMIT {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write_decimal(f, nanos, 3, "\u{b5}s"),
            1_000_000..NANOS_PER_SECOND => write_decimal(f, nanos, 6, "ms"),
            _ => {
                let minutes = nanos / NANOS_PER_SECOND / 60;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write_decimal(f, nanos - minutes * 60 * NANOS_PER_SECOND, 9, "s")
            }
        }
    }
}

/// Writes `value / 10^places` without trailing zeros, and the unit.
fn write_decimal(f: &mut fmt::Formatter<'_>, value: u64, places: usize, unit: &str) -> fmt::Result {
    let one = 10u64.pow(places as u32);
    let fraction = format!("{:0places$}", value % one);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    write!(f, "{}{point}{fraction}{unit}", value / one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_writes_as_go() {
        for (text, nanos, canonical) in [
            ("0", 0, "0s"),
            ("-0", 0, "0s"),
            ("1ns", 1, "1ns"),
            ("1100ns", 1_100, "1.1\u{b5}s"),
            ("1us", 1_000, "1\u{b5}s"),
            ("1\u{3bc}s", 1_000, "1\u{b5}s"),
            ("2.2ms", 2_200_000, "2.2ms"),
            ("3.3s", 3_300_000_000, "3.3s"),
            ("30s", 30_000_000_000, "30s"),
            ("4m", 240_000_000_000, "4m0s"),
            ("4m5.001s", 245_001_000_000, "4m5.001s"),
            ("1h", 3_600_000_000_000, "1h0m0s"),
            ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
            ("+5h6m7.000000001s", 18_367_000_000_001, "5h6m7.000000001s"),
            (".5s", 500_000_000, "500ms"),
            ("5.s", 5_000_000_000, "5s"),
            ("1s1s", 2_000_000_000, "2s"),
            ("0.3333333333333333333h", 1_200_000_000_000, "20m0s"),
            ("9223372036854775807ns", i64::MAX, "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(Duration::parse(text), Ok(Duration(nanos)), "{text}");
            assert_eq!(Duration(nanos).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn refuses_with_gos_message() {
        for (text, message) in [
            ("", r#"time: invalid duration """#),
            ("-", r#"time: invalid duration "-""#),
            (".s", r#"time: invalid duration ".s""#),
            ("s", r#"time: invalid duration "s""#),
            ("3", r#"time: missing unit in duration "3""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1 s", r#"time: unknown unit " s" in duration "1 s""#),
            ("\"5s", r#"time: invalid duration "\"5s""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("3000000h", r#"time: invalid duration "3000000h""#),
        ] {
            assert_eq!(Duration::parse(text), Err(message.to_owned()), "{text}");
        }
    }
}
