//! An unmodified kubectl against the built server, on the embedded store and on a real etcd.
#![allow(missing_docs, reason = "tests")]

mod etcd_layout;
mod flows;
mod restart;
