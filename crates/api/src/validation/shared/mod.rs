//! Shapes that several kinds share: label selectors, numbers, references, conditions. One file each.

pub(super) mod claim_template;
pub(super) mod conditions;
pub(super) mod diff;
pub(super) mod immutable;
pub(super) mod int_or_percent;
pub(super) mod names;
pub(super) mod node_labels;
pub(super) mod node_selector;
pub(super) mod numbers;
pub(super) mod render;
pub(super) mod resources;
pub(super) mod seen;
pub(super) mod selector;
pub(super) mod template;
pub(super) mod webhook;
pub(super) mod workload;
