//! Addresses and ports of services are given out once, whichever server gives them.

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::IPAddress;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams};
use rand::Rng;

use crate::with_flags;

/// Few addresses and ports, so that servers want the same ones.
const FLAGS: [&str; 2] = ["--service-cluster-ip-range=10.7.0.0/26", "--service-node-port-range=30000-30031"];
/// So many clients, each with so many services one after another.
const CLIENTS: usize = 8;
const TURNS: usize = 6;

fn service(name: &str) -> Service {
    let port = ServicePort { port: 80, ..ServicePort::default() };
    let spec =
        ServiceSpec { type_: Some("NodePort".into()), ports: Some(vec![port]), ..ServiceSpec::default() };
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    Service { metadata, spec: Some(spec), ..Service::default() }
}

/// What the services hold: each address and each port once.
async fn held(client: &Client) -> (BTreeSet<String>, BTreeSet<i32>) {
    let list = Api::<Service>::all(client.clone()).list(&ListParams::default()).await.expect("a list");
    let specs: Vec<ServiceSpec> = list.items.into_iter().filter_map(|service| service.spec).collect();
    let addresses: Vec<String> = specs.iter().filter_map(|spec| spec.cluster_ip.clone()).collect();
    let ports: Vec<i32> =
        specs.iter().flat_map(|spec| spec.ports.iter().flatten().filter_map(|port| port.node_port)).collect();
    let (all_addresses, all_ports) = (addresses.len(), ports.len());
    let (addresses, ports): (BTreeSet<_>, BTreeSet<_>) =
        (addresses.into_iter().collect(), ports.into_iter().collect());
    assert_eq!((addresses.len(), ports.len()), (all_addresses, all_ports), "something is held twice");
    (addresses, ports)
}

#[test]
fn two_servers_give_no_address_or_port_twice() {
    with_flags(2, &FLAGS, async |clients| {
        let services = |i: usize| -> Api<Service> { Api::default_namespaced(clients[i % 2].clone()) };
        let work = async |client: usize| {
            let mut kept = 0;
            for turn in 0..TURNS {
                let name = format!("s-{client}-{turn}");
                // Made at one server, and maybe deleted at the other one.
                services(client).create(&PostParams::default(), &service(&name)).await.expect("room is left");
                held(&clients[(client + turn) % 2]).await;
                if turn % 2 == 1 || rand::rng().random_bool(0.5) {
                    let other = services(client + turn);
                    other.delete(&name, &DeleteParams::default()).await.expect("it is there");
                } else {
                    kept += 1;
                }
            }
            kept
        };
        let kept: usize = join_all((0..CLIENTS).map(work)).await.into_iter().sum();
        let (addresses, ports) = held(&clients[0]).await;
        // The service kubernetes has an address, and no port.
        assert_eq!((addresses.len(), ports.len()), (kept + 1, kept));
        let noted =
            Api::<IPAddress>::all(clients[1].clone()).list(&ListParams::default()).await.expect("a list");
        let noted: BTreeSet<String> = noted.items.into_iter().filter_map(|ip| ip.metadata.name).collect();
        assert_eq!(noted, addresses, "what is noted is what is held");
        // What was given back can be had again, down to the last port.
        let fill = (kept..32).map(async |i| {
            services(i)
                .create(&PostParams::default(), &service(&format!("fill-{i}")))
                .await
                .expect("room is left");
        });
        join_all(fill).await;
        assert_eq!(held(&clients[1]).await.1.len(), 32);
        let refused = services(0).create(&PostParams::default(), &service("more")).await;
        let refused = refused.expect_err("all ports are taken").to_string();
        assert!(refused.contains("range is full"), "{refused}");
    });
}
