use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;

use super::go::{Body, GoType, Package, Text};
use super::model::{FieldFacts, Shape, TypeFacts};
use super::openapi::{self, Documents};
use super::{go, proto, storage};

const SOURCE: &str = r#"
package v1

import (
	metav1 "example.com/meta/v1"
	"example.com/other"
)

// Widget is a thing.
// +structType=atomic

// More of it.
type Widget struct {
	metav1.TypeMeta `json:",inline"`
	// Standard metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty" protobuf:"bytes,1,opt,name=metadata"`
	/* A block
	comment. */
	// +listType=map
	// +listMapKey=name
	// +listMapKey=port
	Parts []Part `json:"parts" patchStrategy:"merge" patchMergeKey:"name" protobuf:"bytes,2,rep,name=parts"` // trailing
	Sizes map[string]*other.Size `json:"sizes,omitempty,omitzero" protobuf:"bytes,3,rep,name=sizes"`
}

func (w *Widget) Name() string {
	type local struct {
		hidden int
	}
	return "x"
}

type Callback struct {
	Call func() error
}

// +enum
type Mode string

const (
	ModeOn  Mode = "On" // on
	ModeOff      = Mode("Off")
	ModeFar Mode = other.Far
	Count        = 3
)

type (
	Names []string
	Same  = Widget
)
"#;

fn package() -> Package {
    let mut package = Package::default();
    go::read_source("types.go", SOURCE, &mut package).expect("it is read");
    package
}

fn markers(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

#[test]
fn structs_are_read_with_markers_tags_and_imported_names() {
    let package = package();
    let widget = &package.types["Widget"];
    assert_eq!(markers(&widget.markers), [("structType", "atomic")]);
    let Body::Struct(fields) = &widget.body else { panic!("{:?}", widget.body) };
    let shown: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.go_type.to_string())).collect();
    let expected = [
        ("", "example.com/meta/v1.TypeMeta"),
        ("", "example.com/meta/v1.ObjectMeta"),
        ("Parts", "[]Part"),
        ("Sizes", "map[string]*example.com/other.Size"),
    ];
    assert_eq!(shown, expected.map(|(name, go_type)| (name, go_type.to_owned())));
    let parts = &fields[2];
    assert_eq!(
        markers(&parts.markers),
        [("listType", "map"), ("listMapKey", "name"), ("listMapKey", "port")]
    );
    assert_eq!(parts.tag["patchMergeKey"], "name");
    assert_eq!(parts.tag["protobuf"], "bytes,2,rep,name=parts");
}

#[test]
fn what_has_no_wire_form_is_kept_as_such() {
    let package = package();
    assert!(matches!(&package.types["Callback"].body, Body::Other(why) if why.contains("Call")));
    assert!(matches!(&package.types["Names"].body, Body::Named(GoType::List(_))));
    assert!(matches!(&package.types["Same"].body, Body::Alias(GoType::Name(of)) if of == "Widget"));
    assert!(!package.types.contains_key("local"));
}

#[test]
fn constants_are_texts_or_name_other_constants() {
    let shown: Vec<_> = package()
        .constants
        .into_iter()
        .map(|c| match c.value {
            Text::Literal(text) => (c.name, c.go_type, format!("{text:?}")),
            Text::Constant(of) => (c.name, c.go_type, of),
        })
        .collect();
    let expected = [
        ("ModeOn", "Mode", "\"On\""),
        ("ModeOff", "Mode", "\"Off\""),
        ("ModeFar", "Mode", "example.com/other.Far"),
    ];
    assert_eq!(shown, expected.map(|(n, t, v)| (n.to_owned(), t.to_owned(), v.to_owned())));
}

#[test]
fn messages_are_read_with_full_names() {
    let mut messages = BTreeMap::new();
    let text = "package k8s.io.a.v1;\n// prose {\nmessage Widget {\n  // +optional\n  optional .k8s.io.b.v1.Meta metadata = 1;\n\n  repeated Part parts = 2;\n  map<string, int32> sizes = 3 [packed = true];\n}\n";
    proto::parse(text, &mut messages).expect("it is read");
    let shown: Vec<_> = messages["k8s.io.a.v1.Widget"]
        .iter()
        .map(|(number, f)| (*number, f.name.as_str(), f.repeated, f.proto_type.as_str()))
        .collect();
    let expected = [
        (1, "metadata", false, "k8s.io.b.v1.Meta"),
        (2, "parts", true, "k8s.io.a.v1.Part"),
        (3, "sizes", false, "map<string, int32>"),
    ];
    assert_eq!(shown, expected);
    assert!(proto::parse("message A {\n  required int32 x = 1;\n}", &mut messages).is_err());
}

#[test]
fn storage_exceptions_are_read_from_calls() {
    let codec = "Codec = scheme.Codecs.LegacyCodec(v1beta1.SchemeGroupVersion, v1.SchemeGroupVersion)";
    assert_eq!(storage::legacy_version(codec).as_deref(), Some("v1beta1"));
    let directories = storage::directories("\t{Group: \"\", Resource: \"nodes\"}:   \"minions\",\n");
    assert_eq!(directories[&(String::new(), "nodes".to_owned())], "minions");
    let line = "f.AddCohabitatingResources(apps.Resource(\"a\"), api.Resource(\"b\").WithVersion(\"v2\"))";
    let calls: Vec<_> = storage::resource_calls(line).map(|(alias, plural, _)| (alias, plural)).collect();
    assert_eq!(calls, [("apps", "a"), ("api", "b")]);
}

fn widget() -> BTreeMap<String, TypeFacts> {
    let field = FieldFacts {
        json: "size".into(),
        number: 1,
        kind: Shape::Plain("int32"),
        required: true,
        ..FieldFacts::default()
    };
    let facts = TypeFacts {
        name: "com.example.v1.Widget".into(),
        go_name: "v1.Widget".into(),
        kinds: Vec::new(),
        in_every_version: false,
        form: "",
        atomic: false,
        fields: vec![field],
        unions: None,
        definition: None,
    };
    BTreeMap::from([("example.com/v1.Widget".to_owned(), facts)])
}

#[test]
fn facts_that_differ_from_openapi_are_refused() {
    let check = |definition: serde_json::Value, complaint: &str| {
        let name = "com.example.v1.Widget".to_owned();
        let documents = Documents { definitions: BTreeMap::from([(name, definition)]) };
        let result = openapi::complete(&mut widget(), &documents);
        match result {
            Ok(()) => assert_eq!(complaint, ""),
            Err(error) => assert!(error.to_string().contains(complaint) && !complaint.is_empty(), "{error}"),
        }
    };
    let size = json!({"type": "integer", "format": "int32", "default": 0});
    check(json!({"type": "object", "required": ["size"], "properties": {"size": size}}), "");
    check(json!({"type": "object", "properties": {"size": size}}), "required");
    check(
        json!({"type": "object", "required": ["size"], "properties": {"size": size, "x": {}}}),
        "properties",
    );
    let long = json!({"type": "integer", "format": "int64", "default": 0});
    check(json!({"type": "object", "required": ["size"], "properties": {"size": long}}), "type");
    let other = json!({"type": "integer", "format": "int32", "default": 1});
    check(json!({"type": "object", "required": ["size"], "properties": {"size": other}}), "default");
}

fn tables(dir: &Path) -> BTreeMap<String, String> {
    let mut tables = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "json") {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            tables.insert(name, fs::read_to_string(&path).expect("a table"));
        }
    }
    tables
}

/// With `KUBERNETES_TREE` set to the source tree that the tables were made from.
#[test]
fn the_tables_are_what_the_tree_gives() {
    let Some(tree) = env::var_os("KUBERNETES_TREE").map(PathBuf::from) else {
        println!("skipped: KUBERNETES_TREE is not set");
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let committed = tables(&root.join("crates/api/schema"));
    let out = tempfile::tempdir().expect("a directory");
    super::run(&tree, None, out.path()).expect("tables");
    assert_eq!(tables(out.path()), committed);
    let discovery = root.join("../shared/reference/discovery");
    if discovery.exists() {
        super::run(&tree, Some(&discovery), out.path()).expect("tables");
        assert_eq!(tables(out.path()), committed);
    }
}
