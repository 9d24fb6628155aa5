//! Admission: what may be written, and what is added to it, by plugins in one fixed order.
//!
//! A write goes through the [`Chain`] twice. Before the registry prepares and validates the object, plugins may
//! change it ([`Chain::admit`]); when it is complete and valid, they may only refuse it ([`Chain::validate`]).
//! Both happen again where a write is tried again, so a plugin keeps nothing between them. One plugin a file;
//! [`plugins`] is the table of all of them, with their order and which are on by default.
//!
//! The room knows objects, users and authorizers. It knows neither HTTP nor the registry: other objects are
//! read through [`Objects`], which the server implements.
//!
//! Source: "Admission Control in Kubernetes" in the Kubernetes documentation.

pub mod attributes;
pub mod chain;
pub mod config;
pub mod objects;
pub mod plugins;

mod default_toleration_seconds;
mod limit_ranger;
mod namespace_lifecycle;
mod pod;
mod priority;
mod service_account;
mod taint_nodes_by_condition;

#[cfg(test)]
mod tests;

pub use attributes::{Attributes, Notes, Operation, Reinvocation};
pub use chain::{Chain, Phase, Plugin};
pub use config::{Config, ConfigError};
pub use objects::{Objects, Resource};
pub use plugins::{Dependencies, build};
