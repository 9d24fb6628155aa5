//! Managed fields: who owns which fields of an object, and server-side apply.
//!
//! An object's `metadata.managedFields` lists its managers, each with the [`Set`] of fields that it owns. A
//! write through [`FieldManager::update`] makes its manager the owner of what it changed. One through
//! [`FieldManager::apply`] brings a configuration: what it says is merged in, what its manager said before and
//! no longer does is removed where no one else owns it, and what it would change of others is a conflict.
//!
//! How values merge (what is a leaf, which members tell the items of a list apart) is in the schema. Trees
//! are canonical, but for configurations, which are JSON as clients sent it.
//!
//! Recursion is bounded by the depth of the trees, which their decoders bound.
//!
//! Source: "Server-Side Apply" in the Kubernetes documentation, and KEP-555.

mod conflict;
mod element;
mod entries;
mod fields_v1;
mod manager;
mod merge;
mod scale;
mod set;
mod shape;
mod validate;
mod walk;

#[cfg(test)]
mod tests;

pub use element::PathElement;
pub use entries::{Identity, Managers, Operation, Owned, asks_reset, decode, encode, only_times_differ};
pub use manager::{FieldManager, Versions};
pub use merge::{extract_items, merge, remove_items};
pub use scale::{from_scale, to_scale};
pub use set::{Filter, Path, Set, show};
pub use validate::validate;
pub use walk::{Comparison, compare, to_set};
