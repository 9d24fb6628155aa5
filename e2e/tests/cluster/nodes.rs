//! What becomes of pods whose node is gone.

use serde_json::Value;

use crate::world::{World, condition, deployment_in, same};

fn taints(node: &Value) -> Vec<String> {
    let taints = node["spec"]["taints"].as_array();
    let shown = |taint: &Value| {
        format!("{}:{}", taint["key"].as_str().unwrap_or(""), taint["effect"].as_str().unwrap_or(""))
    };
    let mut taints: Vec<String> = taints.into_iter().flatten().map(shown).collect();
    taints.sort_unstable();
    taints
}

pub(crate) fn pods_leave_a_node_that_is_gone(world: &World) {
    let space = "node-lifecycle";
    world.namespace(space);
    world.cluster.add_pool("mortal", 2);
    let short = "      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}\n";
    let pods = deployment_in("mortal", "web", 4, short);
    world.create(space, &pods);
    world.run(space, "rollout status deployment/web --timeout=120s");
    let node = world.get("/api/v1/nodes/mortal-0").expect("the node");
    assert!(node["spec"]["podCIDR"].is_string(), "the controller gives each node addresses: {node}");

    // Nobody plays it any more.
    world.kubectl.run(&["label", "node", "mortal-0", "example.com/played-"]);
    world.until("the node is unreachable", || {
        let node = world.get("/api/v1/nodes/mortal-0")?;
        same("ready", condition(&node, "Ready").as_str(), "Unknown/NodeStatusUnknown")?;
        let unreachable = ["NoExecute", "NoSchedule"].map(|e| format!("node.kubernetes.io/unreachable:{e}"));
        same("taints", taints(&node), [&unreachable[..], &["pool:NoSchedule".to_owned()]].concat())
    });
    world.until("all pods run on the other", || {
        let pods = world.pods(space, "app=web")?;
        let alive = |pod: &&Value| {
            pod["spec"]["nodeName"] == "mortal-1" && condition(pod, "Ready").starts_with("True")
        };
        same("pods", pods.iter().filter(alive).count(), 4)
    });
    // Those of the dead node wait for it, and go with its object.
    world.kubectl.run(&["delete", "node", "mortal-0"]);
    world.until("no pod is left behind", || same("pods", world.pods(space, "app=web")?.len(), 4));
    world.run(space, "delete deployment web");
    world.kubectl.run(&["delete", "node", "mortal-1"]);
}
