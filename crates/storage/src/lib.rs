//! Storage: a versioned key-value store with watches, over etcd or embedded in the process.
//!
//! It keeps bytes and knows nothing of kinds or requests. Every implementation passes the suite in
//! the module `conformance` (feature of the same name).

pub mod cacher;
#[cfg(feature = "conformance")]
pub mod conformance;
mod delivery;
pub mod embedded;
pub mod error;
pub mod etcd;
pub mod guaranteed;
pub mod storage;

pub use error::Error;
pub use guaranteed::{Start, StorageExt, Updated, Write};
pub use storage::*;
