//! Object metadata: names of kinds and resources, and accessors for `metadata`.
//!
//! [`Object`] is how the server's own logic reads and changes what every kind has; what is special about a
//! kind is read from the tree.

mod names;
mod object;

pub use names::{GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use object::Object;
