//! The registry: one [`Store`] per resource, between the endpoints and storage.
//!
//! It knows objects, their strategies (what a write may change) and their keys. It knows nothing of HTTP,
//! media types or admission: endpoints hand it callbacks ([`Admit`], [`Change`]).
//!
//! Objects that cross its border are in the resource's storage version (in the served one, where the storage
//! version isn't served); what it hands out is a [`Stored`]: the bytes as storage keeps them, with the revision of
//! their last write. Reads build no trees.
//!
//! - [`store`]: the store, its verbs in one file each. It reads from the resource's watch cache where it can.
//! - [`strategy`]: what differs between resources, as a table; [`kinds`]: what is special about single ones.
//! - [`options`]: what a caller asks for.

mod errors;
mod keys;
pub mod kinds;
mod master_leases;
mod metrics;
pub mod options;
pub mod paging;
mod selection;
mod server_writes;
pub mod store;
pub mod stored;
mod stored_form;
pub mod strategy;

#[cfg(test)]
mod tests;

pub(crate) use kinds::core::secret::encode_strings;
pub use kinds::core::service::{Cidr, PortRange, ServiceNetwork, ServiceRepair};
pub use master_leases::MasterLeases;
pub(crate) use metrics::{CacheMetrics, Metered, ObjectCounts};
pub use options::{
    Admit, Change, DeleteOptions, Deleted, ListOptions, Listing, NoAdmission, Operation, Warnings,
    WriteContext,
};
pub(crate) use server_writes::{ServerChange, ServerWriter, note_server};
pub use store::{Caches, Registry, RegistryConfig, Store};
pub use stored::{CacheEvent, EncodingKey, Encodings, Stored, WatchEvent, WatchEventKind, WatchStream};
pub use strategy::{Hooks, Strategy};
