//! What end-to-end tests share: the built server and a real etcd as child processes, kubectl, and a whole control
//! plane ([`Cluster`]).
//!
//! Paths of the programs come from the environment, as the Makefile sets it: `KEELSON_BINARY` (default: the
//! binary beside the test's own, as cargo builds it), `KEELSON_ETCD`, `KEELSON_KUBECTL`. Children are ended
//! with the value that owns them. Everything listens on loopback only.
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

pub mod balancer;
mod cluster;
mod etcd;
mod kubectl;
mod pki;
mod process;
pub mod proxy;
mod server;

pub use cluster::{Cluster, Plan};
pub use etcd::Etcd;
pub use kubectl::Kubectl;
pub use pki::Pki;
pub use process::free_port;
pub use server::{Server, Store, binary};
