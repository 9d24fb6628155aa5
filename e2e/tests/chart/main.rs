//! The Helm chart: what it renders, what it refuses, and that servers start with what it makes. Skipped where
//! `KEELSON_HELM` is not set.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod generated;
mod helm;
mod install;
mod render;
