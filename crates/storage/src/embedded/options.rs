//! How to open an embedded store, and why it would not.

use std::path::PathBuf;

use crate::Error;

/// How to open an embedded store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it keeps its files; `--data-dir`. Made (mode 0700) where it is absent.
    pub directory: PathBuf,
    /// Bytes of the file system that are left free: below it creates and updates answer `NoSpace`, below a
    /// quarter of it deletions too. It keeps the database from meeting a full disk in the middle of its own
    /// work. 64 MiB by default.
    pub reserve_bytes: u64,
}

impl Options {
    /// The defaults, for a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), reserve_bytes: 64 << 20 }
    }
}

/// Why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is a file.
    #[error("the data directory {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Another process has it.
    #[error("the data directory {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// It holds something else; nothing was touched.
    #[error("the data directory {} holds something that is not this store's: {entry}", directory.display())]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// The name of what is in it.
        entry: String,
    },
    /// It was written by a later version; nothing was touched.
    #[error("the data directory {} has format version {found}, this version knows {known}", directory.display())]
    Version {
        /// The directory.
        directory: PathBuf,
        /// The version that it says.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// Its content is damaged; nothing was touched.
    #[error("the data directory {} is damaged: {reason}", directory.display())]
    Corrupt {
        /// The directory.
        directory: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file system refused.
    #[error("the data directory {} can't be used: {source}", directory.display())]
    Io {
        /// The directory.
        directory: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

impl From<OpenError> for Error {
    fn from(failure: OpenError) -> Self {
        match failure {
            OpenError::Corrupt { .. } => Self::Corrupt(failure.to_string()),
            _ => Self::Unavailable(failure.to_string()),
        }
    }
}
