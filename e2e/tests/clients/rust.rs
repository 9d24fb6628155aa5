//! What the kube-rs tests share.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use keelson_e2e::{Etcd, Server, Store};
use kube::api::{Api, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long something may take to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test against a server on each store.
pub(crate) fn on_each_store<F: Future<Output = ()>>(test: impl Fn(Client) -> F) {
    on(Store::Embedded, &test);
    if let Some(etcd) = Etcd::start() {
        on(Store::Etcd(etcd), &test);
    }
}

fn on<F: Future<Output = ()>>(store: Store, test: &impl Fn(Client) -> F) {
    let server = Server::start(store);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads start");
    runtime.block_on(async {
        let whole = async { test(client(&server).await).await };
        tokio::time::timeout(PATIENCE * 2, whole).await.expect("the test ends in time");
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
}

async fn client(server: &Server) -> Client {
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig()).expect("the server wrote it");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("it is complete")).expect("its certificates are whole")
}

/// Config maps of a new namespace.
pub(crate) async fn config_maps(client: &Client, namespace: &str) -> Api<ConfigMap> {
    let object = Namespace {
        metadata: ObjectMeta { name: Some(namespace.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.create(&PostParams::default(), &object).await.expect("the namespace is new");
    Api::namespaced(client.clone(), namespace)
}

/// A config map with the label `odd` and a colour.
pub(crate) fn config_map(name: &str, odd: bool, colour: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some([("odd".to_owned(), odd.to_string())].into()),
            ..ObjectMeta::default()
        },
        data: Some([("colour".to_owned(), colour.to_owned())].into()),
        ..ConfigMap::default()
    }
}

/// Makes `m-00` and on.
pub(crate) async fn fill(maps: &Api<ConfigMap>, count: usize) {
    for number in 0..count {
        let object = config_map(&format!("m-{number:02}"), number % 2 == 1, "blue");
        maps.create(&PostParams::default(), &object).await.expect("the name is free");
    }
}

/// The colour of a config map.
pub(crate) fn colour(object: &ConfigMap) -> &str {
    object.data.as_ref().and_then(|data| data.get("colour")).map_or("", String::as_str)
}
