//! The group scheduling.k8s.io.

mod priority_class;

use super::Rules;

pub(super) const RULES: &[Rules] = &[priority_class::RULES];

#[cfg(test)]
mod tests;
