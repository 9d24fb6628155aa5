//! Why storage failed.

/// Why storage failed. Exhaustive: the registry maps every case to a `Status`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The key must exist and doesn't.
    #[error("key not found")]
    NotFound,
    /// The key must not exist and does.
    #[error("key exists")]
    Exists,
    /// The key changed since the revision that the write was based on; carries the state now, so that a
    /// retry needs no second read.
    #[error("the key changed")]
    Conflict {
        /// The key's state now; `None` where it is gone.
        current: Option<crate::KeyValue>,
    },
    /// The revision was compacted away.
    #[error("revision was compacted")]
    Compacted {
        /// The oldest revision that can be read; 0 where it is not known.
        oldest: u64,
    },
    /// The revision has not happened yet.
    #[error("revision is in the future, the current one is {current}")]
    FutureRevision {
        /// The current revision.
        current: u64,
    },
    /// The value is larger than the store takes.
    #[error("etcdserver: request is too large")]
    TooLarge,
    /// The store can't be reached, or did not answer a read in time. A write was not done.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// A write was sent, and its answer did not come. It may have happened, and it may still happen: whoever tries
    /// again may find that it was done, or that it is done once more after what came later.
    #[error("storage did not answer a write: {0}")]
    Uncertain(String),
    /// The store is full or its disk is; nothing was written.
    #[error("storage is out of space: {0}")]
    NoSpace(String),
    /// The store's content or an answer makes no sense.
    #[error("storage is corrupt: {0}")]
    Corrupt(String),
}
