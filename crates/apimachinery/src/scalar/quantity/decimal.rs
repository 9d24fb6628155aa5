//! Exact decimal numbers of any length, for what a quantity needs.

use std::cmp::Ordering;

use crate::Text;

/// `±digits * 10^exponent`, in the one form that has no zeros at either end: equal numbers are equal in parts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Decimal {
    negative: bool,
    /// ASCII digits; empty for 0.
    digits: Text,
    exponent: i32,
}

/// The most digits that a sum may have.
const MAX_SUM_DIGITS: i64 = 4096;

impl Decimal {
    pub(super) fn new(value: i64, exponent: i32) -> Self {
        let mut buffer = itoa::Buffer::new();
        Self::from_digits(value < 0, &[buffer.format(value.unsigned_abs())], exponent)
    }

    /// The number whose digits are those of `parts`, one after the other.
    pub(super) fn from_digits(negative: bool, parts: &[&str], exponent: i32) -> Self {
        let mut digits = Text::default();
        for part in parts {
            let part = if digits.is_empty() { part.trim_start_matches('0') } else { part };
            digits.push_str(part);
        }
        let significant = digits.trim_end_matches('0').len();
        let exponent = exponent.wrapping_add((digits.len() - significant) as i32);
        digits.truncate(significant);
        if digits.is_empty() {
            return Decimal { negative: false, digits, exponent: 0 };
        }
        Decimal { negative, digits, exponent }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    pub(super) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// Whether the number is between `-limit` and `limit`, both excluded.
    pub(super) fn is_within(&self, limit: i64) -> bool {
        self.cmp_magnitude(&Self::new(limit, 0)) == Ordering::Less
    }

    /// Sign, digits, power of ten.
    pub(super) fn parts(&self) -> (bool, &str, i32) {
        (self.negative, &self.digits, self.exponent)
    }

    pub(super) fn negated(&self) -> Self {
        Decimal { negative: !self.negative && !self.is_zero(), ..self.clone() }
    }

    pub(super) fn cmp_magnitude(&self, other: &Self) -> Ordering {
        // Digits have no zeros in front, so that the place of the first one decides, then the digits do.
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        self.top().cmp(&other.top()).then_with(|| self.digits.cmp(&other.digits))
    }

    /// The power of ten above the first digit.
    fn top(&self) -> i64 {
        i64::from(self.exponent) + self.digits.len() as i64
    }

    pub(super) fn times_power_of_two(&self, power: u32) -> Self {
        // Nine times 2^60 and a carry below 2^60 fit 64 bits.
        debug_assert!(power <= 60);
        if power == 0 || self.is_zero() {
            return self.clone();
        }
        let mut reversed = Vec::with_capacity(self.digits.len() + 19);
        let mut carry = 0u64;
        for digit in self.digits.bytes().rev() {
            carry += u64::from(digit - b'0') << power;
            reversed.push(b'0' + (carry % 10) as u8);
            carry /= 10;
        }
        while carry > 0 {
            reversed.push(b'0' + (carry % 10) as u8);
            carry /= 10;
        }
        self.with_reversed(self.negative, reversed, self.exponent)
    }

    fn with_reversed(&self, negative: bool, reversed: Vec<u8>, exponent: i32) -> Self {
        let digits: Text = reversed.into_iter().rev().map(char::from).collect();
        Self::from_digits(negative, &[&digits], exponent)
    }

    /// The number with no part below `10^exponent`.
    pub(super) fn rounded_away_from_zero(self, exponent: i32) -> Self {
        if self.is_zero() || self.exponent >= exponent {
            return self;
        }
        let dropped = i64::from(exponent) - i64::from(self.exponent);
        // What is dropped ends in a digit that is not zero, so that it always rounds up.
        let kept = self.digits.len() as i64 - dropped;
        let mut digits: Vec<u8> = self.digits.bytes().take(kept.max(0) as usize).collect();
        let nines = digits.iter().rev().take_while(|d| **d == b'9').count();
        let last = digits.len() - nines;
        digits[last..].fill(b'0');
        match last.checked_sub(1) {
            Some(i) => digits[i] += 1,
            None => digits.insert(0, b'1'),
        }
        digits.reverse();
        self.with_reversed(self.negative, digits, exponent)
    }

    /// The number in units of `10^scale`, rounded away from zero, and whether it is exact; `None` where that
    /// does not fit 64 bits.
    pub(super) fn scaled(&self, scale: i32) -> Option<(i64, bool)> {
        if self.is_zero() {
            return Some((0, true));
        }
        if self.top() - i64::from(scale) > 19 {
            return None;
        }
        let rounded = self.clone().rounded_away_from_zero(scale);
        let digits = rounded.digits.bytes().fold(0i128, |n, d| n * 10 + i128::from(d - b'0'));
        let places = u32::try_from(i64::from(rounded.exponent) - i64::from(scale)).ok()?;
        let magnitude = digits.checked_mul(10i128.checked_pow(places)?)?;
        let value = if self.negative { -magnitude } else { magnitude };
        Some((i64::try_from(value).ok()?, rounded == *self))
    }

    pub(super) fn checked_add(&self, other: &Self) -> Option<Self> {
        if self.is_zero() || other.is_zero() {
            return Some(if self.is_zero() { other.clone() } else { self.clone() });
        }
        let exponent = self.exponent.min(other.exponent);
        if self.top().max(other.top()) - i64::from(exponent) > MAX_SUM_DIGITS {
            return None;
        }
        let (larger, smaller) = match self.cmp_magnitude(other) {
            Ordering::Less => (other, self),
            _ => (self, other),
        };
        // One more place than the larger number has takes the last carry.
        let width = (larger.top() - i64::from(exponent)) as usize + 1;
        let (a, b) = (larger.places(exponent, width), smaller.places(exponent, width));
        let subtract = larger.negative != smaller.negative;
        let mut carry = 0;
        let digits = a.zip(b).map(|(a, b)| {
            let sum = if subtract { a - b + carry } else { a + b + carry };
            carry = sum.div_euclid(10);
            b'0' + sum.rem_euclid(10) as u8
        });
        Some(self.with_reversed(larger.negative, digits.collect(), exponent))
    }

    /// The digits from the place of `10^exponent` upwards, `width` of them.
    fn places(&self, exponent: i32, width: usize) -> impl Iterator<Item = i8> + '_ {
        let below = (i64::from(self.exponent) - i64::from(exponent)) as usize;
        let digits = self.digits.bytes().rev().map(|d| (d - b'0') as i8);
        std::iter::repeat_n(0, below).chain(digits).chain(std::iter::repeat(0)).take(width)
    }

    /// A whole number, divided by 1024 as often as that leaves no rest, as text; and how often.
    pub(super) fn without_factors_of_1024(&self) -> (String, u32) {
        let mut digits: Vec<u8> = self.digits.bytes().map(|d| d - b'0').collect();
        // Only sums come here, whose length is bounded; a longer one is left as it is.
        digits.resize(digits.len() + (self.exponent.max(0) as usize).min(MAX_SUM_DIGITS as usize), 0);
        let mut powers = 0;
        while let Some(quotient) = divided_by_1024(&digits) {
            digits = quotient;
            powers += 1;
        }
        let sign = if self.negative { "-" } else { "" };
        (sign.chars().chain(digits.into_iter().map(|d| char::from(b'0' + d))).collect(), powers)
    }
}

/// The quotient without zeros in front; `None` where there is a rest or nothing to divide.
fn divided_by_1024(digits: &[u8]) -> Option<Vec<u8>> {
    let mut rest = 0u32;
    let mut quotient = Vec::with_capacity(digits.len());
    for digit in digits {
        rest = rest * 10 + u32::from(*digit);
        if !quotient.is_empty() || rest >= 1024 {
            quotient.push((rest / 1024) as u8);
        }
        rest %= 1024;
    }
    (rest == 0 && !quotient.is_empty()).then_some(quotient)
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
