//! The API machinery: what every Kubernetes API shares, whatever its kinds are.
//!
//! Values, the schema that describes them, their codecs (JSON, YAML, protobuf), scalar types, selectors,
//! patches and `Status`. Pure functions over bytes and values: no I/O, no async, no clock. It does not know
//! which kinds exist (`keelson-api` does) nor what a request is.
//!
//! # The canonical tree
//! A *canonical* [`Value`] of a type is the tree of the JSON that kube-apiserver would send for it: zero
//! fields that Go's `omitempty` hides are absent, those that it does not hide are present (`"status": {}`,
//! a nil list as `null`). Every typed decoder makes canonical trees, and every encoder takes them.

pub mod codec;
pub mod content;
pub mod field;
pub mod managed_fields;
pub mod meta;
pub mod patch;
pub mod scalar;
pub mod schema;
pub mod selector;
pub mod status;
pub mod value;

pub use schema::{Schema, TypeId};
pub use status::Status;
pub use value::{Map, Text, Value};
