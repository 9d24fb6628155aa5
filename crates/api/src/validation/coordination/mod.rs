//! The group coordination.k8s.io.

mod lease;

use super::Rules;

pub(super) const RULES: &[Rules] = &[lease::RULES];

#[cfg(test)]
mod tests;
