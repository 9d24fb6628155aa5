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

mod always_deny;
mod always_pull_images;
mod certificate_approval;
mod certificate_signing;
mod certificate_subject_restriction;
mod cluster_trust_bundle_attest;
mod default_ingress_class;
mod default_storage_class;
mod default_toleration_seconds;
mod deny_service_external_ips;
mod event_rate_limit;
mod extended_resource_toleration;
mod image_policy_webhook;
mod limit_pod_hard_anti_affinity_topology;
mod limit_ranger;
mod namespace_auto_provision;
mod namespace_exists;
mod namespace_lifecycle;
mod node_declared_feature_validator;
mod node_restriction;
mod not_honoured;
mod owner_references_permission_enforcement;
mod persistent_volume_claim_resize;
mod pod;
mod pod_node_selector;
mod pod_resize_validator;
mod pod_security;
mod pod_toleration_restriction;
mod pod_topology_labels;
mod priority;
mod resource_quota;
mod runtime_class;
mod service_account;
mod signer;
mod storage_object_in_use_protection;
mod taint_nodes_by_condition;
mod tolerations;

#[cfg(test)]
mod tests;

pub use attributes::{Attributes, Notes, Operation, Reinvocation};
pub use chain::{Chain, Phase, Plugin};
pub use config::{Config, ConfigError};
pub use objects::{Objects, Resource};
pub use plugins::{Dependencies, build};
