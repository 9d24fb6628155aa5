//! `intstr.IntOrString`: a port number or a port's name, a count or a percentage.

use crate::{Text, Value};

/// A 32-bit number or a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A string, such as `25%` or `https`.
    String(Text),
}

impl IntOrString {
    /// The one that a canonical tree holds; `None` where the value is neither a string nor a number of 32 bits.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(i) => i32::try_from(*i).ok().map(IntOrString::Int),
            Value::String(s) => Some(IntOrString::String(s.clone())),
            _ => None,
        }
    }
}

impl From<IntOrString> for Value {
    fn from(v: IntOrString) -> Self {
        match v {
            IntOrString::Int(i) => Value::Int(i.into()),
            IntOrString::String(s) => Value::String(s),
        }
    }
}

impl std::fmt::Display for IntOrString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            IntOrString::Int(i) => i.fmt(f),
            IntOrString::String(s) => s.fmt(f),
        }
    }
}
