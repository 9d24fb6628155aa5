//! Whether controllers do their work: a Deployment is scaled while a part is away, and leaders renew their leases.

use std::time::{Duration, Instant};

use keelson_e2e::{Cluster, Kubectl};

use crate::control_plane::{PATIENCE, eventually};

const DEPLOYMENT: &str = "probe";
/// Those that end when they lose their lease, as a kubelet would start them again.
const LEADERS: [(&str, &str); 2] =
    [("controller-manager-0", "kube-controller-manager"), ("scheduler-0", "kube-scheduler")];

/// A Deployment that controllers have to keep.
pub(crate) struct Controllers {
    kubectl: Kubectl,
    replicas: u64,
    /// How often a leader had to be started again.
    pub(crate) restarts: u32,
}

impl Controllers {
    pub(crate) fn start(cluster: &Cluster) -> Controllers {
        let mut controllers = Controllers { kubectl: cluster.kubectl(), replicas: 2, restarts: 0 };
        let create = ["create", "deployment", DEPLOYMENT, "--image=registry.example/probe:1", "--replicas=2"];
        eventually("a Deployment is made", || controllers.kubectl.attempt(&create, "").is_ok());
        controllers.finish(cluster).expect("controllers make the first replicas");
        controllers
    }

    /// Asks for other replicas, as soon as a server takes it; when it was asked first.
    pub(crate) fn ask(&mut self, cluster: &Cluster) -> Instant {
        let start = Instant::now();
        self.replicas = if self.replicas == 2 { 5 } else { 2 };
        let replicas = format!("--replicas={}", self.replicas);
        let scale = ["scale", "deployment", DEPLOYMENT, &replicas, "--request-timeout=5s"];
        eventually("a Deployment is scaled", || {
            self.supervise(cluster);
            self.kubectl.attempt(&scale, "").is_ok()
        });
        start
    }

    /// Waits until the replicas that were asked for run.
    ///
    /// # Errors
    /// What is there instead, where they don't in time.
    pub(crate) fn finish(&mut self, cluster: &Cluster) -> Result<(), String> {
        let path = "jsonpath={.status.observedGeneration}/{.metadata.generation} {.status.readyReplicas} {.status.replicas}";
        let get = ["get", "deployment", DEPLOYMENT, "-o", path, "--request-timeout=5s"];
        let start = Instant::now();
        let wanted = format!("{0} {0}", self.replicas);
        loop {
            self.supervise(cluster);
            let (Ok(last) | Err(last)) = self.kubectl.attempt(&get, "");
            let (generations, counts) = last.split_once(' ').unwrap_or_default();
            let is_observed = generations.split_once('/').is_some_and(|(one, other)| one == other);
            if is_observed && counts == wanted {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let log = cluster.log_tail("controller-manager-0", 10);
                return Err(format!(
                    "{} replicas wanted, but after {PATIENCE:?}: {last}\n{log}",
                    self.replicas
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts leaders again that have ended.
    pub(crate) fn supervise(&mut self, cluster: &Cluster) {
        for (part, _) in LEADERS {
            if cluster.wait_end(part, Duration::ZERO).is_some() {
                self.restarts += 1;
                cluster.launch(part);
            }
        }
    }

    /// Waits until each leader has renewed its lease from now on.
    pub(crate) fn wait_renewed(&mut self, cluster: &Cluster) {
        let mut before = Vec::new();
        for (_, lease) in LEADERS {
            before.push(self.renewed(lease));
        }
        for ((part, lease), before) in LEADERS.into_iter().zip(before) {
            eventually(&format!("{part} renews its lease"), || {
                self.supervise(cluster);
                let now = self.renewed(lease);
                !now.is_empty() && now != before
            });
        }
    }

    fn renewed(&self, lease: &str) -> String {
        let path = "jsonpath={.spec.holderIdentity} {.spec.renewTime}";
        let get = ["get", "lease", lease, "-n", "kube-system", "-o", path, "--request-timeout=5s"];
        self.kubectl.attempt(&get, "").unwrap_or_default()
    }
}
