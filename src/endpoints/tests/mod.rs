//! Answers from stored bytes, and requests over the embedded store.

mod answers;
mod eviction;
mod managed_fields;
mod reviews;
mod roles;
mod streams;
mod tokens;
mod verbs;
