//! The group apps.

pub mod daemon_set;
