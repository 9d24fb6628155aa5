//! What the rings of several cachers may hold together, over the bounds of each: there are as many cachers as
//! resources, and memory is one.
//!
//! A ring that takes part while all of them are past the budget lets go of its own oldest events. Who writes most
//! thus loses most, and what a quiet resource remembers goes with its age. A ring below [`FLOOR`] is left alone, so
//! that a busy resource doesn't take all history from a quiet one; all rings hold no more than the budget and a
//! floor and an event each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that a ring may always hold.
const FLOOR: usize = 64 << 10;

/// Bytes that rings hold together, and how many they may. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

impl Budget {
    /// Nothing of so many bytes is used.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default() }
    }

    /// Bytes that are used now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// The budgets that cachers share.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Of what events take beyond the current state: 64 MiB by default.
    pub events: Budget,
    /// Of the values of events that keep the bytes that were made of them: 32 MiB by default.
    pub encoded: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { events: Budget::new(64 << 20), encoded: Budget::new(32 << 20) }
    }
}

/// What one ring holds of a budget; given back with this value.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    pub(super) fn of(budget: &Budget) -> Self {
        Self { budget: budget.clone(), bytes: 0 }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn subtract(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether this is to become less, past its own bound or that of all.
    pub(super) fn is_past(&self, own: usize) -> bool {
        self.bytes > own || (self.bytes > FLOOR && self.budget.used() > self.budget.limit)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.subtract(self.bytes);
    }
}
