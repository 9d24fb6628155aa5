//! Releases in a cluster: a server takes all that the chart and the manifests make, and what the chart generated once
//! outlives upgrades.

use keelson_e2e::{Kubectl, Server, Store};
use tempfile::NamedTempFile;

use crate::helm::{Helm, chart, matrix, root};

#[test]
fn releases_are_installed_upgraded_and_removed() {
    let Some(helm) = Helm::new() else { return };
    let server = Server::start(Store::Embedded);
    let Some(kubectl) = Kubectl::new(&server.kubeconfig()) else { return };
    let helm = helm.with_kubeconfig(server.kubeconfig());
    let chart = chart();

    // Each set of values that needs no kinds of others.
    for (name, values) in matrix().iter().filter(|(name, _)| ["etcd", "full"].contains(&name.as_str())) {
        let off = "monitoring.serviceMonitor.enabled=false,monitoring.prometheusRule.enabled=false";
        let place = ["--namespace", name, "--create-namespace", "--values", values, "--set", off];
        helm.run(&[&["install", "demo", &chart][..], &place].concat());
        helm.run(&["uninstall", "demo", "--namespace", name]);
    }

    let place = ["--namespace", "made", "--create-namespace", "--set", "etcd.endpoints={http://e:2379}"];
    helm.run(&[&["install", "demo", &chart][..], &place].concat());
    let secrets = ["get", "secrets", "--namespace=made", "--selector=app.kubernetes.io/name=keelson"];
    let shown = ["--output=jsonpath={range .items[*]}{.metadata.name} {.data}{\"\\n\"}{end}"];
    let content = || kubectl.run(&[&secrets[..], &shown].concat());
    let first = content();
    assert_eq!(first.lines().count(), 7, "authorities, certificates, keys and tokens: {first}");
    helm.run(&[&["upgrade", "demo", &chart, "--set", "replicaCount=3"][..], &place].concat());
    assert_eq!(content(), first, "an upgrade keeps them");
    let replicas =
        ["get", "deployment/demo-keelson", "--namespace=made", "--output=jsonpath={.spec.replicas}"];
    assert_eq!(kubectl.run(&replicas), "3");
    helm.run(&["rollback", "demo", "1", "--namespace", "made"]);
    assert_eq!((kubectl.run(&replicas).as_str(), content()), ("2", first.clone()));

    // Who takes the serving certificate away, or wants it for more names, gets another by the same authority.
    let names =
        |text: &str| text.lines().map(|l| l.split_once(' ').expect("two").0.to_owned()).collect::<Vec<_>>();
    let mut before = first.clone();
    kubectl.run(&["delete", "secret/demo-keelson-serving", "--namespace=made"]);
    for more in [&[][..], &["--set", "network.hosts={api.example}"]] {
        helm.run(&[&["upgrade", "demo", &chart][..], &place, more].concat());
        let renewed = content();
        assert_eq!(names(&renewed), names(&first));
        let pairs = renewed.lines().zip(before.lines());
        let differ: Vec<_> = pairs.filter(|(now, then)| now != then).map(|(now, _)| now).collect();
        assert!(matches!(differ[..], [one] if one.starts_with("demo-keelson-serving ")), "{differ:?}");
        before = renewed;
    }

    // What others were signed with outlives the release, and is its own again when it comes back.
    helm.run(&["uninstall", "demo", "--namespace", "made"]);
    let kept = content();
    let authorities = ["demo-keelson-ca", "demo-keelson-front-proxy-ca", "demo-keelson-service-account"];
    assert_eq!(names(&kept), authorities);
    helm.run(&[&["install", "demo", &chart][..], &place].concat());
    let again = content();
    assert!(kept.lines().all(|line| again.contains(line)), "{again}");
    assert_eq!(names(&again), names(&first));
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

#[test]
fn the_static_pod_is_a_pod_and_takes_kubeadms_patch() {
    let flags = ["--disable-admission-plugins=ServiceAccount", "--allow-privileged=true"];
    let server = Server::start_with(Store::Embedded, &flags);
    let Some(kubectl) = Kubectl::new(&server.kubeconfig()) else { return };
    let file = |path: &str| root().join(path).display().to_string();
    let manifest = file("manifests/kube-apiserver.yaml");
    kubectl.run(&["create", "--dry-run=server", "--validate=strict", "--filename", &manifest]);

    // Upstream's pod, as the patch finds it.
    let text = std::fs::read_to_string(&manifest).expect("the manifest is there");
    let own =
        text.lines().find(|line| line.starts_with("    image: ")).expect("the manifest names the image");
    let upstream = text
        .replace(own, "    image: upstream/kube-apiserver:v1.36.0")
        .replace("    securityContext:\n      runAsGroup: 0\n      runAsUser: 0\n", "");
    let before = NamedTempFile::with_suffix(".yaml").expect("a temporary file");
    std::fs::write(before.path(), upstream).expect("the file is written");
    let patch = file("manifests/patches/kube-apiserver0+strategic.yaml");
    let before = before.path().display().to_string();
    let patched =
        kubectl.run(&["patch", "--local", "--filename", &before, "--patch-file", &patch, "--output=json"]);
    let whole = kubectl.run(&["patch", "--local", "--filename", &manifest, "--patch={}", "--output=json"]);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("kubectl prints JSON");
    assert_eq!(json(&patched), json(&whole), "the patch makes the pod that the manifest has");
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}
