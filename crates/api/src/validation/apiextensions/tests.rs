use super::super::tests::Kind;

const DEFINITION: Kind = Kind {
    group: "apiextensions.k8s.io",
    plural: "customresourcedefinitions",
    least: r#"{"metadata":{"name":"as.g.example"},"spec":{"group":"g.example","scope":"Namespaced",
        "conversion":{"strategy":"None"},
        "names":{"plural":"as","singular":"a","kind":"A","listKind":"AList"},
        "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]},
        "status":{"storedVersions":["v1"]}}"#,
};

fn schema(schema: &str, expected: &[&str]) {
    let version =
        format!(r#"{{"name":"v1","served":true,"storage":true,"schema":{{"openAPIV3Schema":{schema}}}}}"#);
    DEFINITION.create(&format!(r#"{{"spec":{{"versions":[{version}]}}}}"#), expected);
}

#[test]
fn definitions_are_named_by_what_they_define() {
    DEFINITION.takes_the_least();
    DEFINITION.create(
        r#"{"metadata":{"name":"bs.g.example"}}"#,
        &["metadata.name: Invalid value: \"bs.g.example\": must be spec.names.plural+\".\"+spec.group"],
    );
    DEFINITION.create(
        r#"{"spec":{"scope":"Foo"}}"#,
        &["spec.scope: Unsupported value: \"Foo\": supported values: \"Cluster\", \"Namespaced\""],
    );
    DEFINITION.update(
        "",
        r#"{"status":{"conditions":[{"type":"Established","status":"True"}]}}"#,
        r#"{"spec":{"scope":"Cluster"}}"#,
        &["spec.scope: Invalid value: \"Cluster\": field is immutable"],
    );
}

#[test]
fn one_version_is_stored() {
    let version = |storage: bool| {
        format!(
            r#"{{"name":"v1","served":true,"storage":{storage},"schema":{{"openAPIV3Schema":{{"type":"object"}}}}}}"#
        )
    };
    DEFINITION.create(
        &format!(r#"{{"spec":{{"versions":[{}]}}}}"#, version(false)),
        &["spec.versions: Invalid value: …"],
    );
    let twice = format!(r#"{{"spec":{{"versions":[{},{}]}}}}"#, version(true), version(true));
    DEFINITION.create(
        &twice,
        &[
            "spec.versions: Invalid value: …",
            "spec.versions: Invalid value: …",
            "status.storedVersions: Invalid value: [\"v1\"]: must have the storage version v1",
        ],
    );
    DEFINITION.update(
        "",
        "{}",
        r#"{"status":{"storedVersions":["v0","v1"]}}"#,
        &["status.storedVersions[0]: Invalid value: \"v0\": missing from spec.versions; …"],
    );
}

#[test]
fn schemas_are_structural() {
    schema(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#, &[]);
    let of = "spec.validation.openAPIV3Schema";
    let required =
        format!("{of}.properties[a].type: Required value: must not be empty for specified object fields");
    schema(r#"{"type":"object","properties":{"a":{}}}"#, &[&required]);
    let root = format!("{of}.type: Invalid value: \"string\": must be object at the root");
    schema(r#"{"type":"string"}"#, &[&root]);
}
