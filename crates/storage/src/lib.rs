//! Storage: a versioned key-value store with watches, over etcd or embedded in the process.
//!
//! It keeps bytes and knows nothing of kinds or requests. Every implementation passes the suite in
//! [`conformance`].

pub mod error;
pub mod storage;

pub use error::Error;
pub use storage::*;
