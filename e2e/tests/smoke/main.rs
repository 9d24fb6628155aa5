//! One server, the real controllers and scheduler, and two nodes that KWOK plays: a first look at the whole that
//! takes seconds, on any build.
#![allow(missing_docs, reason = "tests")]

use keelson_e2e::{Cluster, Plan};

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: \"app:1\"}]
";

#[test]
fn real_controllers_run_a_deployment_and_empty_its_namespace() {
    let plan = Plan { servers: 1, nodes: 2, ..Plan::default() };
    let Some(cluster) = Cluster::start(plan) else { return };
    let kubectl = cluster.kubectl();
    kubectl.run(&["create", "namespace", "smoke"]);
    kubectl.run_with_input(&["create", "-n", "smoke", "-f", "-"], DEPLOYMENT);
    kubectl.run(&["rollout", "status", "-n", "smoke", "deployment/web", "--timeout=120s"]);
    kubectl.run(&["delete", "namespace", "smoke", "--timeout=120s"]);
    let left = kubectl.run(&["get", "pods", "--all-namespaces", "--output=name"]);
    assert_eq!(left, "");
}
