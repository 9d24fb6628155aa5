//! How long a decision takes in a large cluster, and how much memory its graph. `cargo test --release -p keelson --lib
//! authz::node -- --ignored --nocapture` prints it.

use std::fmt::Write;

use super::*;
use keelson_base::clock;

const NODES: usize = 5_000;
const PODS: usize = 150_000;
const ASKED: usize = 200_000;

/// A pod as deployments make them: an account, the authority's config map, a config map and a secret of its own
/// application, a claim for every tenth.
fn pod(at: usize) -> Object {
    let (namespace, application) = (at / 300, at / 10);
    let claim = match at % 10 {
        0 => format!(
            r#",{{"name":"data","persistentVolumeClaim":{{"claimName":"data-application-{application}"}}}}"#
        ),
        _ => String::new(),
    };
    object(&format!(
        r#"{{"metadata":{{"name":"application-{application}-6d4cf56db6-x{at:06}","namespace":"team-{namespace}"}},
             "spec":{{"nodeName":"node-{node:04}.cluster.example","serviceAccountName":"application-{application}",
             "imagePullSecrets":[{{"name":"registry"}}],
             "volumes":[{{"name":"t","projected":{{"sources":[{{"configMap":{{"name":"kube-root-ca.crt"}}}}]}}}},
                        {{"name":"c","configMap":{{"name":"application-{application}-config"}}}},
                        {{"name":"s","secret":{{"secretName":"application-{application}-credentials"}}}}{claim}]}}}}"#,
        node = (at * 7919) % NODES,
    ))
}

fn volume(at: usize) -> Object {
    object(&format!(
        r#"{{"metadata":{{"name":"pvc-{at:08}-4a5b-4c6d-9e8f-0123456789ab"}},"spec":{{
             "claimRef":{{"namespace":"team-{}","name":"data-application-{at}"}},
             "csi":{{"nodeStageSecretRef":{{"namespace":"storage","name":"stage"}}}}}}}}"#,
        at * 10 / 300,
    ))
}

/// What the process has in memory, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "a measurement: run it in release, and look"]
fn decisions_in_a_large_cluster() {
    let mut report = String::new();
    let edges: Vec<Edges> = (0..PODS).map(|at| Feeder::Pods.edges(&pod(at))).collect();
    let volumes: Vec<Edges> = (0..PODS / 10).map(|at| Feeder::PersistentVolumes.edges(&volume(at))).collect();
    let graph = Arc::new(Graph::default());
    let (before, begun) = (resident(), clock::monotonic());
    graph.replace(Feeder::Pods, edges.clone());
    graph.replace(Feeder::PersistentVolumes, volumes.clone());
    let filled = clock::monotonic().duration_since(begun);
    let memory = resident().saturating_sub(before);
    writeln!(report, "{PODS} pods, {NODES} nodes: filled in {filled:?}, {} MiB", memory / 1024)
        .expect("text");

    let begun = clock::monotonic();
    for at in 0..10_000 {
        graph.remove(Feeder::Pods, &pod(at * 15));
        graph.set(Feeder::Pods, &edges[at * 15]);
    }
    let made = clock::monotonic().duration_since(begun) / 10_000;
    writeln!(report, "a pod is gone and made again (its JSON is read, too): {made:?}").expect("text");

    let node = Node::new(graph, Arc::<Late>::default(), role());
    let user = kubelet("node-0000.cluster.example");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for (what, request, allowed) in [
        ("a secret of its pod", "GET /api/v1/namespaces/team-0/secrets/application-0-credentials", true),
        ("a secret behind a volume", "GET /api/v1/namespaces/storage/secrets/stage", true),
        ("a config map of many nodes", "GET /api/v1/namespaces/team-0/configmaps/kube-root-ca.crt", true),
        (
            "a secret of another's pod",
            "GET /api/v1/namespaces/team-1/secrets/application-31-credentials",
            false,
        ),
        ("its own pods", "GET /api/v1/pods?fieldSelector=spec.nodeName=node-0000.cluster.example", true),
    ] {
        let info = info(request);
        let took = runtime.block_on(async {
            let begun = clock::monotonic();
            for _ in 0..ASKED {
                let verdict = node.authorize(&Attributes::of(&user, &info)).await;
                assert_eq!(verdict.decision == Decision::Allow, allowed, "{what}");
            }
            clock::monotonic().duration_since(begun) / u32::try_from(ASKED).expect("not many")
        });
        assert!(took < std::time::Duration::from_micros(10), "{what}: {took:?}");
        writeln!(report, "{what}: {took:?}").expect("text");
    }
    println!("{report}");
}
