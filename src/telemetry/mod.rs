//! Logs and metric exposition.
