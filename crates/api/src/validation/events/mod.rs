//! events.k8s.io: what its version asks of events, which are stored as those of the core group.

mod event;

use super::Rules;

pub(super) const RULES: &[Rules] = &[event::RULES];

#[cfg(test)]
mod tests;
