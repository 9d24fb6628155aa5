//! What people do with kubectl, end to end.

use keelson_e2e::{Etcd, Kubectl, Server, Store};

const WORKLOAD: &str = include_str!("../../testdata/workload.yaml");
const API_RESOURCES: &str = include_str!("../../testdata/api-resources.txt");

#[test]
fn kubectl_works_on_the_embedded_store() {
    flows(Store::Embedded);
}

#[test]
fn kubectl_works_on_etcd() {
    if let Some(etcd) = Etcd::start() {
        flows(Store::Etcd(etcd));
    }
}

fn flows(store: Store) {
    let server = Server::start(store);
    let Some(kubectl) = Kubectl::new(&server.kubeconfig()) else { return };
    version_and_resources(&kubectl);
    apply_and_get(&kubectl);
    watch_while_patching(&kubectl);
    explain(&kubectl);
    scale_label_and_delete(&kubectl);
    assert_eq!(server.stop(), 0, "the server ends cleanly when it is asked to");
}

fn version_and_resources(kubectl: &Kubectl) {
    let version = kubectl.json(&["version", "-o", "json"]);
    assert_eq!(version["serverVersion"]["minor"], "36");
    let listed = kubectl.run(&["api-resources", "--no-headers", "--sort-by=name"]);
    let mut listed: Vec<String> = listed.lines().map(squeezed).collect();
    let mut expected: Vec<String> = API_RESOURCES.lines().map(squeezed).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

fn apply_and_get(kubectl: &Kubectl) {
    kubectl.run(&["create", "namespace", "shop"]);
    let made = kubectl.run_with_input(&["-n", "shop", "apply", "-f", "-"], WORKLOAD);
    assert_eq!(made.lines().count(), 6, "{made}");
    assert!(made.lines().all(|line| line.ends_with(" created")), "{made}");
    let again = kubectl.run_with_input(&["-n", "shop", "apply", "-f", "-"], WORKLOAD);
    assert!(again.contains("configmap/settings unchanged"), "{again}");

    let wide = kubectl.run(&["-n", "shop", "get", "deployment,service,ingress,cronjob", "-o", "wide"]);
    for row in [
        "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR",
        "deployment.apps/web 0/2 0 0 AGE server registry.example/web:1.2 app=web",
        "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR",
        "NAME CLASS HOSTS ADDRESS PORTS AGE",
        "ingress.networking.k8s.io/web <none> web.example 80 AGE",
        "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE CONTAINERS IMAGES SELECTOR",
    ] {
        let rows: Vec<String> = wide.lines().map(squeezed).collect();
        assert!(rows.iter().any(|have| same_row(have, row)), "no row {row:?} in\n{wide}");
    }

    let yaml = kubectl.run(&["-n", "shop", "get", "configmap", "settings", "-o", "yaml"]);
    assert!(yaml.contains("colour: blue") && yaml.contains("motd: |\n    hello"), "{yaml}");
    let secret = kubectl.json(&["-n", "shop", "get", "secret", "credentials", "-o", "json"]);
    assert_eq!(secret["data"]["password"], "Y29ycmVjdCBob3JzZQ==");
    let service = kubectl.json(&["-n", "shop", "get", "service", "web", "-o", "json"]);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], 8080);
    let cronjob = kubectl.json(&["-n", "shop", "get", "cronjob", "nightly", "-o", "json"]);
    assert_eq!(cronjob["spec"]["schedule"], "0 3 * * *");
}

fn watch_while_patching(kubectl: &Kubectl) {
    let watch = kubectl.background(&[
        "-n",
        "shop",
        "get",
        "configmap",
        "settings",
        "--watch",
        "--output-watch-events",
        "-o",
        "jsonpath={.type}{\" \"}{.object.data.colour}{\"\\n\"}",
    ]);
    watch.line(|line| line == "ADDED blue");
    for colour in ["red", "green"] {
        let patch = format!(r#"{{"data":{{"colour":"{colour}"}}}}"#);
        kubectl.run(&["-n", "shop", "patch", "configmap", "settings", "--type=merge", "-p", &patch]);
        watch.line(|line| line == format!("MODIFIED {colour}"));
    }
    let patch = r#"[{"op":"replace","path":"/data/colour","value":"black"}]"#;
    kubectl.run(&["-n", "shop", "patch", "configmap", "settings", "--type=json", "-p", patch]);
    watch.line(|line| line == "MODIFIED black");
}

fn explain(kubectl: &Kubectl) {
    let text = kubectl.run(&["explain", "pod.spec.containers"]);
    assert!(text.contains("KIND:       Pod") && text.contains("FIELD: containers <[]Container>"), "{text}");
    assert!(
        text.contains("imagePullPolicy") && text.contains("List of containers belonging to the pod"),
        "{text}"
    );
}

fn scale_label_and_delete(kubectl: &Kubectl) {
    kubectl.run(&["-n", "shop", "scale", "deployment/web", "--replicas=5"]);
    let replicas = ["-n", "shop", "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"];
    assert_eq!(kubectl.run(&replicas), "5");

    kubectl.run(&["-n", "shop", "label", "deployment/web", "tier=front"]);
    let names = kubectl.run(&["-n", "shop", "get", "deployments", "-l", "tier=front", "-o", "name"]);
    assert_eq!(names.trim(), "deployment.apps/web");
    let none = kubectl.run(&["-n", "shop", "get", "deployments", "-l", "tier=back", "-o", "name"]);
    assert_eq!(none.trim(), "");

    kubectl.run_with_input(&["-n", "shop", "delete", "--wait=true", "-f", "-"], WORKLOAD);
    let left = kubectl.run(&[
        "-n",
        "shop",
        "get",
        "deployment,service,configmap,secret,ingress,cronjob",
        "-o",
        "name",
    ]);
    assert_eq!(left.trim(), "");
    let gone = kubectl.attempt(&["-n", "shop", "get", "deployment", "web"], "").expect_err("it was deleted");
    assert_eq!(gone.trim(), r#"Error from server (NotFound): deployments.apps "web" not found"#);
}

/// A row of a table with its columns one space apart.
fn squeezed(line: impl AsRef<str>) -> String {
    line.as_ref().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the rows are equal where `want` does not say AGE.
fn same_row(have: &str, want: &str) -> bool {
    let (have, want): (Vec<_>, Vec<_>) = (have.split(' ').collect(), want.split(' ').collect());
    have.len() == want.len() && have.iter().zip(&want).all(|(h, w)| h == w || *w == "AGE")
}
