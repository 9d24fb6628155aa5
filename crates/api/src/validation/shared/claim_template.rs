//! Specs of volume claims, as the kinds that make claims from templates check them.

use super::super::core::{ClaimLeniency, claim_spec, claim_spec_warnings};
use super::super::{Errors, Node};

/// Checks the spec of a claim that is to be made.
pub(crate) fn check_spec(spec: &Node<'_>, errors: &mut Errors) {
    claim_spec(spec, ClaimLeniency::default(), errors);
}

/// Warns of what is in a claim's spec.
pub(crate) fn warn(spec: &Node<'_>, warnings: &mut Vec<String>) {
    claim_spec_warnings(spec, warnings);
}
