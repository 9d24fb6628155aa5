//! The core group.

mod key_pair;
pub mod limit_range;
pub mod namespace;
pub mod node;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod pod;
pub mod pod_features;
pub mod pod_template;
pub mod secret;
pub mod service;
pub mod service_account;
