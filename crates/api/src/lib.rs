//! The built-in kinds: facts (schema, resources), conversions, validation, printer columns.
//!
//! Knows the kinds of Kubernetes 1.36 and nothing of requests or storage.

pub mod conversion;
pub mod defaults;
pub mod facts;
pub mod openapi;
pub mod openapi_schema;
pub mod printers;
pub mod rbac;
pub mod validation;

pub use facts::{Resource, Subresource, resources, schema};
