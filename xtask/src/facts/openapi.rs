//! Reads the tree's OpenAPI v3 documents of served group-versions: to check the facts, and for the few that
//! no Go marker tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::Error;
use super::discovery::{self, Served};
use super::model::{FieldFacts, SPECIAL, Shape, TypeFacts};

/// The definitions of served documents.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub definitions: BTreeMap<String, Value>,
}

/// Reads the documents of `/api`, `/apis`, `/version` and of each served group-version.
pub(super) fn read(tree: &Path, served: &[Served]) -> Result<Documents, Error> {
    let dir = tree.join("api/openapi-spec/v3");
    let mut documents = Documents::default();
    let mut names = vec!["api".to_owned(), "apis".to_owned(), "version".to_owned()];
    for gv in served {
        names.push(match gv.group.as_str() {
            "" => format!("api__{}", gv.version),
            group => format!("apis__{group}__{}", gv.version),
        });
    }
    for name in names {
        let document = discovery::json(&dir.join(format!("{name}_openapi.json")))?;
        if let Some(schemas) = document["components"]["schemas"].as_object() {
            documents.definitions.extend(schemas.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
    }
    Ok(documents)
}

/// By Go name with import path.
type Types = BTreeMap<String, TypeFacts>;

/// Adds what only the documents tell, and compares the rest. Enums are left out: the tree's documents are
/// written without them.
pub(super) fn complete(types: &mut Types, documents: &Documents) -> Result<(), Error> {
    let mut complaints = Vec::new();
    for facts in types.values_mut() {
        let Some(definition) = documents.definitions.get(&facts.name) else { continue };
        facts.unions = definition.get("x-kubernetes-unions").cloned();
        if definition.get("properties").is_none() {
            let mut definition = definition.clone();
            if let Some(members) = definition.as_object_mut() {
                members.remove("description");
                members.remove("x-kubernetes-group-version-kind");
            }
            facts.definition = Some(definition);
            continue;
        }
        for field in &mut facts.fields {
            field.bare = definition["properties"][&field.json].get("$ref").is_some();
        }
    }
    mark_bare_inlined(types, documents);
    let names = types.iter().map(|(qualified, facts)| (qualified.as_str(), facts.name.as_str())).collect();
    for (qualified, facts) in &*types {
        if let Some(definition) = documents.definitions.get(&facts.name)
            && facts.definition.is_none()
        {
            compare(qualified, facts, definition, types, &names, &mut complaints);
        }
    }
    let known: BTreeSet<&str> = types.values().map(|facts| facts.name.as_str()).collect();
    for name in documents.definitions.keys().filter(|name| !known.contains(name.as_str())) {
        complaints.push(format!("{name}: only in the OpenAPI documents"));
    }
    if complaints.is_empty() { Ok(()) } else { Err(Error::Disagree(complaints)) }
}

/// Structs that are only inlined have no definition: their fields show in those that inline them.
fn mark_bare_inlined(types: &mut Types, documents: &Documents) {
    let mut bare = Vec::new();
    for facts in types.values() {
        let Some(definition) = documents.definitions.get(&facts.name) else { continue };
        for field in facts.fields.iter().filter(|f| f.inline) {
            let Shape::Struct(of) = &field.kind else { continue };
            let Some(inner) = types.get(of) else { continue };
            let shown = |f: &&FieldFacts| definition["properties"][&f.json].get("$ref").is_some();
            bare.extend(inner.fields.iter().filter(shown).map(|f| (of.clone(), f.json.clone())));
        }
    }
    for (of, name) in bare {
        let fields = types.get_mut(&of).into_iter().flat_map(|facts| &mut facts.fields);
        fields.filter(|f| f.json == name).for_each(|f| f.bare = true);
    }
}

fn compare(
    qualified: &str,
    facts: &TypeFacts,
    definition: &Value,
    types: &Types,
    names: &BTreeMap<&str, &str>,
    complaints: &mut Vec<String>,
) {
    let mut complain = |what: &str, found: &Value, expected: &Value| {
        if found != expected {
            complaints.push(format!("{}, {what}: {found}, in OpenAPI {expected}", facts.name));
        }
    };
    let mut properties = BTreeMap::new();
    flatten(qualified, types, &mut properties);
    let mut required: Vec<&str> =
        properties.values().filter(|f| f.required).map(|f| f.json.as_str()).collect();
    required.sort_unstable();
    let mut expected: Vec<&str> =
        definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    expected.sort_unstable();
    complain("required", &json!(required), &json!(expected));
    complain("atomic", &json!(facts.atomic), &json!(definition["x-kubernetes-map-type"] == "atomic"));
    let expected: BTreeSet<&str> =
        definition["properties"].as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    complain("properties", &json!(properties.keys().collect::<Vec<_>>()), &json!(expected));
    for (name, field) in properties {
        let property = &definition["properties"][name];
        let mut complain = |what: &str, found: Value, expected: &Value| {
            complain(&format!("{name}, {what}"), &found, expected);
        };
        complain("type", signature(&field.kind, names), &shown_signature(property));
        complain("default", json!(field.default.clone().or_else(|| implied(field))), &property["default"]);
        complain("list type", text(&field.list_type), &property["x-kubernetes-list-type"]);
        let keys = if field.list_map_keys.is_empty() { Value::Null } else { json!(field.list_map_keys) };
        complain("list map keys", keys, &property["x-kubernetes-list-map-keys"]);
        let map_type = if field.map_type.is_empty() { &field.struct_type } else { &field.map_type };
        complain("map type", text(map_type), &property["x-kubernetes-map-type"]);
        complain("patch strategy", text(&field.patch_strategy), &property["x-kubernetes-patch-strategy"]);
        complain("patch merge key", text(&field.patch_merge_key), &property["x-kubernetes-patch-merge-key"]);
    }
}

fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

fn flatten<'a>(qualified: &str, types: &'a Types, properties: &mut BTreeMap<&'a str, &'a FieldFacts>) {
    for field in types.get(qualified).into_iter().flat_map(|facts| &facts.fields) {
        match &field.kind {
            Shape::Struct(of) if field.inline => flatten(of, types, properties),
            _ => {
                properties.insert(&field.json, field);
            }
        }
    }
}

/// The default that a field has in OpenAPI when no marker names one: Go's zero value, where the decoder makes
/// it.
fn implied(field: &FieldFacts) -> Option<Value> {
    if field.pointer {
        return None;
    }
    match &field.kind {
        Shape::Struct(_) => Some(json!({})),
        Shape::Plain(name) if !field.omit_empty && !field.omit_zero => match *name {
            "string" => Some(json!("")),
            "bool" => Some(json!(false)),
            "int32" | "int64" | "float64" => Some(json!(0)),
            _ => None,
        },
        _ => None,
    }
}

/// A type as OpenAPI says it.
fn signature(shape: &Shape, names: &BTreeMap<&str, &str>) -> Value {
    let name = |qualified: &str| json!(names.get(qualified));
    match shape {
        Shape::Plain("string") => json!(["string", null]),
        Shape::Plain("bool") => json!(["boolean", null]),
        Shape::Plain("int32") => json!(["integer", "int32"]),
        Shape::Plain("int64") => json!(["integer", "int64"]),
        Shape::Plain("float64") => json!(["number", "double"]),
        Shape::Plain("bytes") => json!(["string", "byte"]),
        Shape::Plain(form) => {
            SPECIAL.iter().find(|(_, f)| f == form).map_or(Value::Null, |(qualified, _)| name(qualified))
        }
        Shape::Struct(qualified) => name(qualified),
        Shape::List(item) | Shape::ListMessage(item, _) => json!(["array", signature(item, names)]),
        Shape::Map(value) => json!(["object", signature(value, names)]),
    }
}

fn shown_signature(property: &Value) -> Value {
    let reference = property.get("$ref").or_else(|| property["allOf"][0].get("$ref"));
    if let Some(reference) = reference.and_then(Value::as_str) {
        return json!(reference.rsplit('/').next());
    }
    match property["type"].as_str() {
        Some("array") => json!(["array", shown_signature(&property["items"])]),
        Some("object") => json!(["object", shown_signature(&property["additionalProperties"])]),
        Some(plain) => json!([plain, property["format"]]),
        None => Value::Null,
    }
}
