use proptest::prelude::*;

use super::*;
use crate::codec::MAX_DEPTH;
use crate::schema::{Field, Kind, Omit, StructType};
use crate::{Map, Schema, Text, TypeId, Value};

const POD: TypeId = TypeId(0);

fn field(json: &'static str, kind: Kind, omit: Omit) -> Field {
    Field { omit, ..Field::new(json, 1, kind) }
}

fn pointer(json: &'static str, kind: Kind) -> Field {
    Field { pointer: true, ..field(json, kind, Omit::Empty) }
}

fn inline(kind: Kind) -> Field {
    Field { inline: true, ..Field::new("", 0, kind) }
}

/// A kind that has a field of every type, under every rule of omission that Kubernetes' types use.
pub(crate) fn schema() -> Schema {
    use Kind::*;
    use Omit::*;
    let (meta, spec, container, port, prober, handler, status, props) =
        (TypeId(2), TypeId(3), TypeId(4), TypeId(5), TypeId(6), TypeId(7), TypeId(8), TypeId(9));
    let list = |kind| List(Box::new(kind));
    let map = |kind| Map(Box::new(kind));
    let types = vec![
        (
            "Pod",
            vec![
                inline(Struct(TypeId(1))),
                field("metadata", Struct(meta), Zero),
                field("spec", Struct(spec), Empty),
                field("status", Struct(status), Empty),
            ],
        ),
        ("TypeMeta", vec![field("kind", String, Empty), field("apiVersion", String, Empty)]),
        (
            "ObjectMeta",
            vec![
                field("name", String, Empty),
                field("generation", Int64, Empty),
                field("creationTimestamp", Time, Zero),
                field("labels", map(String), Empty),
                field("managedFields", list(FieldsV1), Empty),
            ],
        ),
        (
            "PodSpec",
            vec![
                field("containers", list(Struct(container)), Never),
                pointer("replicas", Int32),
                Field { go_type: "v1.RestartPolicy".into(), ..field("restartPolicy", String, Empty) },
                Field { go_type: "[]types.UID".into(), ..field("uids", list(String), Empty) },
                field("hostNetwork", Bool, Empty),
                field("ratio", Float64, Empty),
                field("always", Float64, Never),
                pointer("since", MicroTime),
                field("data", map(Bytes), Empty),
                field("ca", Bytes, Never),
                field("extra", map(ListMessage(Box::new(String))), Empty),
                pointer("schema", Struct(props)),
                field("any", list(Any), Empty),
            ],
        ),
        (
            "Container",
            vec![
                field("name", String, Never),
                field("ports", list(Struct(port)), Empty),
                field("limits", map(Quantity), Empty),
                field("parameters", RawExtension, Empty),
                pointer("probe", Struct(prober)),
            ],
        ),
        ("Port", vec![field("containerPort", Int32, Never), field("protocol", String, Empty)]),
        (
            "Probe",
            vec![
                inline(Struct(handler)),
                field("periodSeconds", Int32, Empty),
                field("timeout", Duration, Never),
            ],
        ),
        ("ProbeHandler", vec![field("port", IntOrString, Never), pointer("exec", Struct(port))]),
        ("PodStatus", vec![field("phase", String, Empty), field("free", Quantity, Empty)]),
        (
            "JSONSchemaProps",
            vec![
                field("type", String, Empty),
                pointer("default", Json),
                pointer("items", SchemaOrArray(props)),
                pointer("additionalProperties", SchemaOrBool(props)),
                field("dependencies", map(SchemaOrStringArray(props)), Empty),
                field("properties", map(Struct(props)), Empty),
            ],
        ),
    ];
    let types = types.into_iter().map(|(name, fields)| StructType::new(name, format!("v1.{name}"), fields));
    Schema::new(types.collect())
}

fn text(value: &Value) -> std::string::String {
    let mut out = Vec::new();
    encode_untyped(value, &mut out);
    std::string::String::from_utf8(out).unwrap()
}

fn typed_text(schema: &Schema, value: &Value) -> std::string::String {
    let mut out = Vec::new();
    encode(schema, POD, value, &mut out);
    std::string::String::from_utf8(out).unwrap()
}

/// Decodes the spec of a pod, and compares what is sent back.
#[track_caller]
fn check_spec(input: &str, expected: &str) {
    let schema = schema();
    let decoded = decode(&schema, POD, format!(r#"{{"spec":{input}}}"#).as_bytes()).unwrap();
    assert_eq!(decoded.strict, []);
    let expected = format!(r#"{{"spec":{expected},"status":{{"free":"0"}}}}"#);
    assert_eq!(typed_text(&schema, &decoded.value), expected);
    // The tree is canonical: its own untyped text has the same members.
    let again = decode_untyped(expected.as_bytes()).unwrap().value;
    assert_eq!(text(&decode_untyped(text(&decoded.value).as_bytes()).unwrap().value), text(&again));
}

#[track_caller]
fn check_error(input: &str, message: &str) {
    let result = decode(&schema(), POD, input.as_bytes());
    assert_eq!(result.map(|d| d.value).unwrap_err().message(), message, "{input}");
}

#[track_caller]
fn check_strict(input: &str, errors: &[&str], expected: &str) {
    let schema = schema();
    let decoded = decode(&schema, POD, input.as_bytes()).unwrap();
    assert_eq!(decoded.strict.iter().map(|e| e.0.as_str()).collect::<Vec<_>>(), errors, "{input}");
    assert_eq!(typed_text(&schema, &decoded.value), expected, "{input}");
}

#[test]
fn zero_values_are_absent_or_present_as_in_go() {
    let schema = schema();
    let empty = r#"{"spec":{"containers":null,"always":0,"ca":null},"status":{"free":"0"}}"#;
    for input in
        ["{}", "null", r#"{"metadata":{},"status":null}"#, r#"{"metadata":{"creationTimestamp":null}}"#]
    {
        let decoded = decode(&schema, POD, input.as_bytes()).unwrap();
        assert_eq!(typed_text(&schema, &decoded.value), empty, "{input}");
    }
    check_spec(
        r#"{"containers":[],"replicas":0,"restartPolicy":"","hostNetwork":false,"ratio":0,"always":1,"data":{},"ca":""}"#,
        r#"{"containers":[],"replicas":0,"always":1,"ca":""}"#,
    );
    check_spec(
        r#"{"containers":[{}, null, {"probe":{}}],"replicas":null,"restartPolicy":null,"data":null,"since":null}"#,
        concat!(
            r#"{"containers":[{"name":"","parameters":null},{"name":"","parameters":null},"#,
            r#"{"name":"","parameters":null,"probe":{"port":0,"timeout":"0s"}}],"always":0,"ca":null}"#,
        ),
    );
}

#[test]
fn values_become_canonical() {
    check_spec(
        r#"{ "ratio": 1, "since": "2024-01-02T03:04:05.500000+02:00", "containers": [ {"limits":{"cpu":"1000m","memory":1.5,"x":null},
            "name":"\u0041", "parameters": { "b" : [1, "a b \" c"], "a":1.0 }, "probe":{"port":"http","timeout":"90s"} } ]}"#,
        concat!(
            r#"{"containers":[{"name":"A","limits":{"cpu":"1","memory":"1500m","x":"0"},"parameters":{"b":[1,"a b \" c"],"a":1.0},"#,
            r#""probe":{"port":"http","timeout":"1m30s"}}],"ratio":1,"always":0,"#,
            r#""since":"2024-01-02T01:04:05.500000Z","ca":null}"#,
        ),
    );
    check_spec(
        r#"{"containers":null,"data":{"b":"aB==","a":[104,105]},"ca":"aG\nk=","extra":{"k":["v",null],"n":null},"any":[1,null,{"b":1.0,"a":1e2}]}"#,
        concat!(
            r#"{"containers":null,"always":0,"data":{"a":"aGk=","b":"aA=="},"ca":"aGk=","#,
            r#""extra":{"k":["v",""],"n":null},"any":[1,null,{"a":100,"b":1}]}"#,
        ),
    );
    check_spec(
        concat!(
            r#"{"containers":null,"schema":{"items":[{"type":"a","x":1},null],"additionalProperties":false,"default":{"b": 1},"#,
            r#""dependencies":{"a":["x",null],"b":{"additionalProperties":{}}},"properties":{"p":{"items":{}}}}}"#,
        ),
        concat!(
            r#"{"containers":null,"always":0,"ca":null,"schema":{"default":{"b":1},"items":[{"type":"a"},{}],"#,
            r#""additionalProperties":false,"dependencies":{"a":["x",""],"b":{"additionalProperties":{}}},"#,
            r#""properties":{"p":{"items":{}}}}}"#,
        ),
    );
}

#[test]
fn wrong_types_are_refused_in_the_words_of_go() {
    let type_error = |input, value, field, go_type| {
        let message =
            format!("json: cannot unmarshal {value} into Go struct field {field} of type {go_type}");
        check_error(input, &message);
    };
    check_error("[1, 2]", "json: cannot unmarshal array into Go value of type v1.Pod");
    check_error("5", "json: cannot unmarshal number into Go value of type v1.Pod");
    type_error(r#"{"kind":1}"#, "number", "Pod.TypeMeta.kind", "string");
    type_error(r#"{"metadata":[]}"#, "array", "Pod.metadata", "v1.ObjectMeta");
    type_error(r#"{"metadata":{"labels":{"a":5}}}"#, "number", "ObjectMeta.metadata.labels", "string");
    type_error(r#"{"metadata":{"labels":"x"}}"#, "string", "ObjectMeta.metadata.labels", "map[string]string");
    type_error(r#"{"spec":{"containers":"x"}}"#, "string", "PodSpec.spec.containers", "[]v1.Container");
    type_error(
        r#"{"spec":{"containers":[{"name":true}]}}"#,
        "bool",
        "Container.spec.containers.name",
        "string",
    );
    type_error(r#"{"spec":{"replicas":"two"}}"#, "string", "PodSpec.spec.replicas", "int32");
    type_error(r#"{"spec":{"replicas":1.0}}"#, "number 1.0", "PodSpec.spec.replicas", "int32");
    type_error(r#"{"spec":{"replicas":2147483648}}"#, "number 2147483648", "PodSpec.spec.replicas", "int32");
    type_error(r#"{"metadata":{"generation":1e2}}"#, "number 1e2", "ObjectMeta.metadata.generation", "int64");
    type_error(r#"{"spec":{"ratio":1e999}}"#, "number 1e999", "PodSpec.spec.ratio", "float64");
    type_error(
        r#"{"spec":{"restartPolicy":{}}}"#,
        "object",
        "PodSpec.spec.restartPolicy",
        "v1.RestartPolicy",
    );
    type_error(r#"{"spec":{"uids":5}}"#, "number", "PodSpec.spec.uids", "[]types.UID");
    type_error(r#"{"spec":{"uids":["a",5]}}"#, "number", "PodSpec.spec.uids", "types.UID");
    type_error(
        r#"{"metadata":{"creationTimestamp":5}}"#,
        "number",
        "ObjectMeta.metadata.creationTimestamp",
        "string",
    );
    let port = "Port.spec.containers.probe.ProbeHandler.exec.containerPort";
    let input = r#"{"spec":{"containers":[{"probe":{"exec":{"containerPort":"x"}}}]}}"#;
    type_error(input, "string", port, "int32");
    let input = r#"{"spec":{"containers":[{"probe":{"port":true}}]}}"#;
    type_error(input, "bool", "Probe.spec.containers.probe.ProbeHandler.port", "int32");
    check_error(r#"{"spec":{"data":{"k":"!!!!"}}}"#, "illegal base64 data at input byte 0");
    check_error(
        r#"{"status":{"free":"1x"}}"#,
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
    check_error(r#"{"spec":{"schema":{"additionalProperties":5}}}"#, "boolean or JSON schema expected");
}

#[test]
fn the_worst_error_is_told() {
    // Syntax goes before what a scalar refuses, and that before the first value of a wrong type.
    let syntax = "invalid character 'x' looking for beginning of value";
    check_error(r#"{"kind":1,"status":{"free":"1x"},"spec":x"#, syntax);
    check_error(r#"{"kind":1,"spec":x"#, syntax);
    check_error(r#"{"kind":1} x"#, "invalid character 'x' after top-level value");
    check_error(r#"{"status":{"free":true},"a":x}"#, syntax);
    check_error(
        r#"{"kind":1,"spec":{"containers":[{"probe":{"timeout":1}}]}}"#,
        "json: cannot unmarshal number into Go struct field Probe.spec.containers.probe.timeout of type string",
    );
}

#[test]
fn unknown_and_repeated_fields_are_told_with_their_paths() {
    let rest = r#""spec":{"containers":null,"always":0,"ca":null},"status":{"free":"0"}"#;
    check_strict(
        r#"{"Metadata":{"a":1},"metadata":{"nosuch":1,"labels":{"k":"1","k":"2"}},"bogus":1,"bogus":2}"#,
        &[
            r#"unknown field "Metadata""#,
            r#"unknown field "metadata.nosuch""#,
            r#"duplicate field "metadata.labels.k""#,
            r#"unknown field "bogus""#,
        ],
        &format!(r#"{{"metadata":{{"labels":{{"k":"2"}}}},{rest}}}"#),
    );
    // In the order of the text, whatever is found first.
    check_strict(
        r#"{"metadata":{"labels":{"k":"1","k":"2"},"x":1,"labels":{"j":"1","j":"1"}}}"#,
        &[
            r#"duplicate field "metadata.labels.k""#,
            r#"unknown field "metadata.x""#,
            r#"duplicate field "metadata.labels""#,
            r#"duplicate field "metadata.labels.j""#,
        ],
        &format!(r#"{{"metadata":{{"labels":{{"j":"1","k":"2"}}}},{rest}}}"#),
    );
    check_strict(
        r#"{"spec":{"containers":[{"name":"a"},{"namee":"b","ports":[{},{"x":1}]}],"any":[{"a":[{"q\"":1,"q\"":2}]}]}}"#,
        &[
            r#"unknown field "spec.containers[1].namee""#,
            r#"unknown field "spec.containers[1].ports[1].x""#,
            r#"duplicate field "spec.any[0].a[0].q\"""#,
        ],
        concat!(
            r#"{"spec":{"containers":[{"name":"a","parameters":null},"#,
            r#"{"name":"","ports":[{"containerPort":0},{"containerPort":0}],"parameters":null}],"#,
            r#""always":0,"ca":null,"any":[{"a":[{"q\"":2}]}]},"status":{"free":"0"}}"#,
        ),
    );
    // What is kept as it was sent is not looked into, and schemas inside schemas read themselves in Go.
    check_strict(
        r#"{"spec":{"containers":[{"parameters":{"a":1,"a":2}}],"schema":{"x":1,"items":{"x":1},"properties":{"p":{"x":1}}}}}"#,
        &[r#"unknown field "spec.schema.x""#, r#"unknown field "spec.schema.properties.p.x""#],
        concat!(
            r#"{"spec":{"containers":[{"name":"","parameters":{"a":1,"a":2}}],"always":0,"ca":null,"#,
            r#""schema":{"items":{},"properties":{"p":{}}}},"status":{"free":"0"}}"#,
        ),
    );
}

#[test]
fn a_repeated_struct_adds_to_what_was_there() {
    let rest = r#""spec":{"containers":null,"always":0,"ca":null},"status":{"free":"0"}"#;
    let check = |input: &str, errors: &[&str], metadata: &str| {
        check_strict(input, errors, &format!(r#"{{"metadata":{metadata},{rest}}}"#));
    };
    let metadata = r#"duplicate field "metadata""#;
    check(
        r#"{"metadata":{"name":"a","labels":{"x":"1"}},"metadata":{"generation":2,"labels":{"y":"2"}}}"#,
        &[metadata],
        r#"{"name":"a","generation":2,"labels":{"x":"1","y":"2"}}"#,
    );
    check(
        r#"{"metadata":{"name":"a","generation":1},"metadata":{"name":""}}"#,
        &[metadata],
        r#"{"generation":1}"#,
    );
    check(r#"{"metadata":{"name":"a"},"metadata":null}"#, &[metadata], r#"{"name":"a"}"#);
    let name = r#"duplicate field "metadata.name""#;
    check(r#"{"metadata":{"name":"a","name":"b"}}"#, &[name], r#"{"name":"b"}"#);
    check(r#"{"metadata":{"name":"a","name":null}}"#, &[name], r#"{"name":"a"}"#);
}

#[test]
fn strict_errors_are_bounded() {
    let members: Vec<_> = (0..1000).map(|i| format!(r#""x{i}":1"#)).collect();
    let decoded = decode(&schema(), POD, format!("{{{}}}", members.join(",")).as_bytes()).unwrap();
    assert_eq!(decoded.strict.len(), 100);
}

#[test]
fn repeated_fields_cost_no_more_than_linear_time() {
    let many: Vec<_> = (0..20_000).map(|i| format!(r#""metadata":{{"labels":{{"a{i}":"b"}}}}"#)).collect();
    check_error(&format!("{{{}}}", many.join(",")), "json: too many repeated fields");
    // Would take long if every repetition were worded, or every level read again.
    let depth = MAX_DEPTH - 2;
    let repeated = vec![r#""a":1"#; 20_000].join(",");
    let input = format!("{}{{{repeated}}}{}", r#"{"b":1,"b":2,"a":"#.repeat(depth), "}".repeat(depth));
    let told = decode_untyped(input.as_bytes()).unwrap().strict.len();
    assert!((2..20).contains(&told), "{told}");
}

#[test]
fn untyped_trees_keep_integers_and_the_last_of_repeated_keys() {
    let decoded =
        decode_untyped(br#" {"b":[1,-0,1.0,1e2,9223372036854775808],"a":{"x":1,"x":2},"a":{"y":1}} "#)
            .unwrap();
    assert_eq!(text(&decoded.value), r#"{"a":{"y":1},"b":[1,0,1,100,9223372036854776000]}"#);
    assert_eq!(
        decoded.value.at(&["b"]).unwrap().as_array().unwrap()[4],
        Value::Float(9_223_372_036_854_775_808.0)
    );
    let strict: Vec<_> = decoded.strict.iter().map(|e| e.0.as_str()).collect();
    assert_eq!(strict, [r#"duplicate field "a.x""#, r#"duplicate field "a""#]);
    let error = decode_untyped(b"[1e999]").unwrap_err();
    assert_eq!(error.message(), "json: cannot unmarshal number 1e999 into Go value of type float64");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(decode_untyped(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(decode_untyped(nested(MAX_DEPTH + 1).as_bytes()).is_err());
    // The deepest typed recursion, and back out again.
    let depth = MAX_DEPTH / 2 - 2;
    let input = format!(
        r#"{{"spec":{{"schema":{}{}}}}}"#,
        r#"{"properties":{"p":"#.repeat(depth) + "{}",
        "}}".repeat(depth)
    );
    let schema = schema();
    let value = decode(&schema, POD, input.as_bytes()).unwrap().value;
    assert_eq!(canonicalize(&schema, POD, value.clone()).unwrap().value, value);
    let input = input.replace("{}", r#"{"items":{"items":{"items":{}}}}"#);
    assert!(decode(&schema, POD, input.as_bytes()).unwrap_err().message().contains("exceeded max depth"));
}

#[test]
fn the_encoder_writes_what_go_does_whatever_zero_values_the_tree_has() {
    let schema = schema();
    let object = |members: Vec<(&'static str, Value)>| -> Value {
        Value::Object(members.into_iter().map(|(k, v)| (Text::const_new(k), v)).collect())
    };
    let empty = r#"{"spec":{"containers":null,"always":0,"ca":null},"status":{"free":"0"}}"#;
    for tree in [
        object(vec![]),
        object(vec![("spec", Value::Null), ("status", Value::Null), ("metadata", Value::Null)]),
        object(vec![
            ("kind", "".into()),
            ("metadata", object(vec![("name", "".into()), ("labels", Value::Null)])),
        ]),
        object(vec![
            ("unknown", 1.into()),
            ("status", object(vec![("free", Value::Null), ("phase", "".into())])),
        ]),
        object(vec![("spec", object(vec![("always", Value::Null), ("any", Value::Array(vec![]))]))]),
    ] {
        assert_eq!(typed_text(&schema, &tree), empty, "{tree:?}");
    }
}

/// Any JSON tree, as decoding makes it.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter_map("a float that is not an integer", |f| {
            (f.is_finite() && f.fract() != 0.0).then_some(Value::Float(f))
        }),
        any::<std::string::String>().prop_map(Value::from),
        r#"[a-z<>&"\\\u{2028}é ]{0,30}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec(("[a-z\"é]{0,30}", inner), 0..8).prop_map(|m| m
                .into_iter()
                .map(|(k, v)| (k.into(), v))
                .collect::<Map>()
                .into()),
        ]
    })
}

/// A tree that fits a type, with zero values at random and unknown members, but no wrong ones.
fn fitting(schema: &Schema, kind: &Kind, depth: u32) -> BoxedStrategy<Value> {
    let of = |kind: &Kind| fitting(schema, kind, depth.saturating_sub(1));
    let props = |id: &TypeId| of(&Kind::Struct(*id));
    let list = |values| prop::collection::vec(values, 0..3).prop_map(Value::Array).boxed();
    let map = |values| {
        prop::collection::vec(("[a-z]{1,3}", values), 0..3)
            .prop_map(|m| m.into_iter().map(|(k, v)| (k.into(), v)).collect::<Map>().into())
            .boxed()
    };
    let texts = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(Value::from).boxed();
    match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int32 => (-2..3i64).prop_map(Value::Int).boxed(),
        Kind::Int64 => prop_oneof![Just(0), any::<i64>()].prop_map(Value::Int).boxed(),
        Kind::Float64 => prop_oneof![Just(0.0), -1e30..1e30].prop_map(Value::Float).boxed(),
        Kind::String => "[a-c]{0,2}".prop_map(Value::from).boxed(),
        Kind::Bytes => texts(&["", "aGk=", "aG\nk=", "aB=="]),
        Kind::Time => {
            texts(&["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.6789+02:00", "0001-01-01T00:00:00Z"])
        }
        Kind::MicroTime => texts(&["2024-01-02T03:04:05.678900+02:00", "0001-01-01T00:00:00.000000Z"]),
        Kind::Duration => texts(&["0s", "90s", "1h0m0.5s"]),
        Kind::Quantity => texts(&["0", "1000m", "1.5Gi", "0.001k"]),
        Kind::IntOrString => prop_oneof![texts(&["", "80", "10%"]), (0..9i64).prop_map(Value::Int)].boxed(),
        Kind::RawExtension | Kind::FieldsV1 | Kind::Json | Kind::Any => any_value().prop_map(|v| v).boxed(),
        Kind::SchemaOrBool(_) | Kind::SchemaOrArray(_) | Kind::SchemaOrStringArray(_) | Kind::Struct(_)
            if depth == 0 =>
        {
            Just(Value::Object(Map::new())).boxed()
        }
        Kind::SchemaOrArray(id) => prop_oneof![props(id), list(props(id))].boxed(),
        Kind::SchemaOrBool(id) => prop_oneof![props(id), any::<bool>().prop_map(Value::Bool)].boxed(),
        Kind::SchemaOrStringArray(id) => prop_oneof![props(id), list(of(&Kind::String))].boxed(),
        Kind::List(kind) | Kind::ListMessage(kind) => list(of(kind)),
        Kind::Map(kind) => map(of(kind)),
        Kind::Struct(id) => {
            let members: Vec<_> = schema
                .get(*id)
                .members()
                .iter()
                .map(|member| {
                    let kind = &schema.field_at(*id, &member.path).kind;
                    // A duration, alone, does not take null.
                    let null = if *kind == Kind::Duration { "0s".into() } else { Value::Null };
                    let value = prop_oneof![8 => of(kind), 1 => Just(null)];
                    (Just(member.json.clone()), prop::option::weighted(0.4, value))
                })
                .collect();
            let extra = prop::option::weighted(0.1, Just(("x-unknown".into(), Value::Int(1))));
            (members, extra)
                .prop_map(|(members, extra)| {
                    let members = members.into_iter().filter_map(|(k, v)| Some((k, v?)));
                    Value::Object(members.chain(extra).collect())
                })
                .boxed()
        }
    }
}

fn without_floats(value: Value) -> Value {
    match value {
        Value::Float(_) => Value::Null,
        Value::Array(values) => values.into_iter().map(without_floats).collect::<Vec<_>>().into(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, without_floats(v))).collect::<Map>().into(),
        other => other,
    }
}

fn any_pod() -> BoxedStrategy<Value> {
    fitting(&schema(), &Kind::Struct(POD), 5)
}

proptest! {
    #[test]
    fn any_tree_survives_its_text(value in any_value()) {
        let decoded = decode_untyped(text(&value).as_bytes()).unwrap();
        prop_assert_eq!(decoded.value, value);
        prop_assert!(decoded.strict.is_empty());
    }

    #[test]
    fn the_text_reads_the_same_to_another_parser(value in any_value()) {
        // Whose reading of floats may be off in the last digit.
        let value = without_floats(value);
        let theirs: serde_json::Value = serde_json::from_str(&text(&value)).unwrap();
        prop_assert_eq!(decode_untyped(theirs.to_string().as_bytes()).unwrap().value, value);
    }

    #[test]
    fn canonical_trees_are_a_fixed_point(value in any_pod()) {
        let schema = schema();
        let once = canonicalize(&schema, POD, value.clone()).unwrap().value;
        let twice = canonicalize(&schema, POD, once.clone()).unwrap();
        prop_assert_eq!(&twice.value, &once);
        prop_assert!(twice.strict.is_empty());
        let sent = typed_text(&schema, &once);
        let received = decode(&schema, POD, sent.as_bytes()).unwrap();
        prop_assert_eq!(&received.value, &once);
        prop_assert!(received.strict.is_empty());
        prop_assert_eq!(typed_text(&schema, &received.value), sent);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_untyped(&bytes);
        let _ = decode(&schema(), POD, &bytes);
    }

    #[test]
    fn damaged_objects_are_decoded_or_refused(
        value in any_pod(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let schema = schema();
        let mut bytes = typed_text(&schema, &value).into_bytes();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(decoded) = decode(&schema, POD, &bytes) {
            // Texts, not trees: what is kept raw is escaped for HTML when it is first sent.
            let sent = typed_text(&schema, &decoded.value);
            let again = decode(&schema, POD, sent.as_bytes()).unwrap();
            prop_assert!(again.strict.is_empty());
            prop_assert_eq!(typed_text(&schema, &again.value), sent);
        }
        // The two decoders agree on what is JSON.
        let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
        let ours = decode_untyped(&bytes).is_ok();
        prop_assert!(ours || !theirs);
    }
}
