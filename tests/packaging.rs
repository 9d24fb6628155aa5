//! What is shipped beside the binary (manifests, the chart's golden files, kind's configuration, docs): the server
//! takes the flags that it gives, and what it names is there.
#![allow(missing_docs, reason = "tests")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use keelson::options::{self, Environment, Outcome};
use keelson_apimachinery::codec::{json, yaml};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The documents of a YAML file.
fn documents(path: &str) -> Vec<Value> {
    let text = read(path);
    let parse = |document: &str| {
        let decoded = yaml::decode_untyped(document.as_bytes()).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(decoded.strict.is_empty(), "{path}: {:?}", decoded.strict);
        let mut out = Vec::new();
        json::encode_untyped(&decoded.value, &mut out);
        serde_json::from_slice(&out).expect("what was encoded is JSON")
    };
    format!("\n{text}").split("\n---").map(parse).filter(|document: &Value| !document.is_null()).collect()
}

fn golden_files() -> Vec<String> {
    files("charts/keelson/golden", "yaml")
}

/// The files of this extension in a directory, relative to the root.
fn files(directory: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap_or_else(|e| panic!("{directory}: {e}"));
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("the directory is read").path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .map(|path| format!("{directory}/{}", path.file_name().expect("a file").to_string_lossy()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{directory} has no .{extension}");
    found
}

/// The strings of a list.
fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The containers of a pod, or of what makes pods.
fn containers(object: &Value) -> Vec<&Value> {
    let spec = if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
    spec["containers"].as_array().into_iter().flatten().collect()
}

/// The server takes these flags.
fn check_flags(path: &str, flags: &[&str]) {
    assert!(!flags.is_empty(), "{path} gives no flags");
    let ipv6 = flags.iter().any(|flag| flag.starts_with("--service-cluster-ip-range=fd"));
    let pod = if ipv6 { "2001:db8::9" } else { "192.0.2.9" };
    let arguments = flags.iter().map(|flag| OsString::from(flag.replace("$(POD_IP)", pod)));
    let environment = Environment { data_home: Some(PathBuf::from("/var/lib")), home: None };
    match options::parse(arguments, &environment) {
        Ok(Outcome::Run(_)) => {}
        Ok(Outcome::Print(text)) => panic!("{path}: prints {text}"),
        Err(errors) => panic!("{path}: {}", errors.iter().map(|e| format!("\n  {e}")).collect::<String>()),
    }
}

#[test]
fn the_static_pod_is_kubeadms() {
    let path = "manifests/kube-apiserver.yaml";
    let [pod] = &documents(path)[..] else { panic!("{path} holds one pod") };
    let [container] = containers(pod)[..] else { panic!("{path} has one container") };
    let command = strings(&container["command"]);
    assert_eq!(command[0], "kube-apiserver");
    check_flags(path, &command[1..]);
    let probe = |name: &str| {
        let probe = &container[name];
        assert_eq!(probe["httpGet"]["scheme"], "HTTPS", "{name}");
        assert_eq!(probe["timeoutSeconds"], 15, "{name}");
        let path = probe["httpGet"]["path"].as_str().expect("a path").to_owned();
        let number = |field: &str| probe[field].as_u64().unwrap_or(0);
        (path, number("initialDelaySeconds"), number("periodSeconds"), number("failureThreshold"))
    };
    assert_eq!(probe("livenessProbe"), ("/livez".to_owned(), 10, 10, 8));
    assert_eq!(probe("readinessProbe"), ("/readyz".to_owned(), 0, 1, 3));
    assert_eq!(probe("startupProbe"), ("/livez".to_owned(), 10, 10, 24));
}

#[test]
fn the_patch_says_of_the_image_what_the_static_pod_does() {
    let [patch] = &documents("manifests/patches/kube-apiserver0+strategic.yaml")[..] else {
        panic!("one patch")
    };
    let [pod] = &documents("manifests/kube-apiserver.yaml")[..] else { panic!("one pod") };
    let (patched, whole) = (containers_of_patch(patch), containers(pod)[0]);
    for field in ["name", "image", "securityContext"] {
        assert_eq!(patched[field], whole[field], "{field}");
    }
    assert_eq!(patched.as_object().map(serde_json::Map::len), Some(3), "the patch changes nothing else");
    assert_eq!(patch.as_object().map(serde_json::Map::len), Some(1), "the patch changes nothing else");
}

fn containers_of_patch(patch: &Value) -> &Value {
    &patch["spec"]["containers"][0]
}

#[test]
fn images_are_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let [pod] = &documents("manifests/kube-apiserver.yaml")[..] else { panic!("one pod") };
    assert_eq!(containers(pod)[0]["image"], format!("keelson/kube-apiserver:{version}"));
    let [chart] = &documents("charts/keelson/Chart.yaml")[..] else { panic!("one chart") };
    assert_eq!(chart["appVersion"], version);
}

#[test]
fn the_charts_servers_start_with_flags_that_they_take() {
    let mut servers = 0;
    for path in golden_files() {
        for object in documents(&path) {
            for container in containers(&object).into_iter().filter(|c| c["name"] == "kube-apiserver") {
                check_flags(&path, &strings(&container["args"]));
                servers += 1;
            }
        }
    }
    assert_eq!(servers, golden_files().len(), "each golden file has a server");
}

#[test]
fn the_chart_mounts_each_file_that_its_flags_name() {
    for path in golden_files() {
        for object in documents(&path) {
            let Some(container) = containers(&object).into_iter().find(|c| c["name"] == "kube-apiserver")
            else {
                continue;
            };
            let volumes = &object["spec"]["template"]["spec"]["volumes"];
            let sources = volumes[0]["projected"]["sources"].as_array().expect("the volume pki comes first");
            let mounted: BTreeSet<String> = sources
                .iter()
                .flat_map(|source| source["secret"]["items"].as_array().into_iter().flatten())
                .map(|item| format!("/etc/kubernetes/pki/{}", item["path"].as_str().expect("a path")))
                .collect();
            let named: BTreeSet<&str> = strings(&container["args"])
                .into_iter()
                .filter_map(|flag| flag.split_once('='))
                .map(|(_, value)| value)
                .filter(|value| value.starts_with("/etc/kubernetes/pki/"))
                .collect();
            for file in named {
                assert!(mounted.contains(file), "{path}: nothing mounts {file}");
            }
        }
    }
}

#[test]
fn the_charts_alerts_are_about_metrics_of_kube_apiserver() {
    let reference = root().join("../shared/reference/metrics.tsv");
    let Ok(table) = fs::read_to_string(&reference) else {
        println!("skipped: {} is not there", reference.display());
        return;
    };
    let known: BTreeSet<&str> = table.lines().filter_map(|line| line.split('\t').next()).collect();
    let mut alerts = 0;
    for object in golden_files().iter().flat_map(|path| documents(path)) {
        let groups = object["spec"]["groups"].as_array().filter(|_| object["kind"] == "PrometheusRule");
        for rule in groups.into_iter().flatten().flat_map(|g| g["rules"].as_array().into_iter().flatten()) {
            alerts += 1;
            let expression = rule["expr"].as_str().expect("an expression");
            // What stands before a selector is a metric.
            for (at, _) in expression.match_indices('{') {
                let before = &expression[..at];
                let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |i| i + 1);
                let name = &before[start..];
                let family = name.strip_suffix("_bucket").unwrap_or(name);
                assert!(name == "up" || known.contains(family), "{}: there is no {name}", rule["alert"]);
            }
        }
    }
    assert!(alerts > 0, "a golden file has alerts");
}

#[test]
fn kinds_cluster_has_several_servers() {
    let [cluster] = &documents("e2e/kind/cluster.yaml")[..] else { panic!("one cluster") };
    assert_eq!(
        (&cluster["kind"], &cluster["apiVersion"]),
        (&"Cluster".into(), &"kind.x-k8s.io/v1alpha4".into())
    );
    let roles: Vec<_> = cluster["nodes"].as_array().into_iter().flatten().map(|node| &node["role"]).collect();
    assert!(roles.iter().filter(|role| ***role == "control-plane").count() > 1, "{roles:?}");
}

#[test]
fn docs_link_to_what_is_there() {
    let mut pages = files("docs", "md");
    pages.extend(["README.md", "ARCHITECTURE.md", "charts/keelson/README.md"].map(str::to_owned));
    let mut linked = BTreeSet::new();
    for page in &pages {
        let folder = root().join(page).parent().expect("a page is in a folder").to_owned();
        let text = read(page);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = folder.join(target);
            assert!(path.exists(), "{page} links to {target}, which is not there");
            linked.insert(path.canonicalize().expect("it is there"));
        }
    }
    for page in pages.iter().filter(|page| page.starts_with("docs/") && !page.ends_with("/README.md")) {
        let path = root().join(page).canonicalize().expect("it is there");
        assert!(linked.contains(&path), "nothing links to {page}");
    }
}

#[test]
fn troubleshooting_quotes_what_the_server_says() {
    let mut sources = String::new();
    for room in ["src", "crates/storage/src", "crates/apimachinery/src"] {
        gather(&root().join(room), &mut sources);
    }
    let text = read("docs/troubleshooting.md");
    // A heading quotes a text, with … for what differs from case to case.
    let headings: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert!(headings.len() > 10, "{headings:?}");
    for heading in headings {
        for part in heading.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            assert!(sources.contains(part), "nothing says {part:?} (of {heading:?})");
        }
    }
}

/// Adds the sources below a directory, tests left out, with string literals that go over several lines in one.
fn gather(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).expect("sources are there") {
        let path = entry.expect("the directory is read").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                gather(&path, into);
            }
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            let mut lines = text.split("\\\n");
            into.push_str(lines.next().unwrap_or_default());
            for line in lines {
                into.push_str(line.trim_start());
            }
        }
    }
}
