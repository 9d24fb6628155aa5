//! How long the codecs take for a pod as it runs in a cluster. Not run by default: it asserts nothing.
//!
//! `cargo test --release -p keelson-api --test fixtures_protobuf speed -- --ignored --nocapture`

use std::hint::black_box;

use keelson_api::{defaults, facts, schema};
use keelson_apimachinery::codec::transcode::{self, Overlay};
use keelson_apimachinery::codec::{json, protobuf, scan};
use keelson_apimachinery::meta::Object;

const POD: &[u8] = include_bytes!("pod.json");
const BARE_POD: &[u8] = br#"{"metadata":{"name":"p","labels":{"app":"a"}},"spec":{"containers":[
    {"name":"a","image":"registry.example.com/team/app:v1.2.3","ports":[{"containerPort":80}],
     "env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"A","value":"b"}],
     "resources":{"limits":{"cpu":"500m","memory":"128Mi"}},
     "livenessProbe":{"httpGet":{"port":80}},"readinessProbe":{"httpGet":{"port":80,"path":"/ready"}},
     "volumeMounts":[{"name":"c","mountPath":"/c"}]},
    {"name":"b","image":"sidecar"}],
    "volumes":[{"name":"c","configMap":{"name":"c"}},{"name":"e","emptyDir":{}}]}}"#;

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn measure(name: &str, bytes: usize, mut work: impl FnMut()) {
    // The best of several rounds: others use the machine, too.
    let mut best = f64::INFINITY;
    for _ in 0..300 {
        let start = std::time::Instant::now();
        for _ in 0..50 {
            work();
        }
        best = best.min(start.elapsed().as_secs_f64() / 50.0);
    }
    println!("{name:36} {:8.2} µs  {:6.0} MB/s", best * 1e6, bytes as f64 / best / 1e6);
}

#[test]
#[ignore = "prints times, asserts nothing"]
fn speed_of_a_pod() {
    let schema = schema();
    let ty = facts::kind("", "v1", "Pod").unwrap();
    let tree = json::decode(schema, ty, POD).unwrap().value;
    let message = protobuf::encode(schema, ty, &tree).unwrap();
    let overlay = Overlay { api_version: "v1", kind: "Pod", resource_version: "184467" };
    let mut out = Vec::with_capacity(1 << 16);
    transcode::protobuf_to_json(schema, ty, &message, &overlay, &mut out).unwrap();
    let text = out.clone();
    println!("a pod of {} bytes in protobuf, {} in JSON", message.len(), text.len());

    measure("protobuf to JSON, transcoded", message.len(), || {
        out.clear();
        transcode::protobuf_to_json(schema, ty, black_box(&message), &overlay, &mut out).unwrap();
        black_box(&out);
    });
    measure("protobuf to protobuf, with a version", message.len(), || {
        out.clear();
        transcode::with_resource_version(schema, ty, black_box(&message), "184467", &mut out).unwrap();
        black_box(&out);
    });
    measure("protobuf to tree", message.len(), || {
        black_box(protobuf::decode(schema, ty, black_box(&message)).unwrap());
    });
    measure("tree to protobuf", message.len(), || {
        black_box(protobuf::encode(schema, ty, black_box(&tree)).unwrap());
    });
    measure("JSON to tree", text.len(), || {
        black_box(json::decode(schema, ty, black_box(&text)).unwrap());
    });
    // As a client sends it, and complete: what is cloned is measured alone.
    for (name, pod) in [("a complete pod", POD), ("a pod without defaults", BARE_POD)] {
        let bare = Object::try_from(json::decode(schema, ty, pod).unwrap().value).unwrap();
        measure(&format!("{name}, cloned"), pod.len(), || {
            black_box(bare.clone());
        });
        measure(&format!("{name}, cloned and defaulted"), pod.len(), || {
            let mut object = bare.clone();
            defaults::apply(ty, &mut object);
            black_box(object);
        });
    }
    measure("tree to JSON", text.len(), || {
        out.clear();
        json::encode(schema, ty, black_box(&tree), &mut out);
        black_box(&out);
    });
    measure("JSON to protobuf", text.len(), || {
        out.clear();
        transcode::json_to_protobuf(schema, ty, black_box(&text), &mut out).unwrap();
        black_box(&out);
    });
    measure("metadata", message.len(), || {
        black_box(scan::metadata(schema, ty, black_box(&message)).unwrap());
    });
    measure("spec.nodeName", message.len(), || {
        black_box(scan::string_at(schema, ty, black_box(&message), &["spec", "nodeName"]).unwrap());
    });
}
