//! The cluster under test with what stands between its parts.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use keelson_e2e::balancer::{Balancer, HealthChecks};
use keelson_e2e::proxy::Proxy;
use keelson_e2e::{Cluster, Plan, free_port};

use crate::controllers::Controllers;

/// How long anything in the cluster may take to be as it should.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// How long servers that were asked to end serve on, so that the balancer finds out.
const DELAY: Duration = Duration::from_secs(5);

/// A running control plane.
pub(crate) struct ControlPlane {
    pub(crate) controllers: Controllers,
    pub(crate) cluster: Cluster,
    /// Before the servers; without one they share a port.
    pub(crate) balancer: Option<Balancer>,
    /// Between each server and etcd.
    pub(crate) to_etcd: Vec<Proxy>,
}

/// Two servers behind a balancer.
pub(crate) fn behind_a_balancer() -> ControlPlane {
    let checks = HealthChecks::default();
    assert!(DELAY > checks.detection(), "servers end after the balancer has found out");
    let flags = vec![format!("--shutdown-delay-duration={}s", DELAY.as_secs())];
    let mut cluster = prepare(flags);
    let servers = [cluster.server_address(0), cluster.server_address(1)];
    let balancer = Balancer::start(&servers, checks);
    cluster.set_front(balancer.address());
    start(cluster, Some(balancer))
}

/// Two servers that listen on one port.
pub(crate) fn on_one_port() -> ControlPlane {
    let port = free_port();
    let flags = vec![format!("--secure-port={port}"), "--permit-port-sharing=true".to_owned()];
    let mut cluster = prepare(flags);
    cluster.set_front(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    start(cluster, None)
}

fn prepare(mut flags: Vec<String>) -> Cluster {
    let more = std::env::var("KEELSON_E2E_SERVER_FLAGS").unwrap_or_default();
    flags.extend(more.split_whitespace().map(str::to_owned));
    let plan = Plan { server_flags: flags, ..Plan::default() };
    Cluster::prepare(plan).expect("`make e2e` sets what it needs")
}

fn start(mut cluster: Cluster, balancer: Option<Balancer>) -> ControlPlane {
    let to_etcd: Vec<Proxy> = (0..2).map(|_| Proxy::start(cluster.etcd_address())).collect();
    for (server, proxy) in to_etcd.iter().enumerate() {
        cluster.set_etcd(server, proxy.address());
    }
    cluster.start_all();
    let controllers = Controllers::start(&cluster);
    let plane = ControlPlane { controllers, cluster, balancer, to_etcd };
    plane.wait_up(&[true, true]);
    plane
}

impl ControlPlane {
    /// Waits until the balancer gives connections to these servers and no others; how long it took.
    pub(crate) fn wait_up(&self, wanted: &[bool]) -> Duration {
        let Some(balancer) = &self.balancer else { return Duration::ZERO };
        eventually(&format!("the balancer sees {wanted:?}"), || balancer.up() == wanted)
    }

    /// The URLs of single servers that can be told apart.
    pub(crate) fn urls(&self) -> Vec<String> {
        let servers = if self.balancer.is_some() { 2 } else { 0 };
        (0..servers).map(|server| format!("https://{}", self.cluster.server_address(server))).collect()
    }
}

/// Waits for a state; how long it took.
pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}
