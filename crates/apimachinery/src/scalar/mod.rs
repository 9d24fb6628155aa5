//! The scalar types that travel as text (or a number) in JSON and as a small message in protobuf: quantities,
//! times, durations, and values that are a number or a string.
//!
//! Each type parses what Kubernetes' Go code parses, refuses the rest with Go's message, and writes the text
//! that Go writes, so that objects come back byte for byte.

mod duration;
mod int_or_string;
mod quantity;
mod time;

use std::borrow::Cow;

pub use duration::Duration;
pub use int_or_string::IntOrString;
pub use quantity::{Format, ParseQuantityError, Quantity};
pub use time::{MicroTime, ParseTimeError, Time};

use crate::schema::Kind;

/// The canonical text of a scalar of this kind, borrowed where `text` is canonical already.
///
/// The zero time of [`Kind::Time`] and [`Kind::MicroTime`] (`0001-01-01T00:00:00Z`) comes back as the empty
/// text: its JSON is `null`. Kinds that are no text scalars come back as they are.
///
/// # Errors
/// The message of Go's parser.
pub fn canonical<'a>(kind: &Kind, text: &'a str) -> Result<Cow<'a, str>, String> {
    match kind {
        Kind::Quantity => quantity::canonical(text).map_err(|e| e.to_string()),
        Kind::Time => Time::canonical(text).map_err(|e| e.to_string()),
        Kind::MicroTime => MicroTime::canonical(text).map_err(|e| e.to_string()),
        Kind::Duration => Duration::canonical(text),
        _ => Ok(Cow::Borrowed(text)),
    }
}

/// `text` itself where it equals `canonical`, to save the copy.
fn borrow_if_same<'a>(text: &'a str, canonical: &str) -> Cow<'a, str> {
    if text == canonical { Cow::Borrowed(text) } else { Cow::Owned(canonical.to_owned()) }
}

/// Text in double quotes as Go's `time` package quotes what it could not parse.
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='\x7f' => out.push(c),
            _ => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    out.push_str(&format!("\\x{byte:02x}"));
                }
            }
        }
    }
    out.push('"');
    out
}
