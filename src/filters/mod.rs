//! The filters that every request passes, each a tower layer in a file of its own.
//!
//! [`chain`] alone fixes their order. They parse, check and account for requests, and leave what they found
//! in the request's extensions; evidence (`Authenticated`, `Authorized`) is made by
//! [`authentication`] and [`authorization`] and nowhere else. They decide nothing themselves: the engines
//! [`crate::authn`] and [`crate::authz`] do.

pub mod access_log;
pub mod audit_id;
pub mod authentication;
pub mod authorization;
pub mod body;
pub mod cache_control;
pub mod chain;
pub mod connection;
pub mod cors;
pub mod goaway;
pub mod hsts;
pub mod impersonation;
pub mod in_flight;
pub mod labels;
pub mod metrics;
pub mod not_ready;
pub mod panic_recovery;
pub mod request_deadline;
pub mod request_info;
pub mod retry_after;
pub mod shutdown;
pub mod traces;
mod uri;

#[cfg(test)]
mod tests;

pub use connection::Connection;
