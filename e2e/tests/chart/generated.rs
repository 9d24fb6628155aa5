//! Certificates and tokens that the chart makes: a server starts with them, and clients believe it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use keelson_e2e::{Kubectl, Server, Store};
use serde_json::Value;

use crate::helm::{Helm, documents};

#[test]
fn a_server_starts_with_what_the_chart_makes() {
    let Some(helm) = Helm::new() else { return };
    let rendered = helm.template(&["--set", "store=embedded"]).expect("the chart renders");
    let objects = documents(&rendered);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pki = directory.path().join("pki");
    fs::create_dir(&pki).expect("a directory");

    let [set] = objects.iter().filter(|o| o["kind"] == "StatefulSet").collect::<Vec<_>>()[..] else {
        panic!("the embedded store has one StatefulSet")
    };
    let pod = &set["spec"]["template"]["spec"];
    project(&objects, &pod["volumes"][0], &pki);
    let flags: Vec<String> = pod["containers"][0]["args"]
        .as_array()
        .expect("the server has flags")
        .iter()
        .map(|flag| flag.as_str().expect("a flag is text"))
        .map(|flag| flag.replace("/etc/kubernetes/pki", &pki.display().to_string()))
        .map(|flag| flag.replace("$(POD_IP)", "192.0.2.9"))
        .collect();
    let server = Server::start_with(Store::Embedded, &flags.iter().map(String::as_str).collect::<Vec<_>>());

    // The administrator's kubeconfig names the Service; the certificate is for loopback, too.
    let kubeconfig = directory.path().join("admin.kubeconfig");
    let secret = secret(&objects, "demo-keelson-admin-kubeconfig");
    let service = "https://demo-keelson.tenant-a.svc:6443";
    assert!(secret["kubeconfig"].contains(service), "{}", secret["kubeconfig"]);
    fs::write(&kubeconfig, secret["kubeconfig"].replace(service, &server.url))
        .expect("the kubeconfig is written");
    let Some(kubectl) = Kubectl::new(&kubeconfig) else { return };
    kubectl.run(&["create", "namespace", "shop"]);
    assert_eq!(
        kubectl.run(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]),
        "kubernetes-admin"
    );

    // Prometheus reads metrics and nothing else.
    let token = format!("--token={}", self::secret(&objects, "demo-keelson-tokens")["monitoring"]);
    let nobody = directory.path().join("nobody.kubeconfig");
    let text = fs::read_to_string(&kubeconfig).expect("it was written");
    let users = text.find("users:").expect("a kubeconfig has users");
    fs::write(&nobody, &text[..users]).expect("the kubeconfig is written");
    let prometheus = Kubectl::new(&nobody).expect("there was a kubectl before");
    let cluster = "--cluster=demo";
    assert!(prometheus.run(&[&token, cluster, "get", "--raw=/metrics"]).contains("apiserver_request_total"));
    let refused = prometheus.attempt(&[&token, cluster, "get", "namespaces"], "").expect_err("it may not");
    assert!(refused.contains("\"system:monitoring\" cannot list resource"), "{refused}");
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

/// Writes what a projected volume of Secrets shows to a directory.
fn project(objects: &[Value], volume: &Value, directory: &Path) {
    for source in volume["projected"]["sources"].as_array().expect("the volume has sources") {
        let secret = secret(objects, source["secret"]["name"].as_str().expect("a Secret has a name"));
        for item in source["secret"]["items"].as_array().expect("a Secret has items") {
            let text = |field: &str| item[field].as_str().expect("an item has a key and a path");
            fs::write(directory.join(text("path")), &secret[text("key")]).expect("the file is written");
        }
    }
}

/// The content of a Secret that was rendered.
fn secret(objects: &[Value], name: &str) -> BTreeMap<String, String> {
    use base64::Engine;
    let found = objects.iter().find(|o| o["kind"] == "Secret" && o["metadata"]["name"] == name);
    let found = found.unwrap_or_else(|| panic!("there is no Secret {name}"));
    let entries = |field: &str| found[field].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().expect("a Secret holds text").to_owned();
    let decoded = entries("data").map(|(key, value)| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text(value)).expect("data is base64");
        (key.clone(), String::from_utf8(bytes).expect("it is PEM"))
    });
    decoded.chain(entries("stringData").map(|(key, value)| (key.clone(), text(value)))).collect()
}
