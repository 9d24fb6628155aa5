//! What Prometheus' own tools say of the server's metrics, and of the alerts that the documentation shows.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of processes run by the real clock")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use keelson_e2e::{Etcd, Server, Store};
use kube::api::{ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

/// Names of kube-apiserver's that promtool finds fault with, and its words.
const KNOWN: [(&str, &str); 3] = [
    ("authenticated_user_requests", "counter metrics should have \"_total\" suffix"),
    ("authentication_attempts", "counter metrics should have \"_total\" suffix"),
    (
        "authentication_token_cache_active_fetch_count",
        "non-histogram and non-summary metrics should not have \"_count\" suffix",
    ),
];

fn promtool() -> Option<PathBuf> {
    let found = std::env::var_os("KEELSON_PROMTOOL").map(PathBuf::from);
    if found.is_none() {
        println!("skipped: KEELSON_PROMTOOL names no promtool");
    }
    found
}

/// What a program says to this input, and its exit code.
fn run(program: &Path, arguments: &[&str], input: &str) -> (String, Option<i32>) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    // It may end before it has read everything.
    let _ = writing.join().expect("no panic");
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), output.status.code())
}

async fn metrics(client: &Client) -> String {
    let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
    client.request_text(request).await.expect("metrics")
}

/// Does a bit of everything, and looks at the metrics of it.
fn metrics_after_some_work(server: &Server) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(server.kubeconfig()).expect("the server wrote it");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let client = Client::try_from(config.expect("it is complete")).expect("its certificates are whole");
        let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
        let mut map = ConfigMap::default();
        map.metadata.name = Some("a".to_owned());
        maps.create(&PostParams::default(), &map).await.expect("new");
        maps.delete("a", &Default::default()).await.expect("gone");
        Api::<Pod>::all(client.clone()).list(&ListParams::default()).await.expect("a list");
        maps.get("missing").await.expect_err("there is none");
        metrics(&client).await
    })
}

/// What a series stands at; nothing is less than all.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(f64::NEG_INFINITY, |value| value.trim().parse().expect("a number"))
}

fn check(promtool: &Path, server: Server) {
    let text = metrics_after_some_work(&server);
    assert!(text.contains("apiserver_request_total{"), "{text}");
    let (said, code) = run(promtool, &["check", "metrics"], &text);
    let found: BTreeSet<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let known: Vec<String> = KNOWN.iter().map(|(name, fault)| format!("{name} {fault}")).collect();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    assert_eq!(found, known, "exit code {code:?}");
    // 3 is for faults of style; 1 would be for what can't be read.
    assert_eq!(code, Some(3), "{said}");
    let of_map = r#"{group="",operation="create",resource="configmaps"}"#;
    assert!(value(&text, &format!("etcd_request_duration_seconds_count{of_map}")) >= 1.0, "{text}");
    assert!(value(&text, r#"apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}"#) > 0.0, "{text}");
    assert_eq!(server.stop(), 0, "the server ends cleanly");
}

#[test]
fn promtool_finds_no_fault_but_upstreams_own() {
    let Some(promtool) = promtool() else { return };
    check(&promtool, Server::start(Store::Embedded));
    if let Some(etcd) = Etcd::start() {
        check(
            &promtool,
            Server::start_with(Store::Embedded, &[&format!("--etcd-servers={}", etcd.endpoint)]),
        );
    }
}

#[test]
fn the_alerts_of_the_documentation_are_rules() {
    let Some(promtool) = promtool() else { return };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let rules = page.split("```yaml\n").filter_map(|block| block.split_once("```")).map(|(block, _)| block);
    let rules: Vec<&str> = rules.filter(|block| block.starts_with("groups:")).collect();
    assert_eq!(rules.len(), 1);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("rules.yaml");
    std::fs::write(&file, rules[0]).expect("written");
    let file = file.to_str().expect("a path of ASCII");
    let (said, code) = run(&promtool, &["check", "rules", "--lint=all", file], "");
    assert_eq!(code, Some(0), "{said}");
}
