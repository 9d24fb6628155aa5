//! Writes the tables: one file per Go package, one line per field, and one file of resources.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Error;
use super::discovery::Served;
use super::model::{FieldFacts, Shape, TypeFacts};
use super::resolve::Registered;
use super::storage::Storage;

const GENERATOR: &str = "cargo xtask facts";

/// Writes all tables, and removes tables that are no more.
pub(super) fn write(
    out: &Path,
    kubernetes: &str,
    served: &[Served],
    registered: &[Registered],
    storage: &Storage,
    types: &BTreeMap<String, TypeFacts>,
) -> Result<String, Error> {
    fs::create_dir_all(out).map_err(|e| Error::read(out, e))?;
    let mut written = BTreeSet::new();
    let mut save = |name: String, text: String| {
        let path = out.join(&name);
        written.insert(name);
        fs::write(&path, text).map_err(|e| Error::read(&path, e))
    };
    let mut packages: BTreeMap<&str, Vec<(&String, &TypeFacts)>> = BTreeMap::new();
    for (qualified, facts) in types {
        let package = facts.name.rsplit_once('.').map_or("", |(package, _)| package);
        packages.entry(package).or_default().push((qualified, facts));
    }
    let names: BTreeMap<&str, &str> =
        types.iter().map(|(qualified, facts)| (qualified.as_str(), facts.name.as_str())).collect();
    let mut counts = (0, 0);
    for (package, types) in &packages {
        let qualified = types[0].0;
        let path = qualified.rsplit_once('.').map_or("", |(path, _)| path);
        let mut text = header(kubernetes, &inputs(path));
        let _ = writeln!(text, "  \"package\": {},", json!(package));
        text.push_str("  \"types\": {\n");
        for (i, (_, facts)) in types.iter().enumerate() {
            counts = (counts.0 + 1, counts.1 + facts.fields.len());
            write_type(&mut text, facts, package, &names);
            text.push_str(if i + 1 < types.len() { ",\n" } else { "\n" });
        }
        text.push_str("  }\n}\n");
        let short = package.strip_prefix("io.k8s.").unwrap_or(package);
        save(format!("{short}.json"), text)?;
    }
    save("resources.json".into(), resources(kubernetes, served, registered, storage))?;
    let entries = fs::read_dir(out).map_err(|e| Error::read(out, e))?;
    for entry in entries {
        let path = entry.map_err(|e| Error::read(out, e))?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.ends_with(".json") && !written.contains(name) {
            fs::remove_file(&path).map_err(|e| Error::read(&path, e))?;
        }
    }
    Ok(format!(
        "{} tables, {} types, {} fields of Kubernetes {kubernetes}",
        written.len(),
        counts.0,
        counts.1
    ))
}

fn inputs(path: &str) -> Vec<String> {
    vec![format!("staging/src/{path}"), "api/openapi-spec/v3".into()]
}

fn header(kubernetes: &str, inputs: &[String]) -> String {
    format!(
        "{{\n  \"generator\": {},\n  \"kubernetes\": {},\n  \"inputs\": {},\n",
        json!(GENERATOR),
        json!(kubernetes),
        json!(inputs)
    )
}

/// Members of one line, in the order in which they were added.
#[derive(Default)]
struct Line(String);

impl Line {
    fn put(&mut self, key: &str, value: Value) {
        let separator = if self.0.is_empty() { "" } else { ", " };
        let _ = write!(self.0, "{separator}{}: {value}", json!(key));
    }

    fn put_some(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.put(key, json!(text));
        }
    }

    fn put_true(&mut self, key: &str, flag: bool) {
        if flag {
            self.put(key, json!(true));
        }
    }

    fn put_all(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.put(key, json!(texts));
        }
    }
}

fn write_type(text: &mut String, facts: &TypeFacts, package: &str, names: &BTreeMap<&str, &str>) {
    let local = facts.name.rsplit('.').next().unwrap_or_default();
    let mut line = Line::default();
    line.put("go", json!(facts.go_name));
    if !facts.kinds.is_empty() {
        let kinds: Vec<Value> = facts.kinds.iter().map(|(g, v, k)| json!([g, v, k])).collect();
        line.put("kinds", json!(kinds));
    }
    line.put_some("form", facts.form);
    line.put_true("inEveryVersion", facts.in_every_version);
    line.put_true("atomic", facts.atomic);
    if let Some(unions) = &facts.unions {
        line.put("unions", unions.clone());
    }
    if let Some(definition) = &facts.definition {
        line.put("definition", definition.clone());
    }
    let _ = write!(text, "    {}: {{{}, \"fields\": [", json!(local), line.0);
    for (i, field) in facts.fields.iter().enumerate() {
        let separator = if i == 0 { "\n" } else { ",\n" };
        let _ = write!(text, "{separator}      {{{}}}", field_line(field, package, names).0);
    }
    text.push_str(if facts.fields.is_empty() { "]}" } else { "\n    ]}" });
}

fn field_line(field: &FieldFacts, package: &str, names: &BTreeMap<&str, &str>) -> Line {
    let mut line = Line::default();
    if field.inline {
        line.put("inline", json!(true));
    } else {
        line.put("name", json!(field.json));
    }
    if field.number != 0 {
        line.put("number", json!(field.number));
    }
    let pointer = if field.pointer { "*" } else { "" };
    line.put("type", json!(format!("{pointer}{}", notation(&field.kind, package, names))));
    line.put_some("goType", &field.go_type);
    match (field.omit_empty, field.omit_zero) {
        (_, true) => line.put("omit", json!("zero")),
        (true, false) => line.put("omit", json!("empty")),
        (false, false) => {}
    }
    line.put_true("required", field.required);
    line.put_some("listType", &field.list_type);
    line.put_all("listMapKeys", &field.list_map_keys);
    line.put_some("mapType", &field.map_type);
    line.put_some("structType", &field.struct_type);
    line.put_some("patchStrategy", &field.patch_strategy);
    line.put_some("patchMergeKey", &field.patch_merge_key);
    if let Some(default) = &field.default {
        line.put("default", default.clone());
    }
    line.put_all("enum", &field.enum_values);
    line.put_true("bare", field.bare);
    line
}

/// A type as Go writes it; `message []T` is a list that is a protobuf message.
fn notation(shape: &Shape, package: &str, names: &BTreeMap<&str, &str>) -> String {
    match shape {
        Shape::Plain(name) => (*name).to_owned(),
        Shape::Struct(qualified) => {
            let name = names.get(qualified.as_str()).copied().unwrap_or(qualified);
            let local = name.strip_prefix(package).and_then(|n| n.strip_prefix('.'));
            local.unwrap_or(name).to_owned()
        }
        Shape::List(item) => format!("[]{}", notation(item, package, names)),
        Shape::ListMessage(item, _) => format!("message []{}", notation(item, package, names)),
        Shape::Map(value) => format!("map[string]{}", notation(value, package, names)),
    }
}

fn resources(kubernetes: &str, served: &[Served], registered: &[Registered], storage: &Storage) -> String {
    let inputs = [
        "api/discovery",
        "pkg/kubeapiserver/default_storage_factory_builder.go",
        "pkg/controlplane/apiserver/aggregator.go",
        "pkg/controlplane/apiserver/apiextensions.go",
        "pkg/apis/*/install/install.go",
    ];
    let mut text = header(kubernetes, &inputs.map(str::to_owned));
    let registered: Vec<Value> = registered
        .iter()
        .map(|(g, v, kinds)| if kinds.is_empty() { json!([g, v]) } else { json!([g, v, kinds]) })
        .collect();
    let _ = writeln!(text, "  \"registered\": {},", json!(registered));
    text.push_str("  \"versions\": [");
    for (i, gv) in served.iter().enumerate() {
        let separator = if i == 0 { "\n" } else { ",\n" };
        let _ = write!(
            text,
            "{separator}    {{\"group\": {}, \"version\": {}, \"resources\": [",
            json!(gv.group),
            json!(gv.version)
        );
        for (i, r) in gv.resources.iter().enumerate() {
            let mut line = Line::default();
            line.put("plural", json!(r.plural));
            line.put_some("singular", &r.singular);
            line.put("kind", json!(r.kind));
            line.put_true("namespaced", r.namespaced);
            line.put_all("verbs", &r.verbs);
            line.put_all("shortNames", &r.short_names);
            line.put_all("categories", &r.categories);
            if let Some(place) = storage.get(&(gv.group.clone(), r.plural.clone())) {
                line.put("storage", json!([place.group, place.version, place.path]));
                line.put_true("storedAsJson", place.json);
            }
            let separator = if i == 0 { "\n" } else { ",\n" };
            let _ = write!(text, "{separator}      {{{}", line.0);
            if !r.subresources.is_empty() {
                text.push_str(", \"subresources\": [");
                for (i, s) in r.subresources.iter().enumerate() {
                    let mut line = Line::default();
                    line.put("name", json!(s.name));
                    line.put("kind", json!([s.group, s.version, s.kind]));
                    line.put_all("verbs", &s.verbs);
                    let separator = if i == 0 { "\n" } else { ",\n" };
                    let _ = write!(text, "{separator}        {{{}}}", line.0);
                }
                text.push(']');
            }
            text.push('}');
        }
        text.push_str("\n    ]}");
    }
    text.push_str("\n  ]\n}\n");
    text
}
