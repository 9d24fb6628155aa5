//! Nodes that KWOK plays.

use std::time::Duration;

use serde_json::{Value, json};

use super::Cluster;

/// How KWOK plays nodes and pods. In the configuration, as KWOK's own resources would need custom resources.
pub(super) const STAGES: &str = include_str!("kwok.yaml");

/// How long nodes may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// The label of nodes that KWOK plays.
pub(super) const PLAYED: &str = "example.com/played=yes";

impl Cluster {
    /// Adds nodes `NAME-0` and on, and waits until they are ready. KWOK plays a node as long as it bears the
    /// label `example.com/played: yes`; one that loses it is as good as dead.
    ///
    /// # Panics
    /// Where they are not ready in a minute.
    pub fn add_nodes(&self, name: &str, count: usize) {
        self.add(name, count, None);
    }

    /// Adds nodes for certain pods alone: the nodes have the label `pool: NAME`, and a taint of the same name and
    /// value that forbids others.
    ///
    /// # Panics
    /// Where they are not ready in a minute.
    pub fn add_pool(&self, name: &str, count: usize) {
        self.add(name, count, Some(name));
    }

    fn add(&self, name: &str, count: usize, pool: Option<&str>) {
        let kubectl = self.kubectl();
        let nodes: Vec<Value> = (0..count).map(|number| node(name, number, pool)).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": nodes}).to_string();
        kubectl.run_with_input(&["create", "-f", "-"], &list);
        let names: Vec<String> = (0..count).map(|number| format!("node/{name}-{number}")).collect();
        let timeout = format!("--timeout={}s", READY.as_secs());
        let mut args = vec!["wait", "--for=condition=Ready", &timeout];
        args.extend(names.iter().map(String::as_str));
        if let Err(error) = kubectl.attempt(&args, "") {
            panic!("nodes don't become ready: {error}\nKWOK says:\n{}", self.log_tail("kwok", 30));
        }
    }
}

fn node(name: &str, number: usize, pool: Option<&str>) -> Value {
    let name = format!("{name}-{number}");
    let mut node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "example.com/played": "yes",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": format!("zone-{}", number % 3),
            },
        },
    });
    if let Some(pool) = pool {
        node["metadata"]["labels"]["pool"] = pool.into();
        node["spec"]["taints"] = json!([{"key": "pool", "value": pool, "effect": "NoSchedule"}]);
    }
    node
}
