//! The graph follows its objects: whatever happens to them, it says what they say.

use std::collections::BTreeMap;

use keelson_apimachinery::Value;
use proptest::prelude::*;

use super::*;

#[test]
fn what_a_pod_named_is_lost_with_it() {
    let graph = graph();
    let reads = |kind, name| graph.relates("one", kind, "ns", name);
    assert!(reads(Kind::Secret, "mounted") && reads(Kind::Pod, "p"));
    let sharing = r#"{"metadata":{"name":"r","namespace":"ns"},"spec":{"nodeName":"one",
                      "volumes":[{"name":"a","secret":{"secretName":"mounted"}}]}}"#;
    put(&graph, Feeder::Pods, sharing);
    graph.remove(Feeder::Pods, &object(r#"{"metadata":{"name":"p","namespace":"ns"}}"#));
    assert!(reads(Kind::Secret, "mounted"), "another pod names it");
    assert!(!reads(Kind::Pod, "p") && !reads(Kind::ConfigMap, "mounted"));
    assert!(!graph.relates("one", Kind::PersistentVolume, "", "pv"), "its claim has no pod any more");
    graph.remove(Feeder::Pods, &object(sharing));
    assert!(!reads(Kind::Secret, "mounted"));
}

#[test]
fn a_pod_that_is_made_again_leads_where_it_says_now() {
    let graph = graph();
    let pod = |node: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","namespace":"ns"}},"spec":{{"nodeName":"{node}",
                 "imagePullSecrets":[{{"name":"s"}}]}}}}"#
        )
    };
    let reads = |node| graph.relates(node, Kind::Secret, "ns", "s");
    put(&graph, Feeder::Pods, &pod("two"));
    assert!(reads("two") && !graph.relates("one", Kind::Secret, "ns", "mounted"));
    put(&graph, Feeder::Pods, &pod(""));
    assert!(!reads("two"), "it waits for a node");
    put(&graph, Feeder::Pods, &pod("one"));
    assert!(reads("one") && !reads("two"));
}

#[test]
fn pods_that_ended_keep_what_they_name() {
    let graph = Graph::default();
    let ended = r#"{"metadata":{"name":"p","namespace":"ns","deletionTimestamp":"2026-01-01T00:00:00Z"},
                    "spec":{"nodeName":"one","serviceAccountName":"robot"},"status":{"phase":"Succeeded"}}"#;
    put(&graph, Feeder::Pods, ended);
    assert!(graph.relates("one", Kind::ServiceAccount, "ns", "robot"));
}

/// Everything that the random objects below are made of.
const NODES: [&str; 3] = ["", "one", "two"];
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const NAMESPACES: [&str; 2] = ["x", "y"];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(name(), 0..3)
}

fn namespace() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMESPACES[..])
}

fn joined(names: &[&str], each: impl Fn(&str) -> String) -> String {
    names.iter().map(|name| each(name)).collect::<Vec<_>>().join(",")
}

fn pod_text() -> impl Strategy<Value = String> {
    let node = prop::sample::select(&NODES[..]);
    (namespace(), name(), node, prop::bool::weighted(0.1), names(), names(), names(), names()).prop_map(
        |(namespace, own, node, mirror, secrets, maps, claims, resources)| {
            let annotation = if mirror { r#""kubernetes.io/config.mirror":"x""# } else { "" };
            let secrets = joined(&secrets, |name| format!(r#"{{"name":"{name}"}}"#));
            let maps = joined(&maps, |name| format!(r#"{{"configMapRef":{{"name":"{name}"}}}}"#));
            let claims =
                joined(&claims, |name| format!(r#"{{"name":"{name}","persistentVolumeClaim":{{"claimName":"{name}"}}}}"#));
            let resources =
                joined(&resources, |name| format!(r#"{{"name":"{name}","resourceClaimName":"{name}"}}"#));
            format!(
                r#"{{"metadata":{{"name":"{own}","namespace":"{namespace}","annotations":{{{annotation}}}}},
                     "spec":{{"nodeName":"{node}","serviceAccountName":"{own}","imagePullSecrets":[{secrets}],
                     "containers":[{{"envFrom":[{maps}]}}],"volumes":[{claims}],"resourceClaims":[{resources}]}}}}"#
            )
        },
    )
}

fn volume_text() -> impl Strategy<Value = String> {
    (name(), prop::option::of((namespace(), name())), prop::option::of((namespace(), name()))).prop_map(
        |(own, claim, secret)| {
            let claim = claim.map_or_else(String::new, |(namespace, name)| {
                format!(r#""claimRef":{{"namespace":"{namespace}","name":"{name}"}},"#)
            });
            let secret = secret.map_or_else(String::new, |(namespace, name)| {
                format!(r#""nodeStageSecretRef":{{"namespace":"{namespace}","name":"{name}"}}"#)
            });
            format!(r#"{{"metadata":{{"name":"{own}"}},"spec":{{{claim}"csi":{{{secret}}}}}}}"#)
        },
    )
}

fn of_node_text() -> impl Strategy<Value = String> {
    (name(), prop::sample::select(&NODES[..])).prop_map(|(own, node)| {
        format!(r#"{{"metadata":{{"name":"{own}"}},"spec":{{"nodeName":"{node}"}}}}"#)
    })
}

fn feeder_and_text() -> impl Strategy<Value = (Feeder, String)> {
    prop_oneof![
        4 => pod_text().prop_map(|text| (Feeder::Pods, text)),
        3 => volume_text().prop_map(|text| (Feeder::PersistentVolumes, text)),
        1 => of_node_text().prop_map(|text| (Feeder::VolumeAttachments, text)),
        1 => of_node_text().prop_map(|text| (Feeder::ResourceSlices, text)),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Set(Feeder, String),
    Remove(Feeder, String),
    /// All objects of a resource are told anew, but for those whose place among them is divisible by this.
    Replace(Feeder, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => feeder_and_text().prop_map(|(feeder, text)| Step::Set(feeder, text)),
        3 => feeder_and_text().prop_map(|(feeder, text)| Step::Remove(feeder, text)),
        1 => (prop::sample::select(&Feeder::ALL[..4]), 1usize..4).prop_map(|(feeder, n)| Step::Replace(feeder, n)),
    ]
}

/// A list in an object's spec.
fn list<'a>(object: &'a Object, key: &str) -> &'a [Value] {
    object.at(&["spec", key]).and_then(Value::as_array).unwrap_or_default()
}

/// The objects as they are, and the answers that follow from looking at all of them.
#[derive(Default)]
struct Naive(BTreeMap<(usize, String, String), Object>);

impl Naive {
    fn place(feeder: Feeder) -> usize {
        Feeder::ALL.iter().position(|known| *known == feeder).expect("one of all")
    }

    fn key(feeder: Feeder, object: &Object) -> (usize, String, String) {
        (Self::place(feeder), object.namespace().to_owned(), object.name().to_owned())
    }

    fn of(&self, feeder: Feeder) -> impl Iterator<Item = &Object> {
        let place = Self::place(feeder);
        self.0.iter().filter(move |((of, _, _), _)| *of == place).map(|(_, object)| object)
    }

    fn relates(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let on_node = |object: &&Object| object.str_at(&["spec", "nodeName"]) == node;
        let named = |feeder| self.of(feeder).filter(on_node).any(|object| object.name() == name);
        let pods = || self.of(Feeder::Pods).filter(on_node);
        let own = || pods().filter(|pod| pod.annotation("kubernetes.io/config.mirror").is_none());
        let claims = |namespace: &str, name: &str| {
            let names = |volume: &Value| volume.str_at(&["persistentVolumeClaim", "claimName"]) == name;
            own().any(|pod| pod.namespace() == namespace && list(pod, "volumes").iter().any(names))
        };
        let volumes = || {
            self.of(Feeder::PersistentVolumes).filter(|volume| {
                let claim = |key| volume.str_at(&["spec", "claimRef", key]);
                claims(claim("namespace"), claim("name"))
            })
        };
        match kind {
            Kind::VolumeAttachment => named(Feeder::VolumeAttachments),
            Kind::ResourceSlice => named(Feeder::ResourceSlices),
            Kind::PodCertificateRequest => named(Feeder::PodCertificateRequests),
            Kind::Pod => pods().any(|pod| (pod.namespace(), pod.name()) == (namespace, name)),
            Kind::PersistentVolumeClaim => claims(namespace, name),
            Kind::PersistentVolume => volumes().any(|volume| volume.name() == name),
            Kind::Secret => {
                let pulls = |pod: &Object| {
                    list(pod, "imagePullSecrets").iter().any(|secret| secret.str_at(&["name"]) == name)
                };
                own().any(|pod| pod.namespace() == namespace && pulls(pod))
                    || volumes().any(|volume| {
                        let secret = |key| volume.str_at(&["spec", "csi", "nodeStageSecretRef", key]);
                        (secret("namespace"), secret("name")) == (namespace, name)
                    })
            }
            Kind::ConfigMap => own().any(|pod| {
                let from = list(pod, "containers")[0].get("envFrom").and_then(|from| from.as_array());
                let named = |source: &Value| source.str_at(&["configMapRef", "name"]) == name;
                pod.namespace() == namespace && from.unwrap_or_default().iter().any(named)
            }),
            Kind::ServiceAccount => own().any(|pod| {
                (pod.namespace(), pod.str_at(&["spec", "serviceAccountName"])) == (namespace, name)
            }),
            Kind::ResourceClaim => own().any(|pod| {
                let named = |claim: &Value| claim.str_at(&["resourceClaimName"]) == name;
                pod.namespace() == namespace && list(pod, "resourceClaims").iter().any(named)
            }),
        }
    }
}

const KINDS: [Kind; 9] = [
    Kind::ConfigMap,
    Kind::PersistentVolume,
    Kind::PersistentVolumeClaim,
    Kind::Pod,
    Kind::ResourceClaim,
    Kind::ResourceSlice,
    Kind::Secret,
    Kind::ServiceAccount,
    Kind::VolumeAttachment,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_all_objects(steps in prop::collection::vec(step(), 1..60)) {
        let (graph, mut naive) = (Graph::default(), Naive::default());
        for step in steps {
            match &step {
                Step::Set(feeder, text) => {
                    let object = object(text);
                    graph.set(*feeder, &feeder.edges(&object));
                    naive.0.insert(Naive::key(*feeder, &object), object);
                }
                Step::Remove(feeder, text) => {
                    let object = object(text);
                    graph.remove(*feeder, &object);
                    naive.0.remove(&Naive::key(*feeder, &object));
                }
                Step::Replace(feeder, n) => {
                    let keys: Vec<_> = naive.of(*feeder).map(|object| Naive::key(*feeder, object)).collect();
                    keys.iter().step_by(*n).for_each(|key| drop(naive.0.remove(key)));
                    graph.replace(*feeder, naive.of(*feeder).map(|object| feeder.edges(object)).collect());
                }
            }
            for node in &NODES[1..] {
                for kind in KINDS {
                    let namespaces = if kind.is_namespaced() { &NAMESPACES[..] } else { &[""] };
                    for namespace in namespaces {
                        for name in NAMES {
                            prop_assert_eq!(
                                graph.relates(node, kind, namespace, name),
                                naive.relates(node, kind, namespace, name),
                                "{:?}: {} {:?} {}/{}", step, node, kind, namespace, name
                            );
                        }
                    }
                }
            }
        }
        for feeder in Feeder::ALL {
            graph.replace(feeder, Vec::new());
        }
        prop_assert!(graph.is_empty(), "nothing is left of what is gone");
    }
}
