//! Codecs: JSON, YAML and protobuf, to and from canonical trees and straight from bytes to bytes.
//!
//! Every decoder takes untrusted bytes. Its memory is a small multiple of the input's size, its recursion is
//! bounded by [`MAX_DEPTH`], and what it can't read is a [`DecodeError`] with the text that kube-apiserver
//! would send. What only strict field validation minds (unknown and duplicate fields) does not fail a
//! decoder: it is handed back as [`StrictError`]s beside the value.

pub mod envelope;
mod error;
pub mod json;
pub mod protobuf;
pub mod scan;
pub mod transcode;
pub mod yaml;

pub use error::{DecodeError, Decoded, StrictError};

/// How deep a decoder goes into nested lists and objects before it refuses the input with `exceeded max
/// depth`.
///
/// Go refuses at 10,000. The code that walks values here is recursive and runs on worker threads with 2 MiB
/// of stack, so the bound is lower; no API object comes near it.
pub const MAX_DEPTH: usize = 512;
