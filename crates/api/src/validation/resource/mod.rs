//! The group resource.k8s.io: devices, and claims for them. Expressions that select devices are only bounded here.

mod claim;
mod configuration;
mod device;
mod device_class;
mod formats;
mod lists;
mod request_policy;
mod resource_slice;

use super::Rules;

const GROUP: &str = "resource.k8s.io";

pub(super) const RULES: &[Rules] =
    &[device_class::RULES, claim::CLAIM, claim::TEMPLATE, resource_slice::RULES];

#[cfg(test)]
mod tests;
