//! Protobuf, to and from canonical trees.
//!
//! What is written equals, byte for byte, what the code that Kubernetes generates for its Go types writes:
//! fields in the order of their numbers, everything that is no pointer, list, map or bytes always, maps sorted
//! by key. What is read may be any valid encoding: fields in any order, fields not known (skipped), messages
//! in several parts (merged), packed numbers.
//!
//! Members of inlined structs stand in their parent's JSON object, but in protobuf in a message of their own.
//! `apiVersion` and `kind` are not in protobuf messages at all: the [envelope](super::envelope) has them.

mod decode;
mod encode;
pub(crate) mod entries;
mod part;
pub(crate) mod reader;
#[cfg(test)]
pub(in crate::codec) mod tests;
pub(crate) mod writer;

pub use decode::{decode, decode_part};
pub(in crate::codec) use encode::Encoder;
pub use encode::encode;
pub(crate) use encode::zero;
pub use part::Part;
