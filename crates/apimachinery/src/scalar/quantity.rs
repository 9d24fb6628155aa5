//! `resource.Quantity`: an exact decimal number with a suffix, such as `1500m`, `128Mi` or `12e6`.
//!
//! Quantities are compared and added exactly, whatever their size. Their text is Go's: the same suffix family
//! as the input had, the largest suffix that needs no fraction, rounded away from zero at 10⁻⁹; and an input
//! that Go takes for canonical (which includes oddities such as `+5` and `1.500`) is kept as it was.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::Text;

mod decimal;

use decimal::Decimal;

/// The family of suffixes that a quantity is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// `n`, `u`, `m`, none, `k`, `M`, `G`, `T`, `P`, `E`: powers of 1000.
    #[default]
    DecimalSi,
    /// `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei`: powers of 1024.
    BinarySi,
    /// `e3`, `E-9`: powers of ten.
    DecimalExponent,
}

/// Why a text is no quantity; displays as Go says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseQuantityError {
    /// Not a number followed by letters and an exponent.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// No digits where there must be some.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// A suffix that is none of the known ones.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// A quantity: an exact number and the form in which it is written. The default is 0.
#[derive(Clone, Debug, Default)]
pub struct Quantity {
    value: Decimal,
    format: Format,
    /// The text that it was parsed from, where Go would write that again.
    text: Option<Text>,
}

impl Quantity {
    /// Parses a quantity.
    ///
    /// # Errors
    /// As Go says it.
    pub fn parse(text: &str) -> Result<Self, ParseQuantityError> {
        let scanned = Scanned::of(text)?;
        if let Some(small) = scanned.small() {
            let value = Decimal::new(small.value, small.scale);
            return Ok(Quantity {
                value,
                format: scanned.format,
                text: small.keep_text.then(|| text.into()),
            });
        }
        scanned.large()
    }

    /// A whole number.
    pub fn new(value: i64, format: Format) -> Self {
        Quantity { value: Decimal::new(value, 0), format, text: None }
    }

    /// A number of thousandths.
    pub fn from_milli(value: i64, format: Format) -> Self {
        Quantity { value: Decimal::new(value, -3), format, text: None }
    }

    /// The family of suffixes that it is written with.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.value.is_zero()
    }

    /// Whether it is below 0.
    pub fn is_negative(&self) -> bool {
        self.value.is_negative()
    }

    /// The whole number; `None` where it has a fraction or does not fit 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        self.value.scaled(0).filter(|(_, exact)| *exact).map(|(value, _)| value)
    }

    /// The whole number, rounded away from zero; at the limits of 64 bits where it is past them.
    pub fn value(&self) -> i64 {
        self.scaled_value(0)
    }

    /// The number of thousandths, rounded away from zero; at the limits of 64 bits where it is past them.
    pub fn milli_value(&self) -> i64 {
        self.scaled_value(-3)
    }

    /// The nearest floating-point number; infinite where there is none near.
    pub fn approximate(&self) -> f64 {
        let (negative, digits, exponent) = self.value.parts();
        let digits = if digits.is_empty() { "0" } else { digits };
        format!("{}{digits}e{exponent}", if negative { "-" } else { "" }).parse().unwrap_or(f64::INFINITY)
    }

    fn scaled_value(&self, scale: i32) -> i64 {
        let limit = if self.is_negative() { i64::MIN } else { i64::MAX };
        self.value.scaled(scale).map_or(limit, |(value, _)| value)
    }

    /// The quantity rounded away from zero to thousandths; `None` where it has nothing finer.
    pub fn rounded_to_milli(&self) -> Option<Self> {
        let value = self.value.clone().rounded_away_from_zero(-3);
        (value != self.value).then_some(Quantity { value, format: self.format, text: None })
    }

    /// The sum, exact, in the format of `self` unless that is 0. `None` where the sum would have more than
    /// 4096 digits.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        let format = if self.is_zero() { other.format } else { self.format };
        Some(Quantity { value: self.value.checked_add(&other.value)?, format, text: None })
    }

    /// The difference; as [`Quantity::checked_add`].
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        self.checked_add(&Quantity { value: other.value.negated(), format: other.format, text: None })
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        if self.is_zero() {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && !self.value.is_within(1024) && self.value.is_whole() {
            let (number, thousands) = self.value.without_factors_of_1024();
            return write!(f, "{number}{}", suffix(Format::BinarySi, i64::from(thousands)));
        }
        let format = match self.format {
            Format::DecimalExponent => Format::DecimalExponent,
            // Below 1024, and with a fraction, powers of 1024 say nothing that powers of 1000 don't.
            Format::DecimalSi | Format::BinarySi => Format::DecimalSi,
        };
        let (negative, digits, exponent) = self.value.parts();
        let zeros = exponent.rem_euclid(3);
        let sign = if negative { "-" } else { "" };
        write!(f, "{sign}{digits}{}", &"00"[..zeros as usize])?;
        write_decimal_suffix(f, format, exponent.wrapping_sub(zeros))
    }
}

fn write_decimal_suffix(out: &mut impl fmt::Write, format: Format, exponent: i32) -> fmt::Result {
    match format {
        Format::DecimalExponent if exponent == 0 => Ok(()),
        Format::DecimalExponent => write!(out, "e{exponent}"),
        _ => out.write_str(suffix(format, i64::from(exponent) / 3)),
    }
}

/// The suffix for a power of 1000 or 1024. Past the last one there is none, and the number says less than it
/// should: Go has it so.
fn suffix(format: Format, power: i64) -> &'static str {
    const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let (names, index) = match format {
        Format::BinarySi => (&BINARY[..], power),
        _ => (&DECIMAL[..], power + 3),
    };
    usize::try_from(index).ok().and_then(|i| names.get(i)).copied().unwrap_or("")
}

/// The canonical text of a quantity, without building one where the number is small.
pub(super) fn canonical(text: &str) -> Result<Cow<'_, str>, ParseQuantityError> {
    let scanned = Scanned::of(text)?;
    match scanned.small() {
        Some(small) if small.keep_text => Ok(Cow::Borrowed(text)),
        Some(small) => {
            let mut buffer = itoa::Buffer::new();
            let (number, tail) = small.canonical(scanned.format);
            let digits = buffer.format(number);
            let mut end = Text::const_new("");
            write_decimal_suffix_or_binary(&mut end, tail);
            if text.strip_prefix(digits) == Some(end.as_str()) {
                return Ok(Cow::Borrowed(text));
            }
            Ok(Cow::Owned(format!("{digits}{end}")))
        }
        None => Ok(Cow::Owned(scanned.large()?.to_string())),
    }
}

fn write_decimal_suffix_or_binary(out: &mut Text, tail: Tail) {
    match tail {
        Tail::Binary(power) => out.push_str(suffix(Format::BinarySi, i64::from(power))),
        Tail::Decimal(format, exponent) => {
            // Writing to a string can't fail.
            let _ = write_decimal_suffix(out, format, exponent);
        }
    }
}

enum Tail {
    Binary(u32),
    Decimal(Format, i32),
}

/// A quantity's text, taken apart.
struct Scanned<'a> {
    negative: bool,
    /// Digits before the point, without zeros in front; `0` where there are none.
    whole: &'a str,
    /// Digits after the point.
    fraction: &'a str,
    /// Whether there is a digit at all.
    has_digits: bool,
    format: Format,
    /// The power of 2 or of 10 that the suffix stands for.
    exponent: i32,
}

/// A number that fits 64 bits, `value * 10^scale`.
struct Small {
    value: i64,
    scale: i32,
    /// Whether Go would write the text that it was parsed from.
    keep_text: bool,
}

/// The most decimal digits that surely fit 64 bits.
const SMALL_DIGITS: usize = 18;
/// The finest scale: parts of 10⁻⁹.
const NANO: i32 = -9;

impl<'a> Scanned<'a> {
    fn of(text: &'a str) -> Result<Self, ParseQuantityError> {
        if text.is_empty() {
            return Err(ParseQuantityError::Format);
        }
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number = unsigned.trim_start_matches('0');
        // A sign with nothing but zeros behind it, or with nothing at all, is 0 to Go.
        let (whole, rest) = number.split_at(digits_in(number));
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(tail) => tail.split_at(digits_in(tail)),
            None => ("", rest),
        };
        let has_digits = !fraction.is_empty() || !whole.is_empty() || number.len() < unsigned.len();
        let whole = if whole.is_empty() { "0" } else { whole };
        let letters = rest.bytes().take_while(|b| b"eEinumkKMGTP".contains(b)).count();
        let power = rest[letters..].strip_prefix(['-', '+']).unwrap_or(&rest[letters..]);
        if digits_in(power) < power.len() {
            return Err(ParseQuantityError::Format);
        }
        let (format, exponent) = interpret(rest).ok_or(ParseQuantityError::Suffix)?;
        Ok(Scanned { negative, whole, fraction, has_digits, format, exponent })
    }

    fn small(&self) -> Option<Small> {
        let digits = self.whole.len() + self.fraction.len();
        let (multiplier, scale) = match self.format {
            Format::DecimalSi | Format::DecimalExponent => {
                if digits > SMALL_DIGITS {
                    return None;
                }
                (1, self.exponent)
            }
            Format::BinarySi => {
                // About three digits for each factor of 1024; what does not surely fit goes the long way.
                let room = 14 - self.exponent * 3 / 10;
                if !self.fraction.is_empty() || i64::from(room) < digits as i64 {
                    return None;
                }
                (1i64 << self.exponent, 0)
            }
        };
        let scale = scale.wrapping_sub(self.fraction.len() as i32);
        if scale < NANO {
            return None;
        }
        let bytes = || self.whole.bytes().chain(self.fraction.bytes());
        let number = bytes().fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
        let keep_text = match self.format {
            Format::BinarySi => number & 7 != 0,
            _ => scale % 3 == 0 && !self.ends_in_thousand() && !self.whole.starts_with('0'),
        };
        let value = number.checked_mul(multiplier)?;
        Some(Small { value: if self.negative { -value } else { value }, scale, keep_text })
    }

    fn ends_in_thousand(&self) -> bool {
        let zeros = |s: &str| s.bytes().rev().take_while(|b| *b == b'0').count();
        let after = zeros(self.fraction);
        after >= 3 || (after == self.fraction.len() && after + zeros(self.whole) >= 3)
    }

    /// A number of any size or fineness: rounded away from zero at 10⁻⁹, and one with a binary suffix cut at
    /// the largest 64-bit number.
    fn large(&self) -> Result<Quantity, ParseQuantityError> {
        if !self.has_digits {
            return Err(ParseQuantityError::Numeric);
        }
        let (power_of_two, power_of_ten) = match self.format {
            Format::BinarySi => (self.exponent as u32, 0),
            _ => (0, self.exponent),
        };
        let exponent = power_of_ten.wrapping_sub(self.fraction.len() as i32);
        let mut value = Decimal::from_digits(self.negative, &[self.whole, self.fraction], exponent)
            .times_power_of_two(power_of_two)
            .rounded_away_from_zero(NANO);
        let mut format = self.format;
        if format == Format::BinarySi {
            let limit = Decimal::new(i64::MAX, 0);
            if value.cmp_magnitude(&limit) == Ordering::Greater {
                value = if self.negative { limit.negated() } else { limit };
            }
            if value.is_within(1) {
                format = Format::DecimalSi;
            }
        }
        Ok(Quantity { value, format, text: None })
    }
}

impl Small {
    /// The number without the factors that the suffix takes, and the suffix.
    fn canonical(&self, format: Format) -> (i128, Tail) {
        let mut number = i128::from(self.value);
        if number == 0 {
            return (0, Tail::Decimal(Format::DecimalSi, 0));
        }
        if format == Format::BinarySi && number.abs() >= 1024 {
            let powers = number.trailing_zeros() / 10;
            return (number >> (10 * powers), Tail::Binary(powers));
        }
        let mut exponent = self.scale;
        while number % 10 == 0 {
            number /= 10;
            exponent = exponent.wrapping_add(1);
        }
        let zeros = exponent.rem_euclid(3);
        let format = if format == Format::BinarySi { Format::DecimalSi } else { format };
        (number * 10i128.pow(zeros as u32), Tail::Decimal(format, exponent.wrapping_sub(zeros)))
    }
}

fn digits_in(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn interpret(suffix: &str) -> Option<(Format, i32)> {
    use Format::{BinarySi, DecimalExponent, DecimalSi};
    Some(match suffix {
        "n" => (DecimalSi, -9),
        "u" => (DecimalSi, -6),
        "m" => (DecimalSi, -3),
        "" => (DecimalSi, 0),
        "k" => (DecimalSi, 3),
        "M" => (DecimalSi, 6),
        "G" => (DecimalSi, 9),
        "T" => (DecimalSi, 12),
        "P" => (DecimalSi, 15),
        "E" => (DecimalSi, 18),
        "Ki" => (BinarySi, 10),
        "Mi" => (BinarySi, 20),
        "Gi" => (BinarySi, 30),
        "Ti" => (BinarySi, 40),
        "Pi" => (BinarySi, 50),
        "Ei" => (BinarySi, 60),
        // An exponent that fits 64 bits but not 32 loses its upper half, as it does in Go.
        _ => (DecimalExponent, suffix.strip_prefix(['e', 'E'])?.parse::<i64>().ok()? as i32),
    })
}

#[cfg(test)]
mod tests;
