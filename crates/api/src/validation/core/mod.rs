//! The core group.

mod config_map;
mod endpoints;
mod event;
mod limit_range;
mod namespace;
mod node;
mod persistent_volume;
mod persistent_volume_claim;
mod pod;
mod pod_template;
mod replication_controller;
mod resource_quota;
mod secret;
mod service;
mod service_account;

use super::Rules;

pub(super) use event::written_as as event_written_as;
pub(in crate::validation) use persistent_volume::{Context as VolumeContext, VOLUME_SPEC, volume_spec};
pub(in crate::validation) use persistent_volume_claim::{ClaimLeniency, claim_spec, claim_spec_warnings};
pub(super) use pod::signer::signer_name;
pub(super) use pod::{PodOptions, template, tolerations, warnings};
pub use pod::{allow_privileged, qos_class};
pub use service::service_addresses;

pub(super) const RULES: &[Rules] = &[
    config_map::RULES,
    endpoints::RULES,
    event::RULES,
    limit_range::RULES,
    namespace::RULES,
    node::RULES,
    persistent_volume::RULES,
    persistent_volume_claim::RULES,
    pod::RULES,
    pod_template::RULES,
    replication_controller::RULES,
    resource_quota::RULES,
    secret::RULES,
    service::RULES,
    service_account::RULES,
];

#[cfg(test)]
mod tests;
