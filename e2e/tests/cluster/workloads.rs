//! Deployments, StatefulSets, DaemonSets.

use serde_json::Value;

use crate::world::{World, condition, deployment, same, workload};

fn images(pods: &[Value], image: &str) -> usize {
    pods.iter().filter(|pod| pod["spec"]["containers"][0]["image"] == image).count()
}

fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").starts_with("True")
}

pub(crate) fn a_deployment_rolls_out_and_back(world: &World) {
    let (space, size) = ("deployment", 50);
    world.namespace(space);
    world.create(space, &deployment("web", size));
    let all_run = |image: &str, size: usize| {
        world.run(space, "rollout status deployment/web --timeout=180s");
        world.until(&format!("{size} pods of {image} run"), || {
            let pods = world.pods(space, "app=web")?;
            same("pods", pods.len(), size)?;
            same("pods of the image", images(&pods, image), size)?;
            same("ready pods", pods.iter().filter(|pod| is_ready(pod)).count(), size)
        });
    };
    all_run("app:1", size);
    world.run(space, "set image deployment/web main=app:2");
    all_run("app:2", size);
    world.run(space, "rollout undo deployment/web");
    all_run("app:1", size);
    let history = world.run(space, "rollout history deployment/web");
    let revisions: Vec<&str> = history.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(revisions.contains(&"2") && revisions.contains(&"3"), "{history}");
    world.run(space, "rollout restart deployment/web");
    world.run(space, "scale deployment/web --replicas=3");
    all_run("app:1", 3);
    let status =
        world.get(&format!("/apis/apps/v1/namespaces/{space}/deployments/web")).expect("it is there");
    assert_eq!(condition(&status, "Available"), "True/MinimumReplicasAvailable");
    assert_eq!(status["status"]["observedGeneration"], status["metadata"]["generation"]);
    // Events tell what was done.
    let events = world.run(space, "events --for=deployment/web");
    assert!(events.contains("ScalingReplicaSet"), "{events}");
}

pub(crate) fn a_stateful_set_keeps_order_and_names(world: &World) {
    let space = "stateful-set";
    world.namespace(space);
    let set = workload("apps/v1", "StatefulSet", "db", "  serviceName: db\n  replicas: 3\n");
    world.create(space, "{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}}");
    world.create(space, &set);
    world.run(space, "rollout status statefulset/db --timeout=120s");
    let names = |wanted: &[&str]| {
        world.until(&format!("the pods are {wanted:?}"), || {
            let pods = world.pods(space, "app=db")?;
            let names: Vec<&str> = pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str()).collect();
            same("pods", names, wanted.to_vec())?;
            same("ready pods", pods.iter().filter(|pod| is_ready(pod)).count(), wanted.len())?;
            Ok(pods)
        })
    };
    let pods = names(&["db-0", "db-1", "db-2"]);
    let created: Vec<&str> =
        pods.iter().filter_map(|pod| pod["metadata"]["creationTimestamp"].as_str()).collect();
    assert!(created.is_sorted(), "one after the other: {created:?}");
    assert_eq!(pods[1]["spec"]["hostname"], "db-1");

    let before = pods[1]["metadata"]["uid"].clone();
    world.run(space, "delete pod db-1");
    world.until("another db-1 runs", || {
        let pods = names(&["db-0", "db-1", "db-2"]);
        if pods[1]["metadata"]["uid"] == before { Err("the same".to_owned()) } else { Ok(()) }
    });
    world.run(space, "set image statefulset/db main=app:2");
    world.run(space, "rollout status statefulset/db --timeout=120s");
    assert_eq!(images(&names(&["db-0", "db-1", "db-2"]), "app:2"), 3);
    world.run(space, "rollout undo statefulset/db");
    world.run(space, "rollout status statefulset/db --timeout=120s");
    assert_eq!(images(&names(&["db-0", "db-1", "db-2"]), "app:1"), 3);
    world.run(space, "scale statefulset/db --replicas=1");
    names(&["db-0"]);
}

pub(crate) fn a_daemon_set_runs_on_each_node(world: &World) {
    let space = "daemon-set";
    world.namespace(space);
    let label = |node: &str, value: &str| {
        world.kubectl.run(&["label", "--overwrite", "node", node, &format!("agent{value}")]);
    };
    label("node-0", "=yes");
    label("node-1", "=yes");
    let set = workload("apps/v1", "DaemonSet", "agent", "")
        .replace("      containers:", "      nodeSelector: {agent: \"yes\"}\n      containers:");
    world.create(space, &set);
    let runs_on = |wanted: &[&str]| {
        world.until(&format!("agents run on {wanted:?}"), || {
            let pods = world.pods(space, "app=agent")?;
            let mut nodes: Vec<&str> = pods
                .iter()
                .filter(|pod| is_ready(pod))
                .filter_map(|pod| pod["spec"]["nodeName"].as_str())
                .collect();
            nodes.sort_unstable();
            same("nodes", nodes, wanted.to_vec())
        });
    };
    runs_on(&["node-0", "node-1"]);
    label("node-2", "=yes");
    runs_on(&["node-0", "node-1", "node-2"]);
    label("node-1", "-");
    runs_on(&["node-0", "node-2"]);
    world.run(space, "set image daemonset/agent main=app:2");
    world.run(space, "rollout status daemonset/agent --timeout=120s");
    runs_on(&["node-0", "node-2"]);
    let pods = world.pods(space, "app=agent").expect("pods");
    assert_eq!(images(&pods, "app:2"), 2);
}
