//! Every way into the built server that has to be shut is tried, and found shut.
//!
//! A file is an area: its table says who asks for what, and which answer there has to be, to the status, and to the
//! reason and text where clients match on them ([`case::check`]). Beside what is refused stands its twin that gets
//! through: a table without one fails, so that neither a walled-up door nor a broken set-up passes for safety.
//!
//! One server serves all areas ([`world`]), started as kubeadm starts an API server. Each area makes its own objects
//! and asks as its own users, so that areas run side by side, in any order.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod case;
mod jws;
mod pki;
mod request;
mod wire;
mod world;

mod bootstrap_tokens;
mod certificate_requests;
mod certificates;
mod escalation;
mod front_proxy;
mod impersonation;
mod nodes;
mod objects;
mod paths;
mod pods;
mod reading;
mod service_account_tokens;
mod smuggling;
mod static_tokens;
mod web_sockets;
