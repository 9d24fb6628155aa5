//! Services: addresses, endpoints, endpoint slices.

use serde_json::Value;

use crate::world::{World, condition, deployment, same};

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

pub(crate) fn endpoints_without_selector_are_mirrored(world: &World) {
    let space = "mirror";
    world.namespace(space);
    world.create(
        space,
        "apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {ports: [{port: 443}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: outside}
subsets:
- addresses: [{ip: 198.51.100.7}, {ip: 198.51.100.8}]
  ports: [{port: 8443}]
",
    );
    let slices = || {
        let path = format!("/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices");
        world.list(&format!("{path}?labelSelector=kubernetes.io%2Fservice-name%3Doutside"))
    };
    world.until("a slice shows them", || {
        same(
            "addresses",
            ready_addresses(&slices()?),
            vec!["198.51.100.7".to_owned(), "198.51.100.8".to_owned()],
        )
    });
    let label = &slices().expect("slices")[0]["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"];
    assert_eq!(label, "endpointslicemirroring-controller.k8s.io");
    world.run(space, "delete endpoints outside");
    world.until("it goes along", || same("slices", slices()?.len(), 0));
}

pub(crate) fn another_range_of_addresses_is_used(world: &World) {
    let space = "ranges";
    world.namespace(space);
    let range = "/apis/networking.k8s.io/v1/servicecidrs/more";
    world.create(
        space,
        "{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: more}, spec: {cidrs: [10.200.0.0/28]}}",
    );
    world.until("the range is ready", || {
        let range = world.get(range)?;
        same("Ready", condition(&range, "Ready").split('/').next(), Some("True"))
    });
    // Servers see it a moment later.
    world.until("an address of it can be asked for", || {
        let service = "create service clusterip here --tcp=80 --clusterip=10.200.0.5";
        world.attempt(space, service)
    });
    let address = world.get("/apis/networking.k8s.io/v1/ipaddresses/10.200.0.5").expect("its object");
    assert_eq!(address["spec"]["parentRef"]["name"], "here");
    world.kubectl.run(&["delete", "servicecidr", "more", "--wait=false"]);
    world.until("it waits for its address", || {
        let range = world.get(range)?;
        same("Ready", condition(&range, "Ready").as_str(), "False/Terminating")
    });
    world.run(space, "delete service here");
    world.until("it goes", || world.is_gone(range));
}
