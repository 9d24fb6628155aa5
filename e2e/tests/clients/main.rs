//! The libraries that controllers are written with, against the built server, on the embedded store and on a
//! real etcd: client-go (a suite of its own, `clients/go`) and kube-rs.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod go;
mod kube_objects;
mod kube_watches;
mod rust;
