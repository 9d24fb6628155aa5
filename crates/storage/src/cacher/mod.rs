//! The watch cache: see the submodules.

mod event;

pub use event::{CacheEvent, EncodingKey, Encodings};
