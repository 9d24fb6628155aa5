//! The group node.k8s.io.

mod runtime_class;

use super::Rules;

pub(super) const RULES: &[Rules] = &[runtime_class::RULES];

#[cfg(test)]
mod tests;
