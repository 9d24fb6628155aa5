//! What it costs to say whether a kubelet may, in a large cluster, and what the graph for it takes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use keelson::authz::node::{Edges, Feeder, GROUP, Graph, Node, USER_PREFIX};
use keelson::authz::{Attributes, Authorizer};
use keelson::request::{Selectors, UserInfo};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;

use super::{AUTHORIZATION_TARGET_US, Fresh, row};

const NODES: usize = 5_000;
const PODS: usize = 150_000;
/// Pods change nodes less often than nodes ask.
const CHANGE_TARGET_US: f64 = 50.0;
/// Pods of an application, and of a namespace.
const OF_APPLICATION: usize = 10;
const OF_NAMESPACE: usize = 300;

fn object(text: &str) -> Object {
    Object::try_from(json::decode_untyped(text.as_bytes()).expect("JSON").value).expect("an object")
}

/// A pod as deployments make them: with an account, the authority's config map, and a config map and a secret of its
/// own application. One in ten has a claim.
fn pod(at: usize) -> Object {
    let (namespace, application) = (at / OF_NAMESPACE, at / OF_APPLICATION);
    let claim = match at % OF_APPLICATION {
        0 => format!(r#",{{"name":"d","persistentVolumeClaim":{{"claimName":"data-{application}"}}}}"#),
        _ => String::new(),
    };
    object(&format!(
        r#"{{"metadata":{{"name":"application-{application}-6d4cf56db6-x{at:06}","namespace":"team-{namespace}"}},
             "spec":{{"nodeName":"{node}","serviceAccountName":"application-{application}",
             "imagePullSecrets":[{{"name":"registry"}}],
             "volumes":[{{"name":"t","projected":{{"sources":[{{"configMap":{{"name":"kube-root-ca.crt"}}}}]}}}},
                        {{"name":"c","configMap":{{"name":"application-{application}-config"}}}},
                        {{"name":"s","secret":{{"secretName":"application-{application}-credentials"}}}}{claim}]}}}}"#,
        node = node((at * 7919) % NODES),
    ))
}

fn volume(at: usize) -> Object {
    let namespace = at * OF_APPLICATION / OF_NAMESPACE;
    object(&format!(
        r#"{{"metadata":{{"name":"pvc-{at:08}-4a5b-4c6d-9e8f-0123456789ab"}},"spec":{{
             "claimRef":{{"namespace":"team-{namespace}","name":"data-{at}"}},
             "csi":{{"nodeStageSecretRef":{{"namespace":"storage","name":"stage"}}}}}}}}"#,
    ))
}

fn node(number: usize) -> String {
    format!("node-{number:04}.cluster.example")
}

/// What the process has in memory, in MiB; 0 where nobody tells.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

pub(super) async fn authorization() {
    let graph = Arc::new(Graph::default());
    let edges: Vec<Edges> = (0..PODS).map(|at| Feeder::Pods.edges(&pod(at))).collect();
    let applications = 0..PODS / OF_APPLICATION;
    let volumes = applications.map(|at| Feeder::PersistentVolumes.edges(&volume(at))).collect();
    // What fills the graph is freed when it is full: a copy that lives longer leaves it room of its own.
    let filling = edges.clone();
    let (before, begun) = (resident(), Instant::now());
    graph.replace(Feeder::Pods, filling);
    graph.replace(Feeder::PersistentVolumes, volumes);
    let seconds = begun.elapsed().as_secs_f64();
    let memory = resident().saturating_sub(before);
    println!("the graph of {PODS} pods on {NODES} nodes: {memory} MiB more, filled in {seconds:.2} s");

    let (changed, begun) = (20_000, Instant::now());
    for edges in edges.iter().step_by(7).take(changed) {
        graph.set(Feeder::Pods, &edges.elsewhere(&node(1)));
        graph.set(Feeder::Pods, edges);
    }
    row("a pod is bound to another node", CHANGE_TARGET_US, 2 * changed as u32, begun);

    let authorizer = Node::new(graph, Arc::new(Fresh), Vec::new());
    let user = UserInfo {
        name: format!("{USER_PREFIX}{}", node(0)),
        groups: vec![GROUP.to_owned(), "system:authenticated".to_owned()],
        ..UserInfo::default()
    };
    let selectors = Selectors::parse(&format!("spec.nodeName={}", node(0)), "");
    let on = |verb| Attributes { version: "v1", ..Attributes::on_resources(&user, verb) };
    let named = |resource, namespace, name| Attributes { resource, namespace, name, ..on("get") };
    let own = Attributes { resource: "pods", selectors: &selectors, ..on("list") };
    for (what, attributes, allowed) in [
        ("a secret of its pod", named("secrets", "team-0", "application-0-credentials"), true),
        ("a secret behind a volume", named("secrets", "storage", "stage"), true),
        ("a config map of many nodes", named("configmaps", "team-0", "kube-root-ca.crt"), true),
        ("a secret of another's pod", named("secrets", "team-1", "application-31-credentials"), false),
        ("its own pods", own, true),
    ] {
        assert_eq!(authorizer.authorize(&attributes).await.is_allowed(), allowed, "{what}");
        let (begun, count) = (Instant::now(), 200_000);
        for _ in 0..count {
            black_box(authorizer.authorize(black_box(&attributes)).await.is_allowed());
        }
        row(&format!("authorize, {NODES} nodes, {what}"), AUTHORIZATION_TARGET_US, count, begun);
    }
}
