//! The chart of this product, installed by Helm into a cluster that this product serves.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{World, same};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/keelson");
const SPACE: &str = "tenant";
/// Of any etcd: KWOK's pods don't reach it.
const ETCD: &str = "--set=etcd.endpoints={http://etcd-0.etcd:2379}";

fn helm(world: &World, args: &[&str]) -> String {
    let program = std::env::var_os("KEELSON_HELM").expect("KEELSON_HELM is set (`make e2e` sets it)");
    let output = Command::new(program)
        .args(args)
        .args(["--namespace", SPACE])
        .env("KUBECONFIG", world.cluster.kubeconfig())
        .env("HOME", world.cluster.directory())
        .output()
        .expect("Helm starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "helm {}: {}", args.join(" "), text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn the_chart_is_installed_upgraded_and_removed(world: &World) {
    assert!(Path::new(CHART).exists(), "{CHART} is missing");
    let wait = ["--wait", "--timeout=150s"];
    let deployment = format!("/apis/apps/v1/namespaces/{SPACE}/deployments/keelson");
    let replicas = |count: i64| {
        let status = &world.get(&deployment).expect("the servers' Deployment")["status"];
        assert_eq!(
            (status["replicas"].as_i64(), status["readyReplicas"].as_i64()),
            (Some(count), Some(count))
        );
    };
    let authority = || -> Vec<Value> {
        let secrets = world.list(&format!("/api/v1/namespaces/{SPACE}/secrets")).expect("secrets");
        let own = |secret: &&Value| secret["type"] != "helm.sh/release.v1";
        secrets.iter().filter(own).map(|secret| secret["data"]["tls.crt"].clone()).collect()
    };

    helm(world, &[&["install", "keelson", CHART, "--create-namespace", ETCD], &wait[..]].concat());
    replicas(2);
    let made = authority();
    assert!(made.iter().any(Value::is_string), "{made:?}");
    world.until("the budget counts the servers", || {
        let budgets = world.list(&format!("/apis/policy/v1/namespaces/{SPACE}/poddisruptionbudgets"))?;
        let healthy = budgets.first().map(|budget| &budget["status"]["currentHealthy"]);
        same("healthy", healthy.and_then(Value::as_i64), Some(2))
    });

    let more = ["upgrade", "keelson", CHART, ETCD, "--set=replicaCount=3", "--set=logging.verbosity=4"];
    helm(world, &[&more[..], &wait[..]].concat());
    replicas(3);
    assert_eq!(authority(), made, "an upgrade keeps certificates");
    helm(world, &[&["rollback", "keelson", "1"], &wait[..]].concat());
    replicas(2);
    assert_eq!(authority(), made, "a rollback, too");
    let history: Value =
        serde_json::from_str(&helm(world, &["history", "keelson", "--output=json"])).expect("JSON");
    assert_eq!(history.as_array().map(Vec::len), Some(3), "{history}");
    helm(world, &[&["uninstall", "keelson"], &wait[..]].concat());
    world.is_gone(&deployment).expect("an uninstalled chart has no servers");
    let pods = || Ok::<_, String>(world.list(&format!("/api/v1/namespaces/{SPACE}/pods"))?.len());
    world.until("their pods go along", || same("pods", pods()?, 0));
    world.kubectl.run(&["delete", "namespace", SPACE, "--timeout=100s"]);
}
