//! Nothing secret is logged, at any verbosity, and secrets are compared in constant time.
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod client;
mod log;
mod source;
