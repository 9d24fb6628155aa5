//! A thing that happens once.

use tokio_util::sync::CancellationToken;

/// Whether something has happened yet. Once it has, it stays so. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    token: CancellationToken,
}

impl Latch {
    /// Of something that has not happened.
    pub fn new() -> Self {
        Self::default()
    }

    /// It has happened; once is enough.
    pub fn set(&self) {
        self.token.cancel();
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it has. Cancel safe.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_happened_stays_so_for_all() {
        let latch = Latch::new();
        let other = latch.clone();
        assert!(!latch.is_set());
        other.set();
        other.set();
        latch.wait().await;
        assert!(latch.is_set() && other.is_set());
    }
}
