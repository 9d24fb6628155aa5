//! The group autoscaling.

mod horizontal_pod_autoscaler;
mod metrics;

use super::Rules;

pub(super) const RULES: &[Rules] = &[horizontal_pod_autoscaler::RULES];

#[cfg(test)]
mod tests;
