//! `cargo xtask facts`: reads a Kubernetes source tree and writes `crates/api/schema`.
//!
//! The Go type declarations say which fields a type has, in which order, and how they merge; `generated.proto`
//! and the OpenAPI documents of the tree are read to check that reading, and to add what only they tell. Where
//! sources disagree nothing is written. No prose is copied: descriptions stay out of the tables.

mod discovery;
mod go;
mod model;
mod openapi;
mod proto;
mod resolve;
mod storage;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};

/// Why no tables were written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path}: {error}")]
    Json { path: PathBuf, error: serde_json::Error },
    #[error("{place}: can't read {what}")]
    Go { place: String, what: String },
    #[error("{path}: can't read {line:?}")]
    Proto { path: PathBuf, line: String },
    #[error("{0}")]
    Facts(String),
    #[error("the sources disagree:\n{}", .0.join("\n"))]
    Disagree(Vec<String>),
}

impl Error {
    fn read(path: &Path, error: io::Error) -> Self {
        Error::Io { path: path.into(), error }
    }
}

/// Reads the tree and writes the tables; returns a summary.
pub(super) fn run(tree: &Path, discovery: Option<&Path>, out: &Path) -> Result<String, Error> {
    let served = discovery::read(tree, discovery)?;
    let documents = openapi::read(tree, &served)?;
    let mut world = resolve::World::new(tree);
    let storage = storage::read(tree, &served, &mut world)?;
    let mut types = resolve::types(&mut world, &served, &storage, &documents)?;
    openapi::complete(&mut types, &documents)?;
    let kubernetes = format!("v{}", world.kubernetes_version()?);
    let registered = resolve::all_registered(&mut world, &types)?;
    write::write(out, &kubernetes, &served, &registered, &storage, &types)
}
