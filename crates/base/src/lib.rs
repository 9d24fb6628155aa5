//! What every other room stands on: clock, randomness, tasks, shutdown signals, secrets, spans of traces and the
//! metrics registry.
//!
//! Nothing here knows of Kubernetes objects or of requests. The rest of the workspace reads the time, draws
//! random numbers and starts tasks only through these modules (clippy's `disallowed-methods` sees to it), so
//! that each task has an owner and a test can hold the clock still.

pub mod clock;
pub mod latch;
pub mod metrics;
pub mod random;
pub mod secret;
pub mod shutdown;
pub mod task;
pub mod trace;
