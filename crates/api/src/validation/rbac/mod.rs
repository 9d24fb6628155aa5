//! The group rbac.authorization.k8s.io: what roles and bindings look like. Whether somebody may grant what is in
//! them is authorization's.

mod binding;
mod role;

use super::Rules;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) const RULES: &[Rules] =
    &[binding::CLUSTER_ROLE_BINDING, binding::ROLE_BINDING, role::CLUSTER_ROLE, role::ROLE];

#[cfg(test)]
mod tests;
