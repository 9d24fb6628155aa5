//! The group apps.

mod controller_revision;
mod daemon_set;
mod deployment;
mod replica_set;
mod stateful_set;

use super::Rules;

pub(super) const RULES: &[Rules] = &[
    controller_revision::RULES,
    daemon_set::RULES,
    deployment::RULES,
    replica_set::RULES,
    stateful_set::RULES,
];

#[cfg(test)]
mod tests;
