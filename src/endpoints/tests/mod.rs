//! Answers from stored bytes, and requests over the embedded store.

mod answers;
mod managed_fields;
mod verbs;
