//! Who is behind the service `kubernetes`: the servers that are there.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use keelson_e2e::{Etcd, Server, Store};
use kube::Api;
use kube::api::{DeleteParams, ListParams};

use crate::{client, run, until};

fn server(etcd: &Etcd, flags: &[&str]) -> Server {
    let storage = format!("--etcd-servers={}", etcd.endpoint);
    let flags: Vec<&str> =
        flags.iter().copied().chain([storage.as_str(), "--authorization-mode=RBAC"]).collect();
    Server::start_with(Store::Embedded, &flags)
}

/// The addresses in the Endpoints and in the EndpointSlice.
async fn behind(client: &kube::Client) -> (Vec<String>, Vec<String>) {
    let endpoints =
        Api::<Endpoints>::default_namespaced(client.clone()).get_opt("kubernetes").await.expect("an answer");
    let subsets = endpoints.and_then(|endpoints| endpoints.subsets).unwrap_or_default();
    let addresses = subsets.into_iter().flat_map(|subset| subset.addresses.unwrap_or_default());
    let slice = Api::<EndpointSlice>::default_namespaced(client.clone())
        .get_opt("kubernetes")
        .await
        .expect("an answer");
    let shown = slice.and_then(|slice| slice.endpoints).unwrap_or_default();
    (addresses.map(|address| address.ip).collect(), shown.into_iter().flat_map(|one| one.addresses).collect())
}

async fn until_behind(client: &kube::Client, wanted: &[&str], within: Duration) {
    until(within, async || {
        let (endpoints, slice) = behind(client).await;
        endpoints == wanted && slice == wanted
    })
    .await;
}

#[test]
fn servers_come_and_go_from_behind_the_service() {
    let Some(etcd) = Etcd::start() else { return };
    let stays = server(&etcd, &["--advertise-address=192.0.2.1"]);
    let stopped = server(&etcd, &["--advertise-address=192.0.2.2"]);
    let killed = server(&etcd, &["--advertise-address=192.0.2.3"]);
    let silent = server(&etcd, &["--advertise-address=192.0.2.4", "--endpoint-reconciler-type=none"]);
    run(async {
        let client = client(&stays).await;
        let soon = Duration::from_secs(30);
        until_behind(&client, &["192.0.2.1", "192.0.2.2", "192.0.2.3"], soon).await;
        drop(killed);
        let begun = std::time::Instant::now();
        assert_eq!(stopped.stop(), 0);
        let (endpoints, slice) = behind(&client).await;
        assert_eq!(endpoints, slice);
        assert!(!endpoints.contains(&"192.0.2.2".to_owned()), "it takes itself away before it ends");
        // Its lease has 15 seconds at most, and somebody looks every 10.
        until_behind(&client, &["192.0.2.1"], Duration::from_secs(45)).await;
        assert!(begun.elapsed() > Duration::from_secs(4), "a lease does not end before its time");
        assert_eq!(silent.stop(), 0);
        assert_eq!(behind(&client).await.0, ["192.0.2.1"]);

        // All servers of a host share a lease, as kube-apiserver's do.
        let leases = Api::<Lease>::namespaced(client.clone(), "kube-system");
        let own = ListParams::default().labels("apiserver.kubernetes.io/identity=kube-apiserver");
        let leases = leases.list(&own).await.expect("leases").items;
        assert_eq!(leases.len(), 1);
        let spec = leases[0].spec.clone().expect("a spec");
        assert_eq!(spec.lease_duration_seconds, Some(3600));
        let name = leases[0].metadata.name.clone().expect("a name");
        assert!(spec.holder_identity.is_some_and(|holder| holder.starts_with(&format!("{name}_"))));

        let services = Api::<Service>::default_namespaced(client.clone());
        services.delete("kubernetes", &DeleteParams::default()).await.expect("it is there");
        until(soon, async || services.get_opt("kubernetes").await.expect("an answer").is_some()).await;
        until_behind(&client, &["192.0.2.1"], soon).await;
    });
    assert_eq!(stays.stop(), 0);
}
