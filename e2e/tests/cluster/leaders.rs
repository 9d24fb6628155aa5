//! Leader election of two controller managers.

use std::time::Duration;

use crate::world::{World, deployment, same};

/// Who leads, by the process that holds the lease: part names, of which one is the first and the other the second.
fn leader(world: &World) -> Result<String, String> {
    let lease =
        world.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager")?;
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    for name in ["controller-manager-0", "controller-manager-1"] {
        // Each has logged which identity it uses for locks when it won.
        if world.cluster.log(name).contains(&format!("{holder} became leader")) {
            return Ok(name.to_owned());
        }
    }
    Err(format!("the lease is held by {holder:?}"))
}

pub(crate) fn another_controller_manager_takes_over(world: &World) {
    let space = "leaders";
    world.namespace(space);
    world.create(space, &deployment("web", 2));
    world.run(space, "rollout status deployment/web --timeout=120s");
    let first = world.until("one leads", || leader(world));
    world.cluster.kill(&first);
    world.run(space, "scale deployment web --replicas=6");
    let second = world.until_within(Duration::from_secs(60), "the other leads", || {
        let now = leader(world)?;
        if now == first { Err(format!("{now} leads")) } else { Ok(now) }
    });
    assert_ne!(first, second);
    world.until("it does the work", || same("pods", world.pods(space, "app=web")?.len(), 6));
    world.cluster.launch(&first);
    world.cluster.wait_ready(&first, Duration::from_secs(60));

    // The one that leads ends in order: it lets go of nothing, so that the other waits for the lease to expire.
    world.cluster.terminate(&second);
    world.run(space, "scale deployment web --replicas=3");
    world.until("the first does the work", || same("pods", world.pods(space, "app=web")?.len(), 3));
    world.cluster.launch(&second);
    world.cluster.wait_ready(&second, Duration::from_secs(60));
}
