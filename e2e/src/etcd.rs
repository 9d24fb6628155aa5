//! A real etcd with one member, on loopback.

use std::process::Command;
use std::time::Duration;

use crate::process::{Process, free_port};

/// A running etcd with its data in a temporary directory.
pub struct Etcd {
    /// Where clients reach it, such as `http://127.0.0.1:40001`.
    pub endpoint: String,
    _process: Process,
    _data: tempfile::TempDir,
}

impl Etcd {
    /// Starts the etcd that `KEELSON_ETCD` names; `None`, with a printed line, where it is not set.
    pub fn start() -> Option<Etcd> {
        let Some(program) = std::env::var_os("KEELSON_ETCD") else {
            println!("skipped: KEELSON_ETCD is not set (`make test` sets it)");
            return None;
        };
        let data = tempfile::tempdir().expect("a temporary directory");
        let (endpoint, peer) = (url(), url());
        let process = Process::start(Command::new(program).args([
            format!("--data-dir={}", data.path().display()),
            format!("--listen-client-urls={endpoint}"),
            format!("--advertise-client-urls={endpoint}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ]));
        process
            .wait_for_line(Duration::from_secs(30), |line| line.contains("ready to serve client requests"));
        Some(Etcd { endpoint, _process: process, _data: data })
    }
}

fn url() -> String {
    format!("http://127.0.0.1:{}", free_port())
}
