//! From one encoding to another: protobuf to JSON, protobuf with another `resourceVersion`, JSON to protobuf.
//!
//! What GET, LIST and WATCH send is made here from what is stored, bytes to bytes, without a tree in between;
//! so is the message of an object that comes as JSON and needs no defaults, admission or validation.

mod from_json;
mod splice;
#[cfg(test)]
mod tests;
mod to_json;

pub use from_json::json_to_protobuf;
pub use splice::with_resource_version;
pub use to_json::protobuf_to_json;

/// What a stored message does not say of its object, or not truly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overlay<'a> {
    /// The object's `apiVersion`; left out where empty.
    pub api_version: &'a str,
    /// The object's `kind`; left out where empty.
    pub kind: &'a str,
    /// The object's `metadata.resourceVersion`; as the message has it where empty.
    pub resource_version: &'a str,
}
