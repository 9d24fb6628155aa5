use keelson_apimachinery::TypeId;
use keelson_apimachinery::codec::{json, protobuf};
use keelson_apimachinery::meta::Object;
use proptest::prelude::*;

use super::super::convert;

const V1: (&str, &str) = ("apiextensions.k8s.io", "v1");
const V1BETA1: (&str, &str) = ("apiextensions.k8s.io", "v1beta1");

fn ty((group, version): (&str, &str)) -> TypeId {
    crate::facts::kind(group, version, "CustomResourceDefinition").expect("a kind of the tables")
}

/// The canonical tree of a definition of this version.
fn definition(text: &str, version: (&str, &str)) -> Object {
    let decoded = json::decode(crate::schema(), ty(version), text.as_bytes()).expect("the test's JSON");
    assert!(decoded.strict.is_empty(), "{:?}", decoded.strict);
    let mut object = Object::try_from(decoded.value).expect("the test's object");
    object.set_type(&format!("{}/{}", version.0, version.1), "CustomResourceDefinition");
    object
}

fn text(object: &Object, version: (&str, &str)) -> String {
    let mut out = Vec::new();
    json::encode(crate::schema(), ty(version), object.as_value(), &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// What both versions have besides `spec`.
const STATUS: &str =
    r#""status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":["v1"]}"#;

#[track_caller]
fn check(v1_spec: &str, v1beta1_spec: &str) {
    let whole = |(group, version): (&str, &str), spec: &str| {
        let names =
            r#""names":{"plural":"as","singular":"a","kind":"A","listKind":"AList"},"scope":"Cluster""#;
        let (between, spec) = spec.split_once('|').unwrap_or(("", spec));
        format!(
            r#"{{"kind":"CustomResourceDefinition","apiVersion":"{group}/{version}","metadata":{{"name":"as.g"}},"spec":{{"group":"g",{between}{names},{spec}}},{STATUS}}}"#
        )
    };
    let (v1, v1beta1) = (whole(V1, v1_spec), whole(V1BETA1, v1beta1_spec));
    let beta = convert(definition(&v1, V1), V1, V1BETA1).expect("a known pair");
    assert_eq!(text(&beta, V1BETA1), v1beta1);
    let back = convert(definition(&v1beta1, V1BETA1), V1BETA1, V1).expect("a known pair");
    assert_eq!(text(&back, V1), v1);
}

#[test]
fn what_all_versions_share_stands_once_in_v1beta1() {
    let schema = r#"{"openAPIV3Schema":{"type":"object"}}"#;
    check(
        &format!(
            r#""versions":[{{"name":"v1","served":true,"storage":true,"schema":{schema},"subresources":{{"status":{{}}}},"additionalPrinterColumns":[{{"name":"N","type":"string","jsonPath":".n"}}],"selectableFields":[{{"jsonPath":".s"}}]}}],"conversion":{{"strategy":"None"}}"#
        ),
        &format!(
            r#""version":"v1",|"validation":{schema},"subresources":{{"status":{{}}}},"versions":[{{"name":"v1","served":true,"storage":true}}],"additionalPrinterColumns":[{{"name":"N","type":"string","JSONPath":".n"}}],"selectableFields":[{{"jsonPath":".s"}}],"conversion":{{"strategy":"None"}},"preserveUnknownFields":false"#
        ),
    );
}

#[test]
fn what_differs_between_versions_stays_in_them() {
    let version = |name: &str, storage: bool, rest: &str| {
        format!(r#"{{"name":"{name}","served":true,"storage":{storage}{rest}}}"#)
    };
    let both = |path: &str| {
        let columns =
            format!(r#","additionalPrinterColumns":[{{"name":"N","type":"string","{path}":".n"}}]"#);
        format!(
            "[{},{}]",
            version("v1", true, r#","subresources":{"status":{}}"#),
            version("v2", false, &format!(r#","subresources":{{}}{columns}"#))
        )
    };
    check(
        &format!(
            r#""versions":{},"conversion":{{"strategy":"None"}},"preserveUnknownFields":true"#,
            both("jsonPath")
        ),
        &format!(
            r#""version":"v1",|"versions":{},"conversion":{{"strategy":"None"}},"preserveUnknownFields":true"#,
            both("JSONPath")
        ),
    );
}

#[test]
fn a_webhook_is_flat_in_v1beta1() {
    let config = r#"{"service":{"namespace":"n","name":"s","path":"/c","port":443},"caBundle":"YQ=="}"#;
    let versions = r#""versions":[{"name":"v1","served":true,"storage":true}]"#;
    check(
        &format!(
            r#"{versions},"conversion":{{"strategy":"Webhook","webhook":{{"clientConfig":{config},"conversionReviewVersions":["v1","v1beta1"]}}}}"#
        ),
        &format!(
            r#""version":"v1",|{versions},"conversion":{{"strategy":"Webhook","webhookClientConfig":{config},"conversionReviewVersions":["v1","v1beta1"]}},"preserveUnknownFields":false"#
        ),
    );
}

#[test]
fn an_old_definition_gets_the_defaults_of_v1beta1() {
    let old = r#"{"metadata":{"name":"as.g"},"spec":{"group":"g","version":"v1","names":{"plural":"as","kind":"A"},
        "validation":{"openAPIV3Schema":{"type":"object"}},
        "conversion":{"strategy":"Webhook","webhookClientConfig":{"service":{"namespace":"n","name":"s"}}}}}"#;
    let v1 = convert(definition(old, V1BETA1), V1BETA1, V1).expect("a known pair");
    let spec = r#"{"group":"g","names":{"plural":"as","singular":"a","kind":"A","listKind":"AList"},"scope":"Namespaced","versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}],"conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"service":{"namespace":"n","name":"s","port":443}},"conversionReviewVersions":["v1beta1"]}},"preserveUnknownFields":true}"#;
    let text = text(&v1, V1);
    assert!(text.contains(spec), "{text}");
    assert!(text.contains(r#""storedVersions":["v1"]"#), "{text}");
}

#[test]
fn what_is_no_definition_is_left_alone() {
    for spec in
        ["", r#","spec":null"#, r#","spec":{"versions":[]}"#, r#","spec":{"conversion":{"webhook":{}}}"#]
    {
        let text = format!(r#"{{"kind":"CustomResourceDefinition"{spec}}}"#);
        let value = json::decode_untyped(text.as_bytes()).expect("the test's JSON").value;
        let object = Object::try_from(value).expect("the test's object");
        assert!(convert(object.clone(), V1, V1BETA1).is_ok(), "{text}");
        assert!(convert(object, V1BETA1, V1).is_ok());
    }
}

/// A version's own members, from few values so that equal ones are common.
fn version() -> impl Strategy<Value = String> {
    let schema = prop::sample::select(vec![
        "",
        r#","schema":{}"#,
        r#","schema":{"openAPIV3Schema":{"type":"object","properties":{"a":{"type":"string","default":"x"}}}}"#,
        r#","schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"additionalProperties":{"items":{"type":"integer"}}}}"#,
    ]);
    let subresources = prop::sample::select(vec![
        "",
        r#","subresources":{}"#,
        r#","subresources":{"status":{}}"#,
        r#","subresources":{"scale":{"specReplicasPath":".a","statusReplicasPath":".b"}}"#,
    ]);
    let columns = prop::sample::select(vec![
        "",
        r#","additionalPrinterColumns":[{"name":"N","type":"string","jsonPath":".n"}]"#,
        r#","additionalPrinterColumns":[{"name":"N","type":"date","jsonPath":".n","priority":1},{"name":"M","type":"string","jsonPath":""}]"#,
    ]);
    let fields = prop::sample::select(vec!["", r#","selectableFields":[{"jsonPath":".s"}]"#]);
    let deprecated = prop::sample::select(vec!["", r#","deprecated":true,"deprecationWarning":"old""#]);
    (schema, subresources, columns, fields, deprecated).prop_map(|(a, b, c, d, e)| [a, b, c, d, e].concat())
}

fn conversion() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        r#"{"strategy":"None"}"#,
        r#"{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"]}}"#,
        r#"{"strategy":"Webhook","webhook":{"clientConfig":{"url":"https://a"},"conversionReviewVersions":["v1"]}}"#,
        r#"{"strategy":"Webhook","webhook":{"clientConfig":{"service":{"namespace":"n","name":"s","port":1}},"conversionReviewVersions":["v1"]}}"#,
    ])
}

proptest! {
    #[test]
    fn definitions_survive_the_way_to_v1beta1_and_back(
        versions in prop::collection::vec(version(), 1..4),
        conversion in conversion(),
        preserve: bool,
    ) {
        let versions: Vec<String> = versions
            .iter()
            .enumerate()
            .map(|(i, rest)| format!(r#"{{"name":"v{}","served":true,"storage":{}{rest}}}"#, i + 1, i == 0))
            .collect();
        let v1 = definition(
            &format!(
                r#"{{"metadata":{{"name":"as.g"}},"spec":{{"group":"g","names":{{"plural":"as","singular":"a","kind":"A","listKind":"AList"}},
                "scope":"Cluster","versions":[{}],"conversion":{conversion},"preserveUnknownFields":{preserve}}},{STATUS}}}"#,
                versions.join(",")
            ),
            V1,
        );
        let beta = convert(v1.clone(), V1, V1BETA1).unwrap();
        // Through both codecs, as storage may hold it.
        let read = definition(&text(&beta, V1BETA1), V1BETA1);
        prop_assert_eq!(&read, &beta);
        let message = protobuf::encode(crate::schema(), ty(V1BETA1), beta.as_value()).unwrap();
        let mut read = Object::try_from(protobuf::decode(crate::schema(), ty(V1BETA1), &message).unwrap()).unwrap();
        read.set_type(beta.api_version(), beta.kind());
        prop_assert_eq!(&read, &beta);
        let back = convert(beta, V1BETA1, V1).unwrap();
        prop_assert_eq!(back, v1);
    }
}

#[test]
fn the_tables_have_v1beta1_for_storage_only() {
    let resource = crate::facts::resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let resource = resource.expect("a resource of the tables");
    let (group, version) = &resource.storage_version;
    assert_eq!((group.as_str(), version.as_str(), resource.stored_as_json), (V1BETA1.0, V1BETA1.1, true));
    let json: Vec<_> =
        crate::resources().iter().filter(|r| r.stored_as_json).map(|r| r.plural.as_str()).collect();
    assert_eq!(json, ["apiservices", "customresourcedefinitions"]);
}
