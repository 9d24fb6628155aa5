//! JSON, to and from canonical and untyped trees.
//!
//! Decoding is one pass over the text, guided by the type, straight to the canonical tree. It agrees with
//! Go's `encoding/json` as Kubernetes uses it (`sigs.k8s.io/json`: case-sensitive keys, integers kept) in
//! what it takes, what it makes of it and how it words what it refuses.

mod base64;
mod decode;
mod encode;
mod escape;
mod parser;
mod path;
mod quote;
#[cfg(test)]
mod tests;

pub(in crate::codec) use base64::decode_to as decode_base64;
pub(crate) use decode::raw;
pub(in crate::codec) use decode::{Decoder, Effort, Step, compact, refuse, run};
pub use decode::{canonicalize, decode, decode_untyped};
pub(crate) use encode::leaves_out;
pub use encode::{encode, encode_untyped};
pub(crate) use escape::{write_float, write_raw, write_string};
pub(in crate::codec) use parser::{Parser, Token};
pub(in crate::codec) use path::Path;
pub(crate) use quote::quote;
#[cfg(test)]
pub(crate) use tests::any_value;
