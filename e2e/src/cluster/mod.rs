//! A whole control plane: etcd, servers under test, the real controller manager and scheduler, KWOK's nodes, and
//! Prometheus.
//!
//! [`Cluster::prepare`] chooses every address and writes certificates and kubeconfigs, [`Cluster::start_all`]
//! starts the parts in their order. Between the two a test may put itself in between: proxies before etcd, a
//! balancer before the servers. Parts go by name: `etcd`, `server-0`, `server-1`, …, `controller-manager-0`, …,
//! `scheduler-0`, …, `kwok`, `prometheus`; any may be stopped, killed, paused and started again while others run.
//! Each ends with the value. Logs lie below [`Cluster::directory`]; where a test panics it is kept and named.

mod commands;
mod nodes;
mod part;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tempfile::TempDir;

use self::part::{Part, Ready};
use crate::kubectl::Kubectl;
use crate::pki::Pki;
use crate::process::free_port;
use crate::server::binary;

/// How long a part may take to serve.
const START: Duration = Duration::from_secs(60);
/// How long a part may take to end when it is asked to.
const END: Duration = Duration::from_secs(90);

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Servers under test. Default: 2.
    pub servers: usize,
    /// Flags of each server beside kubeadm's; one that is there already is replaced.
    pub server_flags: Vec<String>,
    /// Whether etcd speaks TLS, with client certificates, as with kubeadm. Default: yes.
    pub etcd_tls: bool,
    /// kube-controller-managers, one of which leads. Default: 1.
    pub controller_managers: usize,
    /// Flags of theirs beside kubeadm's; one that is there already is replaced.
    pub controller_manager_flags: Vec<String>,
    /// kube-schedulers, one of which leads. Default: 1.
    pub schedulers: usize,
    /// Nodes that KWOK plays; without any KWOK is not started. Default: 5.
    pub nodes: usize,
    /// Whether Prometheus scrapes the servers. Default: no.
    pub prometheus: bool,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            servers: 2,
            server_flags: Vec::new(),
            etcd_tls: true,
            controller_managers: 1,
            controller_manager_flags: Vec::new(),
            schedulers: 1,
            nodes: 5,
            prometheus: false,
        }
    }
}

/// A control plane.
pub struct Cluster {
    plan: Plan,
    pki: Pki,
    etcd: SocketAddr,
    /// Where each server reaches etcd.
    etcd_seen: Vec<SocketAddr>,
    servers: Vec<SocketAddr>,
    front: SocketAddr,
    prometheus: SocketAddr,
    /// In the order in which they start. First among those with a destructor: parts end before their files go.
    parts: BTreeMap<Place, Mutex<Part>>,
    directory: Option<TempDir>,
}

/// A part by its step in the order of starting, and its name.
type Place = (u8, String);

const ETCD: u8 = 1;
const SERVERS: u8 = 2;
const OTHERS: u8 = 3;

impl Cluster {
    /// Chooses addresses and writes all files. `None`, with a printed line, where a program is not given:
    /// `KEELSON_ETCD`, `KEELSON_KUBECTL`, `KEELSON_CONTROLLER_MANAGER`, `KEELSON_SCHEDULER`, `KEELSON_KWOK`,
    /// `KEELSON_PROMETHEUS`, as far as the plan needs them.
    ///
    /// # Panics
    /// Where a program is not given although `KEELSON_E2E_FULL` is set.
    pub fn prepare(plan: Plan) -> Option<Cluster> {
        let mut programs = BTreeMap::new();
        for (name, wanted) in [
            ("KEELSON_ETCD", true),
            ("KEELSON_KUBECTL", true),
            ("KEELSON_CONTROLLER_MANAGER", plan.controller_managers > 0),
            ("KEELSON_SCHEDULER", plan.schedulers > 0),
            ("KEELSON_KWOK", plan.nodes > 0),
            ("KEELSON_PROMETHEUS", plan.prometheus),
        ] {
            match std::env::var_os(name) {
                Some(path) => drop(programs.insert(name, PathBuf::from(path))),
                None if !wanted => {}
                None => {
                    assert!(std::env::var_os("KEELSON_E2E_FULL").is_none(), "{name} is not set");
                    println!("skipped: {name} is not set (`make e2e` sets it)");
                    return None;
                }
            }
        }
        let directory = tempfile::Builder::new().prefix("keelson-cluster-").tempdir().expect("a directory");
        for below in ["logs", "etcd", "prometheus"] {
            fs::create_dir(directory.path().join(below)).expect("the directory is new");
        }
        let pki = Pki::create(directory.path());
        pki.client("prometheus", "prometheus", &["system:masters"]);
        let servers: Vec<SocketAddr> = (0..plan.servers).map(|_| loopback()).collect();
        let etcd = loopback();
        let mut cluster = Cluster {
            pki,
            etcd,
            etcd_seen: vec![etcd; plan.servers],
            front: *servers.first().expect("a plan has servers"),
            servers,
            prometheus: loopback(),
            parts: BTreeMap::new(),
            directory: Some(directory),
            plan,
        };
        cluster.write_kubeconfigs();
        cluster.make_parts(&programs);
        Some(cluster)
    }

    /// Prepares and starts all parts, and waits until the nodes are there.
    pub fn start(plan: Plan) -> Option<Cluster> {
        let cluster = Cluster::prepare(plan)?;
        cluster.start_all();
        Some(cluster)
    }

    /// Starts etcd and the servers, as far as they don't run, and waits until they serve.
    pub fn start_servers(&self) {
        self.start_up_to(SERVERS);
    }

    /// Starts all parts that don't run, each when those that it needs serve, and adds the plan's nodes.
    pub fn start_all(&self) {
        self.start_up_to(OTHERS);
        if self.plan.nodes > 0 {
            self.add_nodes("node", self.plan.nodes);
        }
    }

    fn start_up_to(&self, end: u8) {
        for step in ETCD..=end {
            // Those of one step start side by side.
            let names = || self.parts.keys().filter(|(order, _)| *order == step).map(|(_, name)| name);
            names().filter(|name| self.pid(name).is_none()).for_each(|name| self.launch(name));
            names().for_each(|name| self.wait_ready(name, START));
        }
    }

    /// Clients and controllers reach the servers there from now on. Before anything is started.
    pub fn set_front(&mut self, front: SocketAddr) {
        self.front = front;
        self.write_kubeconfigs();
    }

    /// This server reaches etcd there from its next start on.
    pub fn set_etcd(&mut self, server: usize, address: SocketAddr) {
        self.etcd_seen[server] = address;
        let args = self.server_args(server);
        self.part(&format!("server-{server}")).lock().args = args;
    }

    /// Where clients reach the servers: the front, at first the first server.
    pub fn url(&self) -> String {
        format!("https://{}", self.front)
    }

    /// Where this server listens.
    pub fn server_address(&self, server: usize) -> SocketAddr {
        self.servers[server]
    }

    /// Where etcd listens.
    pub fn etcd_address(&self) -> SocketAddr {
        self.etcd
    }

    /// Where Prometheus serves its own API, without TLS.
    pub fn prometheus_address(&self) -> SocketAddr {
        self.prometheus
    }

    /// The certificates.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// The kubeconfig of a member of `system:masters`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.pki.path("super-admin.conf")
    }

    /// A kubectl that acts as a member of `system:masters`.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.kubeconfig()).expect("prepare has seen to it")
    }

    /// Below it lie logs (`logs/NAME.log`), certificates and etcd's data.
    pub fn directory(&self) -> &Path {
        self.directory.as_ref().expect("it is there until the end").path()
    }

    /// The names of all parts, in the order in which they start.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(|(_, name)| name.as_str())
    }

    /// Starts a part that does not run, without waiting.
    pub fn launch(&self, name: &str) {
        self.part(name).lock().launch();
    }

    /// Waits until a part serves.
    ///
    /// # Panics
    /// Where it ends, or does not serve in time; shows the end of its log.
    pub fn wait_ready(&self, name: &str, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let mut part = self.part(name).lock();
            assert!(part.pid().is_some(), "{name} was not started");
            let problem = match part.is_ready() {
                Ok(true) => return,
                Ok(false) if Instant::now() < deadline => None,
                Ok(false) => Some(format!("does not serve after {within:?}")),
                Err(problem) => Some(problem),
            };
            if let Some(problem) = problem {
                let tail = part.tail(30);
                drop(part);
                panic!("{name} {problem}:\n{tail}");
            }
            drop(part);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks a part to end (`SIGTERM`), waits for it, and returns its exit code, or minus the signal that ended it.
    ///
    /// # Panics
    /// Where it has not ended after one and a half minutes.
    pub fn terminate(&self, name: &str) -> i32 {
        self.ask_to_end(name);
        self.wait_end(name, END).unwrap_or_else(|| panic!("{name} does not end when it is asked to"))
    }

    /// Sends `SIGTERM`, without waiting.
    pub fn ask_to_end(&self, name: &str) {
        self.part(name).lock().signal("TERM");
    }

    /// Waits for a part that was asked to end; `None` where it has not after this time. Others may be used
    /// meanwhile.
    pub fn wait_end(&self, name: &str, within: Duration) -> Option<i32> {
        self.part(name).lock().wait(within)
    }

    /// Ends a part at once (`SIGKILL`).
    pub fn kill(&self, name: &str) {
        self.part(name).lock().kill();
    }

    /// Stops a part where it stands (`SIGSTOP`), until [`Cluster::resume`].
    pub fn pause(&self, name: &str) {
        self.part(name).lock().signal("STOP");
    }

    /// Lets a part that was paused go on.
    pub fn resume(&self, name: &str) {
        self.part(name).lock().signal("CONT");
    }

    /// Terminates a part, starts it again, and waits until it serves.
    pub fn restart(&self, name: &str) {
        self.terminate(name);
        self.launch(name);
        self.wait_ready(name, START);
    }

    /// The process id of a part that runs.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.part(name).lock().pid()
    }

    /// A part's whole log.
    pub fn log(&self, name: &str) -> String {
        self.part(name).lock().log()
    }

    /// The last lines of a part's log.
    pub fn log_tail(&self, name: &str, lines: usize) -> String {
        self.part(name).lock().tail(lines)
    }

    fn part(&self, name: &str) -> &Mutex<Part> {
        let found = self.parts.iter().find(|((_, known), _)| known == name);
        found.unwrap_or_else(|| panic!("the cluster has no part {name}")).1
    }

    fn write_kubeconfigs(&self) {
        self.pki.kubeconfigs(&self.url(), "control-plane");
        self.pki.kubeconfig("kwok.conf", &self.url(), "kwok", &["system:masters"]);
    }

    fn server_args(&self, number: usize) -> Vec<String> {
        let scheme = if self.plan.etcd_tls { "https" } else { "http" };
        let etcd = format!("{scheme}://{}", self.etcd_seen[number]);
        with(commands::api_server(&self.pki, number, self.servers[number], &etcd), &self.plan.server_flags)
    }

    fn make_parts(&mut self, programs: &BTreeMap<&str, PathBuf>) {
        let directory = self.directory().to_owned();
        let mut parts = BTreeMap::new();
        let mut add = |order: u8, name: &str, program: PathBuf, args: Vec<String>, ready: Ready| {
            let part = Part::new(program, args, directory.join("logs").join(format!("{name}.log")), ready);
            parts.insert((order, name.to_owned()), Mutex::new(part));
        };
        let program = |name: &str| programs[name].clone();
        let (pki, plan) = (&self.pki, &self.plan);
        let etcd = commands::etcd(pki, plan.etcd_tls, &directory.join("etcd"), self.etcd, loopback());
        add(ETCD, "etcd", program("KEELSON_ETCD"), etcd, Ready::Line("ready to serve client requests"));
        for number in 0..plan.servers {
            let args = self.server_args(number);
            add(SERVERS, &format!("server-{number}"), binary(), args, Ready::Line("ready at https://"));
        }
        for number in 0..plan.controller_managers {
            let port = free_port();
            let args = with(commands::controller_manager(pki, port), &plan.controller_manager_flags);
            let program = program("KEELSON_CONTROLLER_MANAGER");
            add(OTHERS, &format!("controller-manager-{number}"), program, args, Ready::Port(port));
        }
        for number in 0..plan.schedulers {
            let port = free_port();
            let args = commands::scheduler(pki, port);
            add(
                OTHERS,
                &format!("scheduler-{number}"),
                program("KEELSON_SCHEDULER"),
                args,
                Ready::Port(port),
            );
        }
        if plan.nodes > 0 {
            let (stages, port) = (directory.join("kwok.yaml"), free_port());
            fs::write(&stages, nodes::STAGES).expect("the directory is ours");
            add(
                OTHERS,
                "kwok",
                program("KEELSON_KWOK"),
                commands::kwok(pki, &stages, port),
                Ready::Port(port),
            );
        }
        if plan.prometheus {
            let configuration = directory.join("prometheus.yaml");
            let text = commands::prometheus_configuration(pki, &self.servers);
            fs::write(&configuration, text).expect("the directory is ours");
            let port = self.prometheus.port();
            let args = commands::prometheus(&configuration, &directory.join("prometheus"), port);
            add(OTHERS, "prometheus", program("KEELSON_PROMETHEUS"), args, Ready::Port(port));
        }
        for part in parts.values_mut() {
            // Nothing of the user's own: no cache of discovery, no kubeconfig.
            part.get_mut().env = vec![("HOME", directory.display().to_string())];
        }
        self.parts = parts;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nobody is left to complain that what it needs has gone.
        for part in self.parts.values().rev() {
            part.lock().kill();
        }
        if !std::thread::panicking() {
            return;
        }
        for (_, name) in self.parts.keys() {
            println!("---- the end of {name}'s log\n{}", self.log_tail(name, 15));
        }
        if let Some(directory) = self.directory.take() {
            println!("---- logs are kept in {}", directory.keep().join("logs").display());
        }
    }
}

/// The flags, with more that take the place of those of the same name.
fn with(mut flags: Vec<String>, more: &[String]) -> Vec<String> {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    flags.retain(|flag| !more.iter().any(|other| name(other) == name(flag)));
    flags.extend(more.iter().cloned());
    flags
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}
