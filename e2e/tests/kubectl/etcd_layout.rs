//! The keys and bytes in etcd are those of kube-apiserver, in both directions.

use std::process::Command;

use keelson_apimachinery::codec::envelope;
use keelson_e2e::{Etcd, Kubectl, Server, Store};

/// A config map as kube-apiserver 1.36 stores it, field by field (metadata = 1, data = 2).
fn stored_config_map(name: &str, uid: &str) -> Vec<u8> {
    let mut metadata = Vec::new();
    for (number, text) in [(1u8, name), (2, ""), (3, "default"), (4, ""), (5, uid), (6, "")] {
        metadata.extend([number << 3 | 2, text.len() as u8]);
        metadata.extend(text.as_bytes());
    }
    metadata.extend([7 << 3, 0]); // generation
    metadata.extend([8 << 3 | 2, 8, 8, 0x80, 0xf0, 0x9f, 0xd1, 6, 16, 0]); // creationTimestamp
    let entry = [0x0a, 1, b'k', 0x12, 1, b'v'];
    let mut message = vec![0x0a, metadata.len() as u8];
    message.extend(metadata);
    message.extend([0x12, entry.len() as u8]);
    message.extend(entry);
    envelope::seal("v1", "ConfigMap", &message)
}

#[test]
fn objects_that_kube_apiserver_wrote_are_read_and_ours_have_its_layout() {
    let Some(etcd) = Etcd::start() else { return };
    let endpoint = etcd.endpoint.clone();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut client =
        runtime.block_on(etcd_client::Client::connect([&endpoint], None)).expect("etcd was started above");
    let theirs = stored_config_map("theirs", "a0000000-0000-4000-8000-000000000001");
    runtime.block_on(client.put("/registry/configmaps/default/theirs", theirs, None)).expect("etcd takes it");

    let server = Server::start(Store::Etcd(etcd));
    let Some(kubectl) = Kubectl::new(&server.kubeconfig()) else { return };
    let read = kubectl.json(&["get", "configmap", "theirs", "-o", "json"]);
    assert_eq!(read["data"]["k"], "v");
    assert_eq!(read["metadata"]["uid"], "a0000000-0000-4000-8000-000000000001");

    kubectl.run(&["create", "configmap", "ours", "--from-literal=k=v"]);
    let key = "/registry/configmaps/default/ours";
    let answer = runtime.block_on(client.get(key, None)).expect("etcd answers");
    let bytes = answer.kvs().first().expect("the key is kube-apiserver's").value();
    let opened = envelope::open(bytes).expect("an envelope");
    assert_eq!((opened.api_version, opened.kind), ("v1", "ConfigMap"));
    let ours = kubectl.json(&["get", "configmap", "ours", "-o", "json"]);
    assert_eq!(ours["metadata"]["resourceVersion"], answer.kvs()[0].mod_revision().to_string());

    check_keys(&kubectl, &runtime, &mut client);
    drop(server);
}

/// Where kube-apiserver keeps the kinds whose directories are not their plural names.
fn check_keys(kubectl: &Kubectl, runtime: &tokio::runtime::Runtime, client: &mut etcd_client::Client) {
    kubectl.run(&["create", "service", "clusterip", "web", "--tcp=80:80"]);
    kubectl.run(&["create", "ingress", "web", "--rule=web.example/=web:80"]);
    kubectl.run(&["create", "deployment", "web", "--image=registry.example/web"]);
    kubectl.run(&["create", "priorityclass", "high", "--value=1000"]);
    let node = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}}"#;
    kubectl.run_with_input(&["create", "-f", "-"], node);
    for key in [
        "/registry/services/specs/default/web",
        "/registry/services/specs/default/kubernetes",
        "/registry/ingress/default/web",
        "/registry/deployments/default/web",
        "/registry/priorityclasses/high",
        "/registry/minions/n1",
        "/registry/namespaces/kube-system",
    ] {
        let answer = runtime.block_on(client.get(key, None)).expect("etcd answers");
        assert_eq!(answer.count(), 1, "nothing at {key}");
    }
}

#[test]
fn a_start_that_cannot_work_says_why_in_one_line_and_exits_with_1() {
    let check = |flags: &[&str], names: &[&str]| {
        let data = tempfile::tempdir().expect("a temporary directory");
        // One that starts after all is ended.
        let output = Command::new("timeout")
            .arg("120")
            .arg(keelson_e2e::binary())
            .arg(format!("--data-dir={}", data.path().display()))
            .args(flags)
            .output()
            .expect("the server starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {said}");
        for name in names {
            assert!(said.contains(name), "{flags:?} does not name {name:?}: {said}");
        }
    };
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    check(&["--bind-address=127.0.0.1", &format!("--secure-port={port}")], &[&port, "in use"]);
    check(&["--etcd-servers=http://127.0.0.1:1"], &["127.0.0.1:1"]);
    check(&["--secure-port=99999"], &["--secure-port"]);
    check(&["--client-ca-file=/does/not/exist"], &["--client-ca-file", "/does/not/exist"]);
    check(&["--audit-log-path=/dev/null"], &["--audit-log-path", "not supported yet"]);
    check(&["--no-such-flag"], &["--no-such-flag"]);
}
