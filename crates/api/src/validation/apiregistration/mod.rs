//! The group apiregistration.k8s.io.

mod api_service;

use super::Rules;

pub(super) const RULES: &[Rules] = &[api_service::RULES];

#[cfg(test)]
mod tests;
