//! What a decoder hands back: a value with strict errors, or a failure.

use std::fmt;

use crate::Value;

/// Why bytes could not be decoded, in the words of Go's decoder: clients see the text after
/// `… is unrecognized or invalid: ` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<str>);

impl DecodeError {
    /// A failure with this text.
    pub fn new(message: impl Into<Box<str>>) -> Self {
        DecodeError(message.into())
    }

    /// The text.
    pub fn message(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Something that strict field validation refuses and others drop: `unknown field "spec.foo"`,
/// `duplicate field "metadata.name"`. The text is what stands after `strict decoding error: `.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StrictError(pub String);

impl fmt::Display for StrictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StrictError {}

/// A decoded value.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Decoded {
    /// The value.
    pub value: Value,
    /// What strict field validation refuses: each text once, in the input's order, no more than a hundred.
    pub strict: Vec<StrictError>,
}
