//! The group policy.

mod pod_disruption_budget;

use super::Rules;

pub(super) const RULES: &[Rules] = &[pod_disruption_budget::RULES];

#[cfg(test)]
mod tests;
