//! The group batch.

pub mod job;
