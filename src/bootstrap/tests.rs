use std::sync::Arc;

use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;
use keelson_storage::Storage;
use keelson_storage::embedded::{Embedded, Options};

use super::*;
use crate::registry::{ListOptions, RegistryConfig, ServiceNetwork};

pub(super) struct Fresh {
    pub(super) registry: Arc<Registry>,
    embedded: Arc<Embedded>,
    _directory: tempfile::TempDir,
}

impl Fresh {
    pub(super) async fn new(cidrs: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let embedded =
            Embedded::open(Options::new(directory.path().join("data"))).await.expect("a new store");
        Fresh { registry: registry(&embedded, cidrs), embedded, _directory: directory }
    }

    async fn get(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Object {
        let store = self.registry.store(group, plural).expect("a resource");
        let namespace = Some(namespace).filter(|n| !n.is_empty());
        let stored =
            store.get(namespace, name).await.unwrap_or_else(|status| panic!("{plural}/{name}: {status}"));
        stored.decode(store.resource().type_id).expect("an object")
    }
}

fn registry(embedded: &Arc<Embedded>, cidrs: &str) -> Arc<Registry> {
    let storage: Arc<dyn Storage> = embedded.clone();
    let mut config = RegistryConfig::default();
    config.services.cidrs = ServiceNetwork::parse_cidrs(cidrs).expect("a service range");
    Arc::new(Registry::new(storage, config))
}

pub(super) fn endpoint(address: &str) -> Endpoint {
    Endpoint { address: address.parse().expect("an address"), port: 6443, node_port: None }
}

#[tokio::test]
async fn a_fresh_cluster_holds_what_kube_apiserver_creates() {
    let fresh = Fresh::new("10.0.0.0/24").await;
    create_missing(&fresh.registry, &endpoint("192.0.2.1")).await.unwrap();
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let namespace = fresh.get("", "namespaces", "", name).await;
        assert_eq!(namespace.str_at(&["status", "phase"]), "Active");
    }
    for (name, value) in [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)]
    {
        let class = fresh.get("scheduling.k8s.io", "priorityclasses", "", name).await;
        assert_eq!(class.get("value").and_then(Value::as_i64), Some(value));
        assert_eq!((class.generation(), class.str_at(&["preemptionPolicy"])), (1, "PreemptLowerPriority"));
        assert_eq!(class.get("globalDefault"), None);
    }
    let service = fresh.get("", "services", "default", "kubernetes").await;
    assert_eq!(service.str_at(&["spec", "clusterIP"]), "10.0.0.1");
    assert_eq!(
        (service.label("component"), service.label("provider")),
        (Some("apiserver"), Some("kubernetes"))
    );
    let port = &service.at(&["spec", "ports"]).unwrap().as_array().unwrap()[0];
    assert_eq!((port.str_at(&["name"]), port.str_at(&["protocol"])), ("https", "TCP"));
    assert_eq!(port.get("targetPort"), Some(&Value::Int(6443)));
    let range = fresh.get("networking.k8s.io", "servicecidrs", "", "kubernetes").await;
    assert_eq!(range.at(&["spec", "cidrs"]), Some(&Value::Array(vec!["10.0.0.0/24".into()])));
    let condition = &range.at(&["status", "conditions"]).unwrap().as_array().unwrap()[0];
    assert_eq!((condition.str_at(&["type"]), condition.str_at(&["status"])), ("Ready", "True"));
    let address = fresh.get("networking.k8s.io", "ipaddresses", "", "10.0.0.1").await;
    assert_eq!(address.str_at(&["spec", "parentRef", "name"]), "kubernetes");
    fresh.embedded.close().await.unwrap();
}

#[tokio::test]
async fn several_servers_create_everything_once_and_change_nothing_later() {
    let fresh = Fresh::new("10.0.0.0/24,fd00::/112").await;
    let others: Vec<_> = (0..4).map(|_| registry(&fresh.embedded, "10.0.0.0/24,fd00::/112")).collect();
    let here = endpoint("192.0.2.1");
    let all = others.iter().map(|registry| create_missing(registry, &here));
    futures::future::try_join_all(all).await.unwrap();
    let addresses = fresh.registry.store("networking.k8s.io", "ipaddresses").unwrap();
    assert_eq!(addresses.list(None, &ListOptions::default()).await.unwrap().items.len(), 1);
    let before = fresh.embedded.current_revision().await.unwrap();
    create_missing(&fresh.registry, &here).await.unwrap();
    assert_eq!(fresh.embedded.current_revision().await.unwrap(), before);
    fresh.embedded.close().await.unwrap();
}

#[tokio::test]
async fn the_service_leads_to_the_servers_that_are_there() {
    let fresh = Fresh::new("10.0.0.0/24").await;
    create_missing(&fresh.registry, &endpoint("192.0.2.2")).await.unwrap();
    let server = |address| KubernetesService::new(Arc::clone(&fresh.registry), endpoint(address)).unwrap();
    let (one, two) = (server("192.0.2.2"), server("192.0.2.1"));
    let check = async |expected: &[&str]| {
        let endpoints = fresh.get("", "endpoints", "default", "kubernetes").await;
        let texts = |list: Option<&Value>, path: &[&str]| -> Vec<String> {
            let list = list.and_then(Value::as_array).unwrap_or_default();
            list.iter().map(|value| value.str_at(path).to_owned()).collect()
        };
        let subset = endpoints.get("subsets").and_then(Value::as_array).and_then(<[Value]>::first);
        assert_eq!(texts(subset.and_then(|s| s.get("addresses")), &["ip"]), expected);
        assert_eq!(endpoints.label("endpointslice.kubernetes.io/skip-mirror"), Some("true"));
        let slice = fresh.get("discovery.k8s.io", "endpointslices", "default", "kubernetes").await;
        let shown = slice.get("endpoints").and_then(Value::as_array).unwrap_or_default();
        let shown: Vec<_> = shown
            .iter()
            .flat_map(|e| e.get("addresses").and_then(Value::as_array).unwrap_or_default())
            .collect();
        assert_eq!(
            shown,
            expected.iter().map(|e| Value::from(*e)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
        assert_eq!(slice.label("kubernetes.io/service-name"), Some("kubernetes"));
        assert_eq!(slice.str_at(&["addressType"]), "IPv4");
        if !expected.is_empty() {
            let port = &slice.get("ports").and_then(Value::as_array).unwrap()[0];
            assert_eq!((port.str_at(&["name"]), port.get("port")), ("https", Some(&Value::Int(6443))));
        }
    };
    one.announce().await.unwrap();
    check(&["192.0.2.2"]).await;
    two.announce().await.unwrap();
    check(&["192.0.2.1", "192.0.2.2"]).await;
    let before = fresh.get("", "endpoints", "default", "kubernetes").await;
    one.announce().await.unwrap();
    assert_eq!(fresh.get("", "endpoints", "default", "kubernetes").await, before, "nothing to write");
    one.withdraw().await.unwrap();
    check(&["192.0.2.1"]).await;
    one.announce().await.unwrap();
    check(&["192.0.2.1"]).await;
    two.withdraw().await.unwrap();
    check(&[]).await;
    fresh.embedded.close().await.unwrap();
}
