//! A randomised model test: clients write, read, page and watch at random against servers that share a store,
//! everything that they were told is recorded, and afterwards the record is held to one history of the store.
//!
//! What is checked is what the API promises, and no more:
//! - what was acknowledged is in the history, with the content that was acknowledged, once; nothing else is;
//! - resource versions rise with real time: what began after an acknowledgement has a higher one;
//! - a write is based on the state before it (no lost update), a refusal on a state that was there meanwhile;
//! - a list is the state at the version that it names, pages of one list name one version, a consistent list
//!   or read shows everything that was acknowledged before it began, through whichever server;
//! - the events of a watch are the history behind its start, in order, without gap or repeat, as its selector
//!   sees it, over reconnects to any server; a bookmark tells no version that events are missing before;
//! - 410 comes only for what was compacted, and a new list then goes on rightly.
//!
//! `resourceVersion=0` promises any state that was, even one older than the client has seen: so a list of it
//! has to be right for the version that it names, and need not rise.
//!
//! The plan of every client comes from one seed, which is printed: `KEELSON_MODEL_SEED` runs that plan again.
//! `KEELSON_MODEL_SECONDS` bounds the time of writing (10, and 60 with `KEELSON_E2E_FULL`).
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod actor;
mod expected;
mod history;
mod http;
mod plan;
mod record;
mod scenario;
mod selection;
mod verify_reads;
mod verify_watches;
mod verify_writes;
mod watcher;

use keelson_e2e::Etcd;
use scenario::{Scenario, Shape};

#[test]
fn clients_of_two_servers_on_one_etcd_see_one_history() {
    let Some(etcd) = Etcd::start() else { return };
    Scenario::run(&Shape { etcd: Some(etcd.endpoint.clone()), servers: 2 });
}

#[test]
fn clients_of_the_embedded_store_see_one_history() {
    Scenario::run(&Shape { etcd: None, servers: 1 });
}
