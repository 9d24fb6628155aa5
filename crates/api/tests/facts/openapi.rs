//! OpenAPI definitions made from the facts, against those of a real server.

use std::collections::BTreeSet;
use std::fs;

use keelson_api::facts;
use keelson_api::openapi_schema::{self, Document, Undescribed};
use serde_json::Value;

use crate::{reference, reference_json};

fn made(name: &str, document: Document<'_>) -> Value {
    let definition = openapi_schema::definition(name, document, &Undescribed);
    let definition = definition.unwrap_or_else(|| panic!("no definition {name}"));
    let mut text = Vec::new();
    keelson_apimachinery::codec::json::encode_untyped(&definition, &mut text);
    serde_json::from_slice(&text).expect("definitions are JSON")
}

fn check(found: BTreeSet<&str>, expected: &Value, document: Document<'_>) {
    let expected = expected.as_object().expect("definitions");
    let names: BTreeSet<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(found, names, "{document:?}");
    for (name, expected) in expected {
        assert_eq!(&made(name, document), expected, "{name} in {document:?}");
    }
}

#[test]
fn definitions_of_every_v3_document_are_those_of_kube_apiserver() {
    let Some(dir) = reference("openapi/v3") else { return };
    let mut checked = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let expected = reference_json(&format!("openapi/v3/{file}")).expect("it was listed");
        let expected = &expected["components"]["schemas"];
        let path: Vec<&str> = file.trim_end_matches(".json").split("__").collect();
        let of_server = |kind: &str| {
            let names = openapi_schema::closure(facts::kind("", "v1", kind));
            check(names, expected, Document::V3 { group: "", version: "v1" });
        };
        match path.as_slice() {
            ["api"] => of_server("APIVersions"),
            ["apis"] => of_server("APIGroupList"),
            ["apis", _] => of_server("APIGroup"),
            ["api", version] => {
                let document = Document::V3 { group: "", version };
                check(openapi_schema::of_version("", version), expected, document);
            }
            ["apis", group, version] => {
                let document = Document::V3 { group, version };
                check(openapi_schema::of_version(group, version), expected, document);
            }
            ["version"] => {
                let names =
                    openapi_schema::closure(facts::schema().id("io.k8s.apimachinery.pkg.version.Info"));
                check(names, expected, Document::V3 { group: "", version: "v1" });
            }
            _ => continue,
        }
        checked += 1;
    }
    assert!(checked > 40, "{checked} documents");
}

#[test]
fn definitions_of_the_v2_document_are_those_of_kube_apiserver() {
    let Some(expected) = reference_json("openapi/v2.json") else { return };
    check(openapi_schema::all(), &expected["definitions"], Document::V2);
}

#[test]
fn a_reference_is_wrapped_in_v3_and_bare_in_v2() {
    let pod = "io.k8s.api.core.v1.Pod";
    let v3 = made(pod, Document::V3 { group: "", version: "v1" });
    let spec = &v3["properties"]["spec"];
    assert_eq!(spec["allOf"][0]["$ref"], "#/components/schemas/io.k8s.api.core.v1.PodSpec");
    assert_eq!(spec["default"], serde_json::json!({}));
    let v2 = made(pod, Document::V2);
    let spec = &v2["properties"]["spec"];
    assert_eq!(*spec, serde_json::json!({"$ref": "#/definitions/io.k8s.api.core.v1.PodSpec"}));
}

#[test]
fn descriptions_cover_served_definitions() {
    let texts = facts::descriptions();
    let pod = "io.k8s.api.core.v1.Pod";
    assert!(texts.of_type(pod).is_some_and(|t| t.starts_with("Pod is a collection of containers")));
    // Undescribed upstream, but for `object`.
    let undescribed = [
        "io.k8s.api.certificates.v1.CertificateSigningRequest.metadata",
        "io.k8s.api.networking.v1.IngressRule.http",
        "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent.object",
        "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent.type",
    ];
    let bare = ["JSONSchemaProps", "ExternalDocumentation", "version.Info"];
    let mut missing = Vec::new();
    for name in openapi_schema::all() {
        if texts.of_type(name).is_none() {
            missing.push(name.to_owned());
        }
        if bare.iter().any(|bare| name.ends_with(bare)) {
            continue;
        }
        let definition = made(name, Document::V2);
        for property in definition["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
            if texts.of_field(name, property).is_none() {
                missing.push(format!("{name}.{property}"));
            }
        }
    }
    assert_eq!(missing, undescribed);
    assert!(texts.of_field("io.k8s.api.core.v1.PodList", "items").is_some_and(|t| t.contains("Pod")));

    let definition = openapi_schema::definition("io.k8s.api.core.v1.PodSpec", Document::V2, &texts);
    let definition = definition.expect("a definition");
    let text = definition.str_at(&["properties", "restartPolicy", "description"]);
    assert!(
        text.ends_with("\n\nPossible enum values:\n - `\"Always\"`\n - `\"Never\"`\n - `\"OnFailure\"`"),
        "{text}"
    );
}
