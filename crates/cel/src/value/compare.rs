//! Equality and order.

use std::cmp::Ordering;

use super::{Val, error, no_overload};
use crate::meter::{Meter, Outcome};

impl Val<'_> {
    /// Whether two values are equal. Numbers are compared whatever their types; values of other types that differ
    /// are not equal.
    pub(crate) fn equals(&self, other: &Val<'_>, meter: &mut Meter) -> Outcome<bool> {
        meter.work(1)?;
        Ok(match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::String(a), Val::String(b)) => {
                meter.work(a.len().min(b.len()) as u64 / 64)?;
                **a == **b
            }
            (Val::Bytes(a), Val::Bytes(b)) => a == b,
            (Val::Timestamp(a), Val::Timestamp(b)) => a == b,
            (Val::Duration(a), Val::Duration(b)) => a == b,
            (Val::Type(a), Val::Type(b)) => a == b,
            (Val::Optional(a), Val::Optional(b)) => match (a, b) {
                (None, None) => true,
                (Some(a), Some(b)) => meter.below(|meter| a.equals(b, meter))?,
                _ => false,
            },
            (Val::Extension(a), Val::Extension(b)) => a.equals(b)?,
            (Val::List(a), Val::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    let (a, b) = (a?, b?);
                    if !meter.below(|meter| a.equals(&b, meter))? {
                        return Ok(false);
                    }
                }
                true
            }
            (Val::Map(a), Val::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (key, value) in a.entries() {
                    let equal = match b.get(&key) {
                        Some(other) => {
                            let (value, other) = (value?, other?);
                            meter.below(|meter| value.equals(&other, meter))?
                        }
                        None => false,
                    };
                    if !equal {
                        return Ok(false);
                    }
                }
                true
            }
            (a, b) => numbers(a, b) == Some(Ordering::Equal),
        })
    }

    /// How two values are ordered.
    pub(crate) fn compare(&self, other: &Val<'_>) -> Outcome<Ordering> {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => Ok(a.cmp(b)),
            (Val::String(a), Val::String(b)) => Ok((**a).cmp(&**b)),
            (Val::Bytes(a), Val::Bytes(b)) => Ok(a.cmp(b)),
            (Val::Timestamp(a), Val::Timestamp(b)) => Ok(a.cmp(b)),
            (Val::Duration(a), Val::Duration(b)) => Ok(a.cmp(b)),
            (Val::Int(_) | Val::Uint(_) | Val::Double(_), Val::Int(_) | Val::Uint(_) | Val::Double(_)) => {
                match numbers(self, other) {
                    Some(order) => Ok(order),
                    None => error("NaN values cannot be ordered"),
                }
            }
            _ => no_overload(),
        }
    }
}

/// How two numbers are ordered, whatever their types. `None` for what is no number, and for NaN.
fn numbers(a: &Val<'_>, b: &Val<'_>) -> Option<Ordering> {
    match (a, b) {
        (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
        (Val::Double(a), b) => Some(double_and_whole(*a, whole(b)?)?),
        (a, Val::Double(b)) => Some(double_and_whole(*b, whole(a)?)?.reverse()),
        (a, b) => Some(whole(a)?.cmp(&whole(b)?)),
    }
}

fn whole(value: &Val<'_>) -> Option<i128> {
    match value {
        Val::Int(value) => Some(i128::from(*value)),
        Val::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// As cel-go: integers are compared with doubles as the double that is nearest to them.
fn double_and_whole(double: f64, whole: i128) -> Option<Ordering> {
    double.partial_cmp(&(whole as f64))
}
