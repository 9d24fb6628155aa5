//! The garbage collector.

use serde_json::{Value, json};

use crate::world::{World, deployment, same};

fn owned_map(name: &str, owner: &Value, blocks: bool) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "ownerReferences": [{
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "blockOwnerDeletion": blocks,
            }],
        },
    })
    .to_string()
}

fn running(world: &World, space: &str) {
    world.namespace(space);
    world.create(space, &deployment("web", 3));
    world.run(space, "rollout status deployment/web --timeout=120s");
}

fn counts(world: &World, space: &str) -> Result<(usize, usize), String> {
    let sets = world.list(&format!("/apis/apps/v1/namespaces/{space}/replicasets"))?;
    Ok((sets.len(), world.pods(space, "app=web")?.len()))
}

pub(crate) fn background_deletion_takes_dependents_along(world: &World) {
    let space = "background";
    running(world, space);
    world.run(space, "delete deployment web --cascade=background");
    world.until("nothing is left", || same("replica sets, pods", counts(world, space)?, (0, 0)));

    // An owner that never was.
    let nobody = json!({"metadata": {"name": "nobody", "uid": "5c3a9b52-6c5d-4a57-9d0e-2a6a7b7f3c11"}});
    world.create(space, &owned_map("orphan", &nobody, false));
    let path = format!("/api/v1/namespaces/{space}/configmaps/orphan");
    world.until("what has no owner goes", || world.is_gone(&path));
}

pub(crate) fn foreground_deletion_waits_for_dependents(world: &World) {
    let space = "foreground";
    running(world, space);
    world.run(space, "delete deployment web --cascade=foreground --timeout=100s");
    // kubectl has waited for the Deployment, which waited for the others.
    assert_eq!(counts(world, space), Ok((0, 0)));

    let map = |name: &str| format!("/api/v1/namespaces/{space}/configmaps/{name}");
    world.run(space, "create configmap owner");
    let owner = world.get(&map("owner")).expect("it was made");
    world.create(space, &owned_map("child", &owner, true));
    world.run(
        space,
        "patch configmap child --type=merge --patch={\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}",
    );
    world.run(space, "delete configmap owner --cascade=foreground --wait=false");
    world.until("the dependent is being deleted", || {
        let child = world.get(&map("child"))?;
        same("has a time", child["metadata"]["deletionTimestamp"].is_string(), true)
    });
    let owner = world.get(&map("owner")).expect("it waits");
    assert_eq!(owner["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    world.run(space, "patch configmap child --type=merge --patch={\"metadata\":{\"finalizers\":null}}");
    world.until("both are gone", || world.is_gone(&map("child")).and_then(|()| world.is_gone(&map("owner"))));
}

pub(crate) fn orphans_stay(world: &World) {
    let space = "orphan";
    running(world, space);
    world.run(space, "delete deployment web --cascade=orphan");
    let sets = world.list(&format!("/apis/apps/v1/namespaces/{space}/replicasets")).expect("a list");
    assert_eq!(sets.len(), 1);
    assert!(sets[0]["metadata"]["ownerReferences"].is_null(), "{}", sets[0]["metadata"]);
    world.run(space, "delete replicaset --all --cascade=orphan");
    let pods = world.pods(space, "app=web").expect("pods");
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|pod| pod["metadata"]["ownerReferences"].is_null()), "{pods:?}");
    // A Deployment that fits takes them in again.
    world.create(space, &deployment("web", 3));
    world.run(space, "rollout status deployment/web --timeout=120s");
}
