//! ResourceQuotas: counted by the controller, kept by the servers.

use serde_json::json;

use crate::world::{World, condition, deployment, same};

pub(crate) fn a_quota_counts_and_refuses(world: &World) {
    let space = "quota";
    world.namespace(space);
    world.run(space, "create configmap early");
    world.run(space, "create quota limits --hard=pods=3,requests.cpu=1,configmaps=4");
    let path = format!("/api/v1/namespaces/{space}/resourcequotas/limits");
    let used = |wanted: serde_json::Value| {
        world.until(&format!("{wanted} is used"), || {
            let quota = world.get(&path)?;
            same("hard", &quota["status"]["hard"], &quota["spec"]["hard"])?;
            same("used", &quota["status"]["used"], &wanted)
        });
    };
    // kube-root-ca.crt is one of them.
    used(json!({"pods": "0", "requests.cpu": "0", "configmaps": "2"}));
    world.run(space, "create configmap second");
    world.run(space, "create configmap third");
    let refused = world.attempt(space, "create configmap fourth").expect_err("no more fit");
    assert!(
        refused.contains(
            "exceeded quota: limits, requested: configmaps=1, used: configmaps=4, limited: configmaps=4"
        ),
        "{refused}"
    );

    world.create(space, &deployment("web", 5));
    used(json!({"pods": "3", "requests.cpu": "30m", "configmaps": "4"}));
    world.until("the Deployment says why there are no more", || {
        let web = world.get(&format!("/apis/apps/v1/namespaces/{space}/deployments/web"))?;
        same("condition", condition(&web, "ReplicaFailure").as_str(), "True/FailedCreate")
    });
    world.run(space, "patch quota limits --patch={\"spec\":{\"hard\":{\"pods\":\"10\"}}}");
    // The controller of replica sets tries again after ever longer times.
    world.run(space, "rollout status deployment/web --timeout=120s");
    world.run(space, "scale deployment web --replicas=1");
    world.run(space, "delete configmap early");
    used(json!({"pods": "1", "requests.cpu": "10m", "configmaps": "3"}));
}
