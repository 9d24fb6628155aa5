//! Specs of volume claims, as the kinds that make claims from templates check them.

use super::super::{Errors, Node};

/// Checks the spec of a claim that is to be made.
pub(crate) fn check_spec(_spec: &Node<'_>, _errors: &mut Errors) {}

/// Warns of what is in a claim's spec; `path` is where it stands.
pub(crate) fn warn(_path: &str, _spec: &Node<'_>, _warnings: &mut Vec<String>) {}
