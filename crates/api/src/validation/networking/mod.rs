//! The group networking.k8s.io.

mod ingress;
mod ingress_class;
mod ip_address;
mod network_policy;
mod service_cidr;

use super::Rules;

const GROUP: &str = "networking.k8s.io";

pub(super) const RULES: &[Rules] =
    &[ingress::RULES, ingress_class::RULES, ip_address::RULES, network_policy::RULES, service_cidr::RULES];

#[cfg(test)]
mod tests;
