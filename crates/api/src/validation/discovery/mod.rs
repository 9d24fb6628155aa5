//! The group discovery.k8s.io.

mod endpoint_slice;

use super::Rules;

pub(super) const RULES: &[Rules] = &[endpoint_slice::RULES];

#[cfg(test)]
mod tests;
