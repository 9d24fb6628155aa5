//! The end of namespaces.

use crate::world::{World, condition, deployment, same};

const CONTENT: [&str; 9] = [
    "/api/v1/namespaces/NS/pods",
    "/api/v1/namespaces/NS/configmaps",
    "/api/v1/namespaces/NS/secrets",
    "/api/v1/namespaces/NS/services",
    "/api/v1/namespaces/NS/serviceaccounts",
    "/api/v1/namespaces/NS/events",
    "/apis/apps/v1/namespaces/NS/deployments",
    "/apis/apps/v1/namespaces/NS/replicasets",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
];

pub(crate) fn a_namespace_takes_its_content_along(world: &World) {
    let space = "full";
    world.namespace(space);
    world.create(space, &deployment("web", 5));
    world.run(space, "expose deployment web --port=80");
    world.run(space, "create secret generic password --from-literal=a=b");
    world.run(space, "create rolebinding readers --clusterrole=view --serviceaccount=full:default");
    for number in 0..30 {
        world
            .create(space, &format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: map-{number}}}}}"));
    }
    world.run(space, "rollout status deployment/web --timeout=120s");
    world.kubectl.run(&["delete", "namespace", space, "--wait=false"]);
    let refused = world.attempt(space, "create configmap late").expect_err("it ends");
    assert!(refused.contains("because it is being terminated"), "{refused}");
    world.kubectl.run(&["wait", "--for=delete", &format!("namespace/{space}"), "--timeout=120s"]);
    for path in CONTENT {
        let left = world.list(&path.replace("NS", space)).expect("an empty list");
        assert!(left.is_empty(), "{path}: {left:?}");
    }
    // The name is free again.
    world.namespace(space);
}

pub(crate) fn a_namespace_waits_for_finalizers(world: &World) {
    let space = "held";
    world.namespace(space);
    world.create(
        space,
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.com/hold]}}",
    );
    world.kubectl.run(&["delete", "namespace", space, "--wait=false"]);
    let path = format!("/api/v1/namespaces/{space}");
    world.until("it says what it waits for", || {
        let namespace = world.get(&path)?;
        same("phase", namespace["status"]["phase"].as_str(), Some("Terminating"))?;
        let condition = condition(&namespace, "NamespaceFinalizersRemaining");
        same("condition", condition.as_str(), "True/SomeFinalizersRemain")
    });
    world.run(space, "patch configmap held --type=merge --patch={\"metadata\":{\"finalizers\":null}}");
    world.until("it is gone", || world.is_gone(&path));
}
