//! What the scheduler does beyond finding a node: preemption, devices.

use serde_json::Value;

use crate::world::{World, condition, deployment, deployment_in, same};

fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").starts_with("True")
}

pub(crate) fn a_pod_of_high_priority_takes_the_place_of_others(world: &World) {
    let space = "preemption";
    world.namespace(space);
    world.cluster.add_pool("crowded", 1);
    world.kubectl.run(&["create", "priorityclass", "urgent", "--value=1000"]);
    // The node has 32 CPUs.
    let sized = |name: &str, replicas: usize| {
        deployment_in("crowded", name, replicas, "").replace("cpu: 10m", "cpu: 12")
    };
    world.create(space, &sized("low", 2));
    world.run(space, "rollout status deployment/low --timeout=120s");
    let urgent = "      priorityClassName: urgent\n      containers:";
    world.create(space, &sized("high", 1).replace("      containers:", urgent));
    world.run(space, "rollout status deployment/high --timeout=120s");
    let pods = world.pods(space, "app=high").expect("pods");
    assert_eq!(pods[0]["spec"]["priority"], 1000);
    world.until("one of the others waits", || {
        let pods = world.pods(space, "app=low")?;
        same("pods", pods.len(), 2)?;
        same("running", pods.iter().filter(|pod| is_ready(pod)).count(), 1)?;
        let waits = pods.iter().filter(|pod| condition(pod, "PodScheduled") == "False/Unschedulable").count();
        same("waiting", waits, 1)
    });
    let events = world.run(space, "get events --field-selector=reason=Preempted --output=name");
    assert_eq!(events.lines().count(), 1, "{events}");
    world.run(space, "delete deployment low high");
    world.kubectl.run(&["delete", "node", "crowded-0"]);
    world.kubectl.run(&["delete", "priorityclass", "urgent"]);
}

const DEVICES: &str = "apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu.example.com}
spec:
  selectors:
  - cel: {expression: 'device.driver == \"gpu.example.com\"'}
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: node-4-gpus}
spec:
  driver: gpu.example.com
  nodeName: node-4
  pool: {name: node-4, generation: 1, resourceSliceCount: 1}
  devices:
  - {name: gpu-0, attributes: {model: {string: big}}}
  - {name: gpu-1, attributes: {model: {string: big}}}
  - {name: gpu-2, attributes: {model: {string: small}}}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: big}
spec:
  spec:
    devices:
      requests:
      - name: gpu
        exactly:
          deviceClassName: gpu.example.com
          selectors:
          - cel: {expression: 'device.attributes[\"gpu.example.com\"].model == \"big\"'}
";

pub(crate) fn devices_are_allocated_to_claims(world: &World) {
    let space = "devices";
    world.namespace(space);
    world.create(space, DEVICES);
    let pods = deployment("trainer", 3).replace(
        "      containers:",
        "      resourceClaims: [{name: gpu, resourceClaimTemplateName: big}]\n      containers:",
    );
    let pods = pods.replace("        resources:\n", "        resources:\n          claims: [{name: gpu}]\n");
    world.create(space, &pods);
    let claims = || world.list(&format!("/apis/resource.k8s.io/v1/namespaces/{space}/resourceclaims"));
    world.until("two have a device, one waits", || {
        let claims = claims()?;
        same("claims", claims.len(), 3)?;
        let device = |claim: &Value| claim["status"]["allocation"]["devices"]["results"][0]["device"].clone();
        let mut devices: Vec<Value> = claims.iter().map(device).filter(Value::is_string).collect();
        devices.sort_by_key(Value::to_string);
        same("devices", devices, vec![Value::from("gpu-0"), Value::from("gpu-1")])?;
        let pods = world.pods(space, "app=trainer")?;
        let ready: Vec<&Value> = pods.iter().filter(|pod| is_ready(pod)).collect();
        same("ready", ready.len(), 2)?;
        same("on the node", ready.iter().filter(|pod| pod["spec"]["nodeName"] == "node-4").count(), 2)
    });
    world.run(space, "delete deployment trainer");
    world.until("claims go along with pods", || same("claims", claims()?.len(), 0));
    world.kubectl.run(&["delete", "resourceslice", "node-4-gpus"]);
    world.kubectl.run(&["delete", "deviceclass", "gpu.example.com"]);
}
