//! The group apps.

pub mod daemon_set;
pub mod stateful_set;
