//! Shutdown signals: a tree in which a parent's end is every child's end.
//!
//! The server makes one [`Shutdown`] per phase and hands [`Signal`]s down; whoever holds a signal can only
//! wait for it. Signals latch: once given they stay given.

use tokio_util::sync::CancellationToken;

/// The right to end something. Dropping it ends nothing.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A root signal that nothing else ends.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal of its own that also ends when this one does.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token() }
    }

    /// Gives the signal to all that wait for it or will; once is enough.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// The waiting side.
    pub fn signal(&self) -> Signal {
        Signal { token: self.token.clone() }
    }
}

/// Tells when to end. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Signal {
    token: CancellationToken,
}

impl Signal {
    /// A signal that never comes.
    pub fn never() -> Self {
        Shutdown::new().signal()
    }

    /// Whether it came already.
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it comes; returns at once where it did. Cancel safe.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Runs `future` until it is done or the signal comes; `None` in that case, with the future dropped.
    pub async fn unless_begun<F: Future>(&self, future: F) -> Option<F::Output> {
        self.token.run_until_cancelled(future).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_parent_ends_its_children_and_not_the_other_way() {
        let root = Shutdown::new();
        let (left, right) = (root.child(), root.child());
        left.begin();
        assert!(left.signal().has_begun());
        assert!(!root.signal().has_begun() && !right.signal().has_begun());
        root.begin();
        right.signal().begun().await;
        assert!(root.child().signal().has_begun(), "a child of an ended parent has ended");
    }

    #[tokio::test]
    async fn unless_begun_drops_what_it_ran() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.signal().unless_begun(async { 7 }).await, Some(7));
        shutdown.begin();
        assert_eq!(shutdown.signal().unless_begun(std::future::pending::<()>()).await, None);
    }
}
