//! What `/metrics` shows, held against what kube-apiserver shows.

use std::collections::{BTreeMap, BTreeSet};

use super::client::{Client, Protocol};
use super::ends::metrics;
use super::*;

const ADMIN: (&str, &str) = ("authorization", "Bearer admintoken");

/// The families of kube-apiserver v1.36 that are shown here: type, stability, labels, and since when they are
/// deprecated.
const FAMILIES: &str = include_str!("metrics.tsv");

/// Stable and beta families of kube-apiserver v1.36 that are not shown, and why.
const ABSENT: [(&str, &str); 23] = [
    ("apiserver_admission_webhook_admission_duration_seconds", NO_WEBHOOKS),
    ("apiserver_cel_compilation_duration_seconds", NO_CUSTOM_RESOURCES),
    ("apiserver_cel_evaluation_duration_seconds", NO_CUSTOM_RESOURCES),
    ("apiserver_flowcontrol_current_executing_requests", NO_FAIRNESS),
    ("apiserver_flowcontrol_current_executing_seats", NO_FAIRNESS),
    ("apiserver_flowcontrol_current_inqueue_requests", NO_FAIRNESS),
    ("apiserver_flowcontrol_dispatched_requests_total", NO_FAIRNESS),
    ("apiserver_flowcontrol_nominal_limit_seats", NO_FAIRNESS),
    ("apiserver_flowcontrol_rejected_requests_total", NO_FAIRNESS),
    ("apiserver_flowcontrol_request_wait_duration_seconds", NO_FAIRNESS),
    ("apiserver_validating_admission_policy_check_duration_seconds", NO_POLICIES),
    ("apiserver_validating_admission_policy_check_total", NO_POLICIES),
    ("apiserver_validation_declarative_validation_mismatch_total", ONE_VALIDATION),
    ("apiserver_validation_declarative_validation_panic_total", ONE_VALIDATION),
    ("prober_probe_total", "of kubelets"),
    ("running_managed_controllers", "of controller managers"),
    ("workqueue_adds_total", NO_QUEUES),
    ("workqueue_depth", NO_QUEUES),
    ("workqueue_longest_running_processor_seconds", NO_QUEUES),
    ("workqueue_queue_duration_seconds", NO_QUEUES),
    ("workqueue_retries_total", NO_QUEUES),
    ("workqueue_unfinished_work_seconds", NO_QUEUES),
    ("workqueue_work_duration_seconds", NO_QUEUES),
];

const NO_WEBHOOKS: &str = "there are no admission webhooks yet";
const NO_CUSTOM_RESOURCES: &str = "there are no custom resources yet, whose expressions it counts";
const NO_FAIRNESS: &str = "there is no priority and fairness yet";
const NO_POLICIES: &str = "there are no admission policies yet";
const ONE_VALIDATION: &str = "every rule of validation is there once, so that none can differ";
const NO_QUEUES: &str = "the server has no such queues";

/// Families that are not kube-apiserver's own.
const FOREIGN: [&str; 2] = ["go_", "grpc_"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    /// As in front of help texts; empty where it is not graded.
    stability: String,
    labels: BTreeSet<String>,
    deprecated: String,
}

/// The families of a table.
fn table(text: &str) -> BTreeMap<String, Family> {
    let rows = text.lines().skip(1).map(|line| {
        let mut columns = line.split('\t').map(str::to_owned);
        let mut next = || columns.next().unwrap_or_default();
        let (name, kind, stability, labels, deprecated) = (next(), next(), next(), next(), next());
        let labels = labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect();
        (name, Family { kind, stability, labels, deprecated })
    });
    rows.collect()
}

/// The families of an exposition.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::<String, Family>::new();
    let mut help = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
            assert!(help.len() > 3, "{line}");
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let graded = help.strip_prefix('[').and_then(|rest| rest.split_once("] "));
            let (stability, rest) = graded.unwrap_or(("", help));
            let deprecated = rest.strip_prefix("(Deprecated since ").and_then(|rest| rest.split_once(')'));
            let family = Family {
                kind: kind.to_owned(),
                stability: stability.to_owned(),
                deprecated: deprecated.map_or("", |(since, _)| since).to_owned(),
                ..Family::default()
            };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} is there twice");
        } else if let Some((name, rest)) = line.split_once('{') {
            let labels = rest.rsplit_once("} ").expect("a value").0;
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| name.strip_suffix(suffix))
                .find(|name| families.contains_key(*name))
                .unwrap_or(name);
            let family = families.get_mut(name).unwrap_or_else(|| panic!("{name} has no type"));
            for label in labels.split("\",") {
                let label = label.split_once('=').expect("a label").0;
                if !matches!((family.kind.as_str(), label), ("histogram", "le") | ("summary", "quantile")) {
                    family.labels.insert(label.to_owned());
                }
            }
        }
    }
    families
}

async fn started() -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(config(directory.path())).await.expect("a server");
    (directory, server)
}

/// Asks for much of what is counted.
async fn exercise(server: &Server, directory: &Path) {
    let mut client = Client::connect(server, directory, Protocol::Http2, None).await;
    let body = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}"#;
    let json = ("content-type", "application/json");
    for (line, body, code) in [
        ("GET /livez", "", 200),
        ("GET /apis", "", 200),
        ("GET /openapi/v3", "", 200),
        ("GET /api/v1/pods", "", 200),
        ("GET /api/v1/pods?resourceVersion=0", "", 200),
        ("GET /api/v1/pods?fieldSelector=spec.nodeName%3Dx", "", 200),
        ("GET /api/v1/events", "", 200),
        ("GET /api/v1/endpoints", "", 200),
        ("POST /api/v1/namespaces/default/configmaps?fieldValidation=Strict", body, 201),
        ("PUT /api/v1/namespaces/default/configmaps/a?dryRun=All", body, 200),
        ("DELETE /api/v1/namespaces/default/configmaps/a", "", 200),
        (
            "GET /api/v1/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true&\
          resourceVersionMatch=NotOlderThan",
            "",
            200,
        ),
    ] {
        let answer = client.send(line, &[ADMIN, json], body).await.expect("an answer");
        assert_eq!(answer.code, code, "{line}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn families_are_upstreams() {
    let (directory, server) = started().await;
    exercise(&server, directory.path()).await;
    let text = metrics(&server, directory.path()).await;
    let (shown, known) = (parse(&text), table(FAMILIES));
    let mut wrong = Vec::new();
    for (name, family) in &shown {
        let Some(expected) = known.get(name) else {
            wrong.push(format!("{name} is none of upstream's"));
            continue;
        };
        // Families without a series show no labels.
        let labels_differ = !family.labels.is_empty() && family.labels != expected.labels;
        let heads = |f: &Family| (f.kind.clone(), f.stability.clone(), f.deprecated.clone());
        if labels_differ || heads(family) != heads(expected) {
            wrong.push(format!("{name}: {family:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (name, family) in known.iter().filter(|(_, family)| matches!(&*family.stability, "STABLE" | "BETA")) {
        let slis = name.starts_with("kubernetes_healthcheck");
        // What is made of configuration files is there where there is one.
        let configured = name.contains("_config_controller_") || name == "kubernetes_feature_enabled";
        assert!(slis || configured || shown.contains_key(name), "{name} is not there: {family:?}");
    }
    for name in [
        "apiserver_cache_list_total{group=\"\",index=\"f:spec.nodeName\",resource=\"pods\"} 1",
        "apiserver_storage_list_total{group=\"\",resource=\"events\"} 1",
        "apiserver_requested_deprecated_apis{group=\"\",removed_release=\"\",resource=\"endpoints\"",
        "apiserver_watch_list_duration_seconds_count{group=\"\",resource=\"configmaps\",scope=\"cluster\"",
        "apiserver_request_body_size_bytes_count{group=\"\",resource=\"configmaps\",verb=\"create\"} 1",
        "etcd_requests_total{group=\"\",operation=\"create\",resource=\"configmaps\"} ",
        "apiserver_storage_size_bytes{storage_cluster_id=\"etcd-0\"} ",
        "kubernetes_build_info{build_date=",
        "version_info{binary=\"1.36\",component=\"kube\",emulation=\"1.36\",min_compat=\"1.35\"} 1",
    ] {
        assert!(text.contains(name), "no {name} in\n{text}");
    }
    server.stop().await;
}

/// The reference lists what a kube-apiserver showed; it is not part of this repository.
#[test]
fn the_table_of_families_is_upstreams() {
    let known = table(FAMILIES);
    let absent: BTreeMap<&str, &str> = ABSENT.into();
    assert!(absent.keys().all(|name| !known.contains_key(*name)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/metrics.tsv");
    let Ok(reference) = std::fs::read_to_string(&path) else {
        println!("skipped: no list of metrics at {}", path.display());
        return;
    };
    let reference = table(&reference);
    assert!(reference.len() > 100, "the list is not empty");
    for (name, family) in reference.iter().filter(|(name, _)| !FOREIGN.iter().any(|f| name.starts_with(f))) {
        let Some(ours) = known.get(name) else {
            let promised = matches!(&*family.stability, "STABLE" | "BETA");
            assert!(
                !promised || absent.contains_key(name.as_str()),
                "{name} is neither shown nor known to be absent"
            );
            continue;
        };
        assert_eq!((&ours.kind, &ours.stability), (&family.kind, &family.stability), "{name}");
        assert!(family.labels.is_empty() || family.labels == ours.labels, "{name}: {:?}", family.labels);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_are_spoken() {
    let (directory, server) = started().await;
    exercise(&server, directory.path()).await;
    let mut client = Client::connect(&server, directory.path(), Protocol::Http2, None).await;
    let open = [ADMIN, ("accept", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2")];
    let answer = client.send("GET /metrics", &open, "").await.expect("an answer");
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0;"));
    assert!(
        answer.text.contains("# TYPE apiserver_request counter\napiserver_request_total{"),
        "{}",
        answer.text
    );
    assert!(answer.text.ends_with("# EOF\n"));
    let plain = client.send("GET /metrics", &[ADMIN], "").await.expect("an answer");
    assert!(plain.header("content-type").starts_with("text/plain; version=0.0.4;"));
    assert!(plain.text.contains("# TYPE apiserver_request_total counter\n"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_decide_what_is_shown() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut config = config(directory.path());
    let manifest = directory.path().join("labels.yaml");
    std::fs::write(&manifest, "\"apiserver_request_total,verb\": \"LIST\"\n").expect("written");
    config.metrics.allowed_labels_file = Some(manifest.clone());
    config.metrics.exposure.disabled.insert("etcd_requests_total".to_owned());
    config.metrics.exposure.show_hidden = true;
    let server = Server::start(config.clone()).await.expect("it starts");
    exercise(&server, directory.path()).await;
    let text = metrics(&server, directory.path()).await;
    for line in [
        "scope=\"cluster\",subresource=\"\",system_client=\"\",verb=\"LIST\",version=\"v1\"}",
        "system_client=\"\",verb=\"unexpected\",version=\"v1\"}",
        "# HELP etcd_bookmark_counts [ALPHA] (Deprecated since 1.36.0) ",
        "# HELP apiserver_request_slo_duration_seconds [ALPHA] (Deprecated since 1.27.0) ",
        "disabled_metrics_total 1\n",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    assert!(!text.contains("etcd_requests_total"), "{text}");
    server.stop().await;
    std::fs::write(&manifest, "nonsense: x\n").expect("written");
    let why = Server::start(config).await.err().expect("it does not start").to_string();
    assert!(why.starts_with("--allow-metric-labels-manifest: ") && why.contains("\"nonsense\""), "{why}");
}

/// The words in a text that look like metrics, without what histograms put behind their names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let prefixes = ["apiserver_", "etcd_", "rest_client_", "process_", "authentication_", "authorization_"];
    let metrics = words.filter(|word| prefixes.iter().any(|p| word.starts_with(p) && word.len() > p.len()));
    let name = |word: &str| {
        let suffix = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
        suffix.unwrap_or(word).to_owned()
    };
    metrics.map(name).collect()
}

#[test]
fn what_alerts_and_the_documentation_name_is_there() {
    let known = table(FAMILIES);
    for (file, least) in [("docs/metrics.md", 20), ("charts/keelson/templates/monitoring.yaml", 4)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path).expect("the file");
        let named = named(&text);
        assert!(named.len() >= least, "{file}: {named:?}");
        for name in named {
            assert!(known.contains_key(&name), "{file}: {name}");
        }
    }
}
