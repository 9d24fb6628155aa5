//! The cluster that scenarios run on, and how they look at it.

use std::time::{Duration, Instant};

use keelson_e2e::balancer::{Balancer, HealthChecks};
use keelson_e2e::{Cluster, Kubectl, Plan};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// How long what a controller does may take, on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A control plane behind a balancer, with an administrator's kubectl and client.
pub(crate) struct World {
    pub(crate) kubectl: Kubectl,
    client: Client,
    runtime: tokio::runtime::Runtime,
    /// Before the balancer: servers end first.
    pub(crate) cluster: Cluster,
    balancer: Balancer,
}

impl World {
    /// Starts all of it; `None`, with a printed line, where a program is not given.
    pub(crate) fn start(plan: Plan) -> Option<World> {
        let servers = plan.servers;
        let mut cluster = Cluster::prepare(plan)?;
        let addresses: Vec<_> = (0..servers).map(|number| cluster.server_address(number)).collect();
        let balancer = Balancer::start(&addresses, HealthChecks::default());
        cluster.set_front(balancer.address());
        cluster.start_servers();
        let deadline = Instant::now() + PATIENCE;
        while balancer.up().contains(&false) {
            assert!(Instant::now() < deadline, "the balancer finds all servers ready: {:?}", balancer.up());
            std::thread::sleep(Duration::from_millis(50));
        }
        cluster.start_all();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads start");
        let client = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).expect("it was written");
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
            Client::try_from(config.expect("it is complete")).expect("its certificates are whole")
        });
        Some(World { kubectl: cluster.kubectl(), client, runtime, cluster, balancer })
    }

    /// Where the logs are.
    pub(crate) fn logs(&self) -> String {
        self.cluster.directory().join("logs").display().to_string()
    }

    /// kubectl, in a namespace.
    pub(crate) fn run(&self, namespace: &str, command: &str) -> String {
        self.attempt(namespace, command).unwrap_or_else(|e| panic!("kubectl -n {namespace} {command}: {e}"))
    }

    /// The same, with what it says where it fails.
    pub(crate) fn attempt(&self, namespace: &str, command: &str) -> Result<String, String> {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.extend(["--namespace", namespace]);
        self.kubectl.attempt(&args, "")
    }

    /// Makes objects (YAML) in a namespace.
    pub(crate) fn create(&self, namespace: &str, yaml: &str) {
        self.kubectl.run_with_input(&["create", "--namespace", namespace, "-f", "-"], yaml);
    }

    /// A new namespace; what controllers put into each is there.
    pub(crate) fn namespace(&self, name: &str) {
        self.kubectl.run(&["create", "namespace", name]);
        self.until(&format!("{name} has its service account"), || {
            self.get(&format!("/api/v1/namespaces/{name}/serviceaccounts/default"))
        });
    }

    /// What a path of the API shows.
    pub(crate) fn get(&self, path: &str) -> Result<Value, String> {
        let request = http::Request::get(path).body(Vec::new()).expect("a path");
        let answer = self.runtime.block_on(async {
            let limit = Duration::from_secs(10);
            tokio::time::timeout(limit, self.client.request::<Value>(request)).await
        });
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(format!("GET {path}: {error}")),
            Err(_) => Err(format!("GET {path}: no answer in time")),
        }
    }

    /// The objects below a path.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<Value>, String> {
        let mut list = self.get(path)?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Err(format!("{path} is no list: {list}")),
        }
    }

    /// The pods of a namespace with a label, such as `app=web`.
    pub(crate) fn pods(&self, namespace: &str, label: &str) -> Result<Vec<Value>, String> {
        let label = label.replace('=', "%3D");
        self.list(&format!("/api/v1/namespaces/{namespace}/pods?labelSelector={label}"))
    }

    /// Whether a path shows nothing.
    pub(crate) fn is_gone(&self, path: &str) -> Result<(), String> {
        match self.get(path) {
            Ok(object) => Err(format!("{path} is there: {object}")),
            Err(error) if error.contains("not found") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Looks until it is so, and returns what it came to.
    ///
    /// # Panics
    /// After two minutes, with what was seen last.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Result<T, String>) -> T {
        self.until_within(PATIENCE, what, look)
    }

    /// The same with another limit.
    pub(crate) fn until_within<T>(
        &self,
        within: Duration,
        what: &str,
        mut look: impl FnMut() -> Result<T, String>,
    ) -> T {
        let deadline = Instant::now() + within;
        loop {
            match look() {
                Ok(seen) => return seen,
                Err(problem) if Instant::now() > deadline => {
                    panic!("not in {} s: {what}: {problem}\n{}", within.as_secs(), self.tails())
                }
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    fn tails(&self) -> String {
        let tail = |name: &str| format!("---- {name}\n{}", self.cluster.log_tail(name, 8));
        self.cluster.names().map(tail).collect()
    }

    /// That each server runs, and none of their tasks has panicked.
    pub(crate) fn assert_servers_are_well(&self) {
        for name in self.cluster.names().filter(|name| name.starts_with("server-")) {
            assert!(self.cluster.pid(name).is_some(), "{name} runs");
            let log = self.cluster.log(name);
            let panic = log.lines().find(|line| line.contains("panicked at"));
            assert_eq!(panic, None, "{name} has panicked");
        }
        assert_eq!(
            self.balancer.up(),
            vec![true; self.balancer.up().len()],
            "the balancer finds all servers ready"
        );
    }
}

/// That a number is what it should be.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, wanted: T) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}: {is:?} instead of {wanted:?}")) }
}

/// The condition of a type, as `STATUS/REASON`.
pub(crate) fn condition(object: &Value, kind: &str) -> String {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|one| one["type"] == kind));
    match found {
        Some(one) => {
            format!("{}/{}", one["status"].as_str().unwrap_or(""), one["reason"].as_str().unwrap_or(""))
        }
        None => String::new(),
    }
}

/// A Deployment of pods that need next to nothing, labelled `app=NAME`.
pub(crate) fn deployment(name: &str, replicas: usize) -> String {
    workload("apps/v1", "Deployment", name, &format!("  replicas: {replicas}\n"))
}

/// A workload of a kind with a pod template; `more` are lines of its specification.
pub(crate) fn workload(version: &str, kind: &str, name: &str, more: &str) -> String {
    format!(
        "apiVersion: {version}
kind: {kind}
metadata:
  name: {name}
spec:
{more}  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: app:1
        resources:
          requests: {{cpu: 10m, memory: 16Mi}}
"
    )
}

/// The same in a pool of nodes; `more` are lines of the pods' tolerations.
pub(crate) fn deployment_in(pool: &str, name: &str, replicas: usize, more: &str) -> String {
    deployment(name, replicas).replace(
        "      containers:",
        &format!(
            "      nodeSelector: {{pool: {pool}}}
      tolerations:
      - {{key: pool, operator: Exists}}
{more}      containers:"
        ),
    )
}
