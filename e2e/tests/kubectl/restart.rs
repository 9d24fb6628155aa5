//! What was written is there after a restart.

use keelson_e2e::{Kubectl, Server, Store};

#[test]
fn objects_survive_a_restart_of_the_server() {
    let server = Server::start(Store::Embedded);
    let Some(kubectl) = Kubectl::new(&server.kubeconfig()) else { return };
    kubectl.run(&["create", "configmap", "kept", "--from-literal=a=b"]);
    let before = kubectl.json(&["get", "configmap", "kept", "-o", "json"]);
    let server = server.restart();
    let after = kubectl.json(&["get", "configmap", "kept", "-o", "json"]);
    assert_eq!(before, after, "the same object with the same resource version");
    kubectl.run(&["create", "configmap", "later"]);
    let version = |name: &str| -> u64 {
        let object = kubectl.json(&["get", "configmap", name, "-o", "json"]);
        object["metadata"]["resourceVersion"]
            .as_str()
            .and_then(|v| v.parse().ok())
            .expect("a resource version")
    };
    assert!(version("later") > version("kept"), "resource versions only rise");
    drop(server);
}
