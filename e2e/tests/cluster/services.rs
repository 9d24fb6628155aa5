//! Services: addresses, endpoints, endpoint slices.

use serde_json::Value;

use crate::world::{World, deployment, same};

fn ready_addresses(slices: &[Value]) -> Vec<String> {
    let endpoints = slices.iter().filter_map(|slice| slice["endpoints"].as_array()).flatten();
    let mut addresses: Vec<String> = endpoints
        .filter(|endpoint| endpoint["conditions"]["ready"] == true)
        .filter_map(|endpoint| endpoint["addresses"][0].as_str().map(str::to_owned))
        .collect();
    addresses.sort_unstable();
    addresses
}

pub(crate) fn endpoints_follow_pods(world: &World) {
    let space = "service";
    world.namespace(space);
    world.create(space, &deployment("web", 4));
    world.run(space, "expose deployment web --port=80 --target-port=8080");
    let slices = || {
        let path = format!("/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices");
        world.list(&format!("{path}?labelSelector=kubernetes.io%2Fservice-name%3Dweb"))
    };
    let follow = |count: usize| {
        world.until(&format!("{count} endpoints"), || {
            let pods = world.pods(space, "app=web")?;
            let mut addresses: Vec<&str> =
                pods.iter().filter_map(|pod| pod["status"]["podIP"].as_str()).collect();
            addresses.sort_unstable();
            same("pods with addresses", addresses.len(), count)?;
            let ready = ready_addresses(&slices()?);
            same("slices", ready.iter().map(String::as_str).collect(), addresses.clone())?;
            let endpoints = world.get(&format!("/api/v1/namespaces/{space}/endpoints/web"))?;
            let listed = endpoints["subsets"][0]["addresses"].as_array();
            let mut listed: Vec<&str> =
                listed.into_iter().flatten().filter_map(|one| one["ip"].as_str()).collect();
            listed.sort_unstable();
            same("endpoints", listed, addresses)
        });
    };
    follow(4);
    assert_eq!(slices().expect("slices")[0]["ports"][0]["port"], 8080);
    let service = world.get(&format!("/api/v1/namespaces/{space}/services/web")).expect("the service");
    assert!(service["spec"]["clusterIP"].as_str().is_some_and(|ip| ip.starts_with("10.")), "{service}");
    world.run(space, "scale deployment web --replicas=2");
    follow(2);
    world.run(space, "delete pod --selector=app=web --wait=false");
    follow(2);
    world.run(space, "delete service web");
    world.until("slices go along", || same("slices", slices()?.len(), 0));
    let endpoints = format!("/api/v1/namespaces/{space}/endpoints/web");
    world.until("endpoints go along", || world.is_gone(&endpoints));

    // The servers' own: one address each, kept by themselves.
    let own = world
        .list("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes")
        .expect("slices");
    assert_eq!(ready_addresses(&own), ["192.0.2.11", "192.0.2.12"]);
}
