use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;
use keelson_storage::embedded::{Embedded, Options};
use keelson_storage::{Error, KeyValue, ListRange, Page, Storage, Watch};

use super::*;
use crate::registry::{DeleteOptions, ListOptions, RegistryConfig, ServiceNetwork};

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
    registry_over(embedded.clone(), cidrs)
}

fn registry_over(storage: Arc<dyn Storage>, cidrs: &str) -> Arc<Registry> {
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
    create_missing(&fresh.registry, &endpoint("192.0.2.1"), &Milestones::default()).await.unwrap();
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
    let milestones = Milestones::default();
    let all = others.iter().map(|registry| create_missing(registry, &here, &milestones));
    futures::future::try_join_all(all).await.unwrap();
    let addresses = fresh.registry.store("networking.k8s.io", "ipaddresses").unwrap();
    assert_eq!(addresses.list(None, &ListOptions::default()).await.unwrap().items.len(), 1);
    let before = fresh.embedded.current_revision().await.unwrap();
    create_missing(&fresh.registry, &here, &Milestones::default()).await.unwrap();
    assert_eq!(fresh.embedded.current_revision().await.unwrap(), before);
    fresh.embedded.close().await.unwrap();
}

#[tokio::test]
async fn the_service_leads_to_the_servers_that_are_there() {
    let fresh = Fresh::new("10.0.0.0/24").await;
    create_missing(&fresh.registry, &endpoint("192.0.2.2"), &Milestones::default()).await.unwrap();
    let server_of = |address, reconciler| {
        KubernetesService::new(Arc::clone(&fresh.registry), endpoint(address), reconciler).unwrap()
    };
    let server = |address| server_of(address, Reconciler::Lease);
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
    let stranger = server_of("192.0.2.3", Reconciler::None);
    stranger.announce().await.unwrap();
    check(&["192.0.2.1", "192.0.2.2"]).await;
    stranger.withdraw().await.unwrap();
    check(&["192.0.2.1", "192.0.2.2"]).await;
    one.withdraw().await.unwrap();
    check(&["192.0.2.1"]).await;
    one.announce().await.unwrap();
    check(&["192.0.2.1"]).await;
    two.withdraw().await.unwrap();
    check(&[]).await;
    fresh.embedded.close().await.unwrap();
}

#[tokio::test]
async fn what_somebody_deletes_comes_back_and_ports_are_left_alone_between() {
    let fresh = Fresh::new("10.0.0.0/24").await;
    let here = Endpoint { node_port: Some(30443), ..endpoint("192.0.2.1") };
    create_missing(&fresh.registry, &here, &Milestones::default()).await.unwrap();
    let server = KubernetesService::new(Arc::clone(&fresh.registry), here, Reconciler::Lease).unwrap();
    let port = async || {
        let endpoints = fresh.get("", "endpoints", "default", "kubernetes").await;
        let subset = &endpoints.get("subsets").and_then(Value::as_array).unwrap()[0];
        let ports = subset.get("ports").and_then(Value::as_array).unwrap().to_vec();
        (ports.len(), ports[0].get("port").and_then(Value::as_i64).unwrap())
    };
    server.announce().await.unwrap();
    assert_eq!(port().await, (1, 6443));
    let other = Endpoint { port: 8443, ..here };
    let other = KubernetesService::new(Arc::clone(&fresh.registry), other, Reconciler::Lease).unwrap();
    other.announce().await.unwrap();
    assert_eq!(port().await, (1, 8443), "a server that starts sets its port");
    server.announce().await.unwrap();
    assert_eq!(port().await, (1, 8443), "one that runs leaves it alone");

    for (group, plural) in [("discovery.k8s.io", "endpointslices"), ("", "endpoints"), ("", "services")] {
        let store = fresh.registry.store(group, plural).unwrap();
        let server = ServerWriter::new();
        let context = server.context(Some("default"));
        store.delete(&context, "kubernetes", &DeleteOptions::default(), &NoAdmission).await.unwrap();
    }
    let back = async {
        loop {
            let slices = fresh.registry.store("discovery.k8s.io", "endpointslices").unwrap();
            if slices.get(Some("default"), "kubernetes").await.is_ok() {
                return;
            }
            clock::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = server.run() => panic!("it runs until it is withdrawn"),
        () = back => {}
    }
    assert_eq!(port().await, (1, 6443));
    let service = fresh.get("", "services", "default", "kubernetes").await;
    assert_eq!(service.str_at(&["spec", "type"]), "NodePort");
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array).unwrap();
    assert_eq!(ports[0].get("nodePort"), Some(&Value::Int(30443)));
    fresh.embedded.close().await.unwrap();
}

/// A store that takes its time, and fails now and then.
struct Slow {
    inner: Arc<Embedded>,
    calls: AtomicU64,
}

impl Slow {
    /// Every hundredth call fails, as if nobody had answered.
    async fn call(&self) -> Result<(), Error> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        clock::sleep(Duration::from_millis(1 + call % 7)).await;
        if call % 100 == 99 { Err(Error::Unavailable("it is slow".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Storage for Slow {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>, Error> {
        self.call().await?;
        self.inner.get(key).await
    }

    async fn list(&self, range: &ListRange) -> Result<Page, Error> {
        self.call().await?;
        self.inner.list(range).await
    }

    async fn create(&self, key: &str, value: bytes::Bytes, ttl: Option<Duration>) -> Result<u64, Error> {
        self.call().await?;
        self.inner.create(key, value, ttl).await
    }

    async fn update(
        &self,
        key: &str,
        expected: u64,
        value: bytes::Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, Error> {
        self.call().await?;
        self.inner.update(key, expected, value, ttl).await
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, Error> {
        self.call().await?;
        self.inner.delete(key, expected).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, Error> {
        self.inner.count(prefix).await
    }

    async fn current_revision(&self) -> Result<u64, Error> {
        self.call().await?;
        self.inner.current_revision().await
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Error> {
        self.inner.watch(prefix, after).await
    }

    async fn request_progress(&self, prefix: &str, revision: u64) -> Result<(), Error> {
        self.inner.request_progress(prefix, revision).await
    }

    fn supports_progress(&self) -> bool {
        self.inner.supports_progress()
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn compact(&self, revision: u64) -> Result<(), Error> {
        self.inner.compact(revision).await
    }

    async fn run_compactor(&self, interval: Duration) {
        self.inner.run_compactor(interval).await;
    }

    async fn probe(&self) -> Result<(), Error> {
        self.inner.probe().await
    }

    async fn size_bytes(&self) -> Result<u64, Error> {
        self.inner.size_bytes().await
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const FLOW_CONTROL: &str = "flowcontrol.apiserver.k8s.io";
const POLICY: [(&str, &str); 6] = [
    (RBAC, "clusterroles"),
    (RBAC, "clusterrolebindings"),
    (RBAC, "roles"),
    (RBAC, "rolebindings"),
    (FLOW_CONTROL, "flowschemas"),
    (FLOW_CONTROL, "prioritylevelconfigurations"),
];

impl Fresh {
    /// What the policy's objects say, by resource, namespace and name.
    async fn policy(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (group, plural) in POLICY {
            let store = self.registry.store(group, plural).expect("a resource");
            for item in store.list(None, &ListOptions::default()).await.expect("a list").items {
                let object = item.decode(store.resource().type_id).expect("an object");
                let mut members = object.members().clone();
                members.remove("metadata");
                let said = format!("{members:?} {:?} {:?}", object.labels(), object.annotations());
                all.insert(format!("{plural}/{}/{}", object.namespace(), object.name()), said);
            }
        }
        all
    }
}

#[tokio::test]
async fn servers_that_start_at_once_over_a_slow_store_agree() {
    let calm = Fresh::new("10.0.0.0/24").await;
    let here = endpoint("192.0.2.1");
    create_missing(&calm.registry, &here, &Milestones::default()).await.unwrap();
    let wanted = calm.policy().await;
    assert!(wanted.len() > 100, "{}", wanted.len());
    let fresh = Fresh::new("10.0.0.0/24").await;
    let slow = Arc::new(Slow { inner: fresh.embedded.clone(), calls: AtomicU64::new(0) });
    let servers: Vec<_> = (0..3).map(|_| registry_over(slow.clone(), "10.0.0.0/24")).collect();
    let milestones = Milestones::default();
    let begin = || {
        let all = servers.iter().map(|server| create_missing(server, &here, &milestones));
        futures::future::try_join_all(all)
    };
    begin().await.unwrap();
    assert_eq!(fresh.policy().await, wanted);
    // Some of it is deleted, and some is changed; the servers come again.
    for (i, (group, plural)) in POLICY.iter().enumerate() {
        let store = fresh.registry.store(group, plural).expect("a resource");
        let names = wanted.keys().filter_map(|key| key.strip_prefix(&format!("{plural}/")));
        for name in names.skip(i % 2).step_by(3) {
            let (namespace, name) = name.split_once('/').expect("a namespace and a name");
            let server = ServerWriter::new();
            let context = server.context(Some(namespace).filter(|namespace| !namespace.is_empty()));
            let deleted = store.delete(&context, name, &DeleteOptions::default(), &NoAdmission).await;
            deleted.unwrap_or_else(|status| panic!("{plural}/{name}: {status}"));
        }
    }
    assert!(fresh.policy().await.len() < wanted.len() * 3 / 4);
    begin().await.unwrap();
    assert_eq!(fresh.policy().await, wanted);
    calm.embedded.close().await.unwrap();
    fresh.embedded.close().await.unwrap();
}
