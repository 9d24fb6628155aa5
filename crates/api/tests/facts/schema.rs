//! What the schema says of types.

use keelson_api::facts::{self, schema};
use keelson_apimachinery::Value;
use keelson_apimachinery::schema::{Field, Kind, ListType, Omit};

fn field(kind: &str, path: &[&str]) -> &'static Field {
    let mut id = schema().id(kind).unwrap_or_else(|| panic!("no type {kind}"));
    let (last, parents) = path.split_last().expect("a path");
    for name in parents {
        let (_, field) = schema().json_field(id, name).unwrap_or_else(|| panic!("no field {name}"));
        let mut kind = &field.kind;
        id = loop {
            match kind {
                Kind::Struct(id) => break *id,
                Kind::List(of) | Kind::Map(of) => kind = of,
                other => panic!("{name} is {other:?}"),
            }
        };
    }
    schema().json_field(id, last).unwrap_or_else(|| panic!("no field {last}")).1
}

const POD: &str = "io.k8s.api.core.v1.Pod";

#[test]
fn fields_carry_numbers_types_and_merge_rules() {
    let containers = field(POD, &["spec", "containers"]);
    assert_eq!(containers.number, 2);
    assert!(matches!(&containers.kind, Kind::List(of) if matches!(**of, Kind::Struct(_))));
    assert!(containers.required);
    assert_eq!(containers.merge.list_type, Some(ListType::Map));
    assert_eq!(containers.merge.list_map_keys, ["name"]);
    assert!(containers.merge.patch_merge);
    assert_eq!(containers.merge.patch_merge_key.as_deref(), Some("name"));

    let volumes = field(POD, &["spec", "volumes"]);
    assert!(volumes.merge.patch_merge && volumes.merge.patch_retain_keys);

    let protocol = field(POD, &["spec", "containers", "ports", "protocol"]);
    assert_eq!(protocol.default, Some(Value::from("TCP")));
    assert_eq!(protocol.enum_values, ["SCTP", "TCP", "UDP"]);

    let grace = field(POD, &["spec", "terminationGracePeriodSeconds"]);
    assert!(grace.pointer);
    assert_eq!((grace.kind.clone(), grace.omit), (Kind::Int64, Omit::Empty));

    assert_eq!(field(POD, &["spec", "restartPolicy"]).go_type, "v1.RestartPolicy");
    assert_eq!(field(POD, &["spec", "nodeName"]).go_type, "");

    assert_eq!(field(POD, &["metadata", "creationTimestamp"]).omit, Omit::Zero);
    assert_eq!(field("io.k8s.api.core.v1.Secret", &["data"]).kind, Kind::Map(Box::new(Kind::Bytes)));
    let limits = field(POD, &["spec", "containers", "resources", "limits"]);
    assert_eq!(limits.kind, Kind::Map(Box::new(Kind::Quantity)));
    let template = "io.k8s.api.apps.v1.Deployment";
    assert!(field(template, &["spec", "selector"]).pointer);
}

#[test]
fn inlined_structs_keep_their_protobuf_message() {
    let volume = schema().id("io.k8s.api.core.v1.Volume").expect("a type");
    let source = schema().get(volume).fields.iter().find(|f| f.inline).expect("an inlined struct");
    assert_eq!(source.number, 2);
    // Members are found through it.
    assert!(schema().json_field(volume, "hostPath").is_some());
    let pod = schema().get(schema().id(POD).expect("a type"));
    let meta = pod.fields.iter().find(|f| f.inline).expect("TypeMeta");
    assert_eq!(meta.number, 0);
}

#[test]
fn named_lists_are_messages_of_their_own() {
    let extra = field("io.k8s.api.authentication.v1.UserInfo", &["extra"]);
    assert_eq!(extra.kind, Kind::Map(Box::new(Kind::ListMessage(Box::new(Kind::String)))));
    let verbs = field("io.k8s.apimachinery.pkg.apis.meta.v1.APIResource", &["verbs"]);
    assert_eq!(verbs.kind, Kind::ListMessage(Box::new(Kind::String)));
}

#[test]
fn go_names_carry_the_package() {
    let name = |id| schema().get(id).go_name.as_str();
    assert_eq!(name(facts::kind("", "v1", "Pod").expect("a type")), "v1.Pod");
    assert_eq!(
        name(facts::kind("autoscaling", "v2", "HorizontalPodAutoscaler").expect("a type")),
        "v2.HorizontalPodAutoscaler"
    );
}

#[test]
fn numbers_and_names_are_unique_within_a_type() {
    for (_, s) in schema().iter() {
        let mut numbers: Vec<u32> = s.fields.iter().map(|f| f.number).filter(|n| *n != 0).collect();
        numbers.sort_unstable();
        let count = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), count, "{}", s.name);
        for field in s.fields.iter().filter(|f| !f.inline) {
            assert!(!field.json.is_empty(), "{}", s.name);
        }
    }
}
