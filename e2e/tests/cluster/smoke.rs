//! A first look at the whole, quick enough for every change.

use keelson_e2e::{Cluster, Plan};

use crate::world::deployment;

#[test]
fn real_controllers_run_a_deployment() {
    let plan = Plan { servers: 1, nodes: 2, ..Plan::default() };
    let Some(cluster) = Cluster::start(plan) else { return };
    let kubectl = cluster.kubectl();
    kubectl.run(&["create", "namespace", "smoke"]);
    kubectl.run_with_input(&["create", "-n", "smoke", "-f", "-"], &deployment("web", 10));
    kubectl.run(&["rollout", "status", "-n", "smoke", "deployment/web", "--timeout=120s"]);
    kubectl.run(&["delete", "namespace", "smoke", "--timeout=120s"]);
    let left = kubectl.run(&["get", "pods", "--all-namespaces", "--no-headers", "--ignore-not-found"]);
    assert_eq!(left, "");
}
