//! A control plane under load while its parts are restarted, killed and cut off: what clients see, what is lost,
//! and how long it takes until all is well again.
//!
//! etcd, two servers behind a TCP balancer, the real controller manager and scheduler with KWOK's nodes, and the
//! load generator of `e2e/clients/go/load`, whose ledger is the judge. One test after the other, on one cluster: they
//! share two cores. It runs where `KEELSON_E2E_FULL` is set, as `make e2e` does.
//!
//! - `KEELSON_E2E_SECONDS`: how long the rolling restart takes (180); the other scenarios take two ninths of it
//! - `KEELSON_E2E_RATE`: requests per second in the rolling restart (2000); half as many in the others, whose
//!   faults are under test rather than their throughput
//! - `KEELSON_E2E_SCENARIOS`: names by comma, for all that are not wanted each time
//! - `KEELSON_E2E_SERVER_FLAGS`: more flags of the servers, by space
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

mod control_plane;
mod controllers;
mod load;
mod outcome;
mod scenarios;

use std::time::Duration;

use self::outcome::Outcome;

/// The length of the rolling restart, and the rate of its requests.
#[derive(Clone, Copy)]
struct Size {
    rolling: Duration,
    fault: Duration,
    rate: u64,
}

fn number(name: &str, otherwise: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}"))
}

fn size() -> Size {
    let seconds = number("KEELSON_E2E_SECONDS", 180).max(40);
    Size {
        rolling: Duration::from_secs(seconds),
        fault: Duration::from_secs((seconds * 2 / 9).max(24)),
        rate: number("KEELSON_E2E_RATE", 2000),
    }
}

/// Whether a scenario is wanted.
fn wanted(name: &str) -> bool {
    std::env::var("KEELSON_E2E_SCENARIOS").map_or(true, |list| list.split(',').any(|one| one == name))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_fails_where_the_end_is_graceful() {
    if std::env::var_os("KEELSON_E2E_FULL").is_none() {
        println!("skipped: it takes minutes; `make e2e` runs it");
        return;
    }
    let size = size();
    let mut outcomes: Vec<Outcome> = Vec::new();
    if scenarios::BEHIND_A_BALANCER.iter().any(|(name, _)| wanted(name)) {
        let mut plane = control_plane::behind_a_balancer();
        for (name, scenario) in scenarios::BEHIND_A_BALANCER {
            if wanted(name) {
                outcomes.push(scenario(&mut plane, size));
                println!("{}", outcomes.last().expect("it is the one"));
            }
        }
    }
    if wanted(scenarios::PORT_SHARING) {
        let mut plane = control_plane::on_one_port();
        outcomes.push(scenarios::port_sharing(&mut plane, size));
        println!("{}", outcomes.last().expect("it is the one"));
    }
    println!("\n{}", outcome::table(&outcomes));
    let problems: Vec<String> = outcomes.iter().flat_map(Outcome::problems).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
