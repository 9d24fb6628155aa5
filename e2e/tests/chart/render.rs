//! What the chart renders and refuses.

use std::fs;
use std::process::Command;

use crate::helm::{Helm, chart, documents, matrix, root};

#[test]
fn the_linter_finds_nothing() {
    let Some(helm) = Helm::new() else { return };
    for (_, values) in matrix() {
        helm.run(&["lint", "--strict", &chart(), "--values", &values]);
    }
}

/// `KEELSON_UPDATE_GOLDEN=1` writes the files anew.
#[test]
fn values_come_to_the_golden_files() {
    let Some(helm) = Helm::new() else { return };
    let mut differ = Vec::new();
    for (name, values) in matrix() {
        let rendered =
            helm.template(&["--values", &values]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let path = root().join(format!("charts/keelson/golden/{name}.yaml"));
        if std::env::var_os("KEELSON_UPDATE_GOLDEN").is_some() {
            fs::write(&path, &rendered).expect("the golden file is written");
        } else if fs::read_to_string(&path).unwrap_or_default() != rendered {
            let line = fs::read_to_string(&path)
                .unwrap_or_default()
                .lines()
                .zip(rendered.lines())
                .position(|(one, other)| one != other);
            differ.push(format!("{name} from line {line:?} (counted from 0)"));
        }
    }
    assert!(differ.is_empty(), "KEELSON_UPDATE_GOLDEN=1 would change {differ:?}");
    let files = fs::read_dir(root().join("charts/keelson/golden")).expect("golden files").count();
    assert_eq!(files, matrix().len(), "each golden file has values");
}

#[test]
fn values_without_sense_are_refused() {
    let Some(helm) = Helm::new() else { return };
    let endpoint = "etcd.endpoints={http://e:2379}";
    // What is set (JSON where it begins with a brace), and what is said of it.
    let cases: &[(&str, &str)] = &[
        ("replicas=3", "additional properties 'replicas' not allowed"),
        ("image.name=x", "additional properties 'name' not allowed"),
        ("replicaCount=0", "/replicaCount"),
        ("replicaCount=two", "/replicaCount"),
        ("store=memory", "/store"),
        ("etcd.endpoints={etcd:2379}", "/etcd/endpoints/0"),
        ("etcd.prefix=registry", "/etcd/prefix"),
        ("network.serviceClusterIPRange=10.96.0.0", "/network/serviceClusterIPRange"),
        ("network.serviceClusterIPRange=fd00::/112", "network.kubernetesServiceIP: must be given"),
        ("authorizationModes={RBAC,Nodes}", "/authorizationModes/1"),
        ("certificates.source=cert-manager", "/certificates/source"),
        ("certificates.source=existing", "certificates.secrets.ca: must name a Secret"),
        ("goawayChance=0.5", "/goawayChance"),
        ("logging.verbosity=eleven", "/logging/verbosity"),
        ("requestTimeoutSeconds=0", "/requestTimeoutSeconds"),
        ("service.type=ExternalName", "/service/type"),
        ("service.port=70000", "/service/port"),
        ("podAntiAffinity=always", "/podAntiAffinity"),
        ("extraArgs.--v=3", "invalid propertyName '--v'"),
        ("extraArgs.v.level=3", "/extraArgs/v"),
        ("image.digest=sha256:12", "/image/digest"),
        ("adminKubeconfig.server=http://api", "/adminKubeconfig/server"),
        ("persistence.size=big", "/persistence/size"),
        ("podDisruptionBudget.maxUnavailable=some", "/podDisruptionBudget/maxUnavailable"),
    ];
    for (set, wanted) in cases {
        // Helm names a place as a JSON pointer or with dots, by its version.
        let said = match helm.template(&["--set", endpoint, "--set", set]) {
            Ok(_) => panic!("{set} is taken"),
            Err(error) => error,
        };
        let dotted = wanted.trim_start_matches('/').replace('/', ".");
        assert!(said.contains(wanted) || said.contains(&dotted), "{set}: {said}");
    }
    let said = helm.template(&[]).expect_err("etcd has to be named");
    assert!(said.contains("etcd.endpoints: must name the servers of an etcd cluster"), "{said}");
}

#[test]
fn the_address_of_the_service_kubernetes_is_the_first_of_its_range() {
    let Some(helm) = Helm::new() else { return };
    for (range, wanted) in [
        ("10.96.0.0/12", "10.96.0.1"),
        ("10.111.3.9/12", "10.96.0.1"),
        ("192.168.7.200/29", "192.168.7.201"),
        ("172.31.255.255/16\\,fd00::/112", "172.31.0.1"),
        ("0.0.0.0/8", "0.0.0.1"),
        ("255.255.255.0/24", "255.255.255.1"),
    ] {
        let set = format!("network.serviceClusterIPRange={range},etcd.endpoints={{http://e:2379}}");
        let values = ["--set", &set, "--set", "certificates.source=certManager"];
        let rendered = helm.template(&values).unwrap_or_else(|error| panic!("{range}: {error}"));
        assert!(rendered.contains(&format!("\n    - {wanted}\n    - 127.0.0.1\n")), "{range}");
    }
}

#[test]
fn what_releases_say_of_themselves_leads_to_the_api() {
    let Some(helm) = Helm::new() else { return };
    let endpoint = "etcd.endpoints={http://e:2379}";
    let base = ["install", "demo", &chart(), "--namespace", "tenant-a", "--dry-run=client", "--hide-secret"];
    let notes = |more: &[&str]| helm.run(&[&base[..], &["--set", endpoint], more].concat());
    for (more, wanted) in [
        (&[][..], "https://demo-keelson.tenant-a.svc:6443"),
        (&[], "get secret demo-keelson-admin-kubeconfig"),
        (&["--set", "replicaCount=1"], "the API is away while it is replaced"),
        (&["--set", "adminKubeconfig.server=https://api.example"], "served at https://api.example"),
        (&["--set", "store=embedded"], "rollout status statefulset/demo-keelson"),
    ] {
        let said = notes(more);
        assert!(said.contains(wanted), "{more:?}: {said}");
    }
}

#[test]
fn alerts_are_rules_that_prometheus_takes() {
    let Some(promtool) = std::env::var_os("KEELSON_PROMTOOL") else {
        println!("skipped: KEELSON_PROMTOOL is not set (`make e2e` sets it)");
        return;
    };
    let golden = root().join("charts/keelson/golden/full.yaml");
    let objects = documents(&fs::read_to_string(golden).expect("the golden file is there"));
    let rule = objects.iter().find(|object| object["kind"] == "PrometheusRule").expect("it has alerts");
    let file = tempfile::NamedTempFile::with_suffix(".json").expect("a temporary file");
    // JSON is YAML.
    fs::write(file.path(), rule["spec"].to_string()).expect("the rules are written");
    let output = Command::new(promtool)
        .args(["check", "rules", "--lint=all", "--lint-fatal"])
        .arg(file.path())
        .output();
    let output = output.expect("promtool starts");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}
