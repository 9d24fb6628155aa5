//! The group admissionregistration.k8s.io.

mod binding;
mod expression;
mod matching;
mod mutating_policy;
mod policy;
mod validating_policy;
mod webhook_configuration;

use super::Rules;

const GROUP: &str = "admissionregistration.k8s.io";

pub(super) const RULES: &[Rules] = &[
    mutating_policy::RULES,
    binding::MUTATING,
    webhook_configuration::MUTATING,
    validating_policy::RULES,
    binding::VALIDATING,
    webhook_configuration::VALIDATING,
];

/// Warns of names that configuration in files has for itself.
fn warn_of_name(object: &super::Node<'_>, warnings: &mut Vec<String>) {
    const SUFFIX: &str = ".static.k8s.io";
    if object.child("metadata").child("name").text().ends_with(SUFFIX) {
        warnings.push(format!(
            "metadata.name: names ending with \"{SUFFIX}\" are reserved for static manifest-based configurations \
             and cannot be managed via the API"
        ));
    }
}

#[cfg(test)]
mod tests;
