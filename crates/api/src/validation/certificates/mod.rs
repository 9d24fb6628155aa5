//! The group certificates.k8s.io.

mod certificate_signing_request;
pub(super) mod x509;

use super::Rules;

pub(super) const RULES: &[Rules] = &[certificate_signing_request::RULES];

#[cfg(test)]
mod tests;
