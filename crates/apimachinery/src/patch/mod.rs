//! Patches: JSON patch, merge patch, strategic merge patch.
//!
//! All three take the object as a canonical tree of the version that the client speaks, and give a tree
//! that may be anything: the caller decodes it again with the type's schema. They share their quirks with
//! kube-apiserver, which every client has come to depend on; each module names its own.
//!
//! Patches come from the network. Depth never passes [`MAX_DEPTH`](crate::codec::MAX_DEPTH) where neither
//! the object nor the patch does, and memory is bounded by their sizes and by [`MAX_COPY_BYTES`].

mod error;
mod json_patch;
mod merge;
mod printed;
mod raw;
mod strategic;

pub use error::PatchError;
pub use json_patch::{MAX_COPY_BYTES, MAX_OPERATIONS, json_patch, json_patch_strict_errors};
pub use merge::{check_merge_patch, merge_patch};
pub use printed::printed;
pub use strategic::strategic;

/// What Go's JSON decoder calls a value's type.
fn go_json_type(value: &crate::Value) -> &'static str {
    use crate::Value;
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Raw(_) | Value::Object(_) => "object",
    }
}
