//! PodDisruptionBudgets, evictions, and `kubectl drain`.

use crate::world::{World, deployment, deployment_in, same};

fn budget(space: &str) -> String {
    format!("/apis/policy/v1/namespaces/{space}/poddisruptionbudgets/web")
}

fn allowed(world: &World, space: &str, count: i64) {
    world.until(&format!("{count} disruptions are allowed"), || {
        let budget = world.get(&budget(space))?;
        same("observed", &budget["status"]["observedGeneration"], &budget["metadata"]["generation"])?;
        same("allowed", budget["status"]["disruptionsAllowed"].as_i64(), Some(count))
    });
}

pub(crate) fn an_eviction_asks_the_budget(world: &World) {
    let space = "eviction";
    world.namespace(space);
    world.create(space, &deployment("web", 3));
    world.run(space, "rollout status deployment/web --timeout=120s");
    world.run(space, "create pdb web --selector=app=web --min-available=3");
    allowed(world, space, 0);
    let pods = world.pods(space, "app=web").expect("pods");
    let name = pods[0]["metadata"]["name"].as_str().expect("pods have names").to_owned();
    let eviction = format!(
        "{{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\"{space}\"}}}}"
    );
    let raw = format!("/api/v1/namespaces/{space}/pods/{name}/eviction");
    let evict = || world.kubectl.attempt(&["create", "--raw", &raw, "-f", "-"], &eviction);
    let refused = evict().expect_err("the budget is spent");
    assert!(
        refused.contains("Cannot evict pod as it would violate the pod's disruption budget."),
        "{refused}"
    );

    world.run(space, "patch pdb web --patch={\"spec\":{\"minAvailable\":2}}");
    allowed(world, space, 1);
    evict().expect("one may go");
    world.until("it goes", || world.is_gone(&format!("/api/v1/namespaces/{space}/pods/{name}")));
    world.until("another takes its place", || same("pods", world.pods(space, "app=web")?.len(), 3));
    allowed(world, space, 1);
}

pub(crate) fn a_drain_keeps_the_budget(world: &World) {
    let space = "drain";
    world.namespace(space);
    world.cluster.add_pool("drained", 2);
    world.create(space, &deployment_in("drained", "web", 6, ""));
    world.run(space, "rollout status deployment/web --timeout=120s");
    world.run(space, "create pdb web --selector=app=web --min-available=5");
    allowed(world, space, 1);
    let on = |node: &str| -> Result<usize, String> {
        let pods = world.pods(space, "app=web")?;
        Ok(pods.iter().filter(|pod| pod["spec"]["nodeName"] == node).count())
    };
    let before = on("drained-0").expect("pods");
    assert!(before > 1, "the scheduler spreads pods: {before} on one node");
    // A pod is evicted, its successor runs on the other node, and so on: kubectl waits whenever it has to.
    world.kubectl.run(&["drain", "drained-0", "--delete-emptydir-data", "--timeout=150s"]);
    assert_eq!(on("drained-0"), Ok(0));
    let node = world.get("/api/v1/nodes/drained-0").expect("the node");
    assert_eq!(node["spec"]["unschedulable"], true);
    let taints = node["spec"]["taints"].to_string();
    assert!(taints.contains("node.kubernetes.io/unschedulable"), "{taints}");
    world.until("all run on the other", || same("pods", on("drained-1")?, 6));
    world.kubectl.run(&["uncordon", "drained-0"]);
    world.run(space, "rollout restart deployment/web");
    world.run(space, "rollout status deployment/web --timeout=120s");
    world.until("the node is used again", || {
        if on("drained-0")? > 0 { Ok(()) } else { Err("no pod".to_owned()) }
    });
    world.run(space, "delete deployment web");
    world.kubectl.run(&["delete", "node", "drained-0", "drained-1"]);
}
