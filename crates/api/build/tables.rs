//! The fact tables in their binary form.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

include!("../src/facts/wire.rs");

/// Strings on their way into the table.
#[derive(Default)]
pub(super) struct Strings {
    texts: Vec<String>,
    ids: HashMap<String, StringId>,
}

impl Strings {
    fn id(&mut self, text: &str) -> StringId {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.texts.len() as StringId;
        self.texts.push(text.to_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }

    fn ids(&mut self, list: &Value) -> Vec<StringId> {
        list.as_array().into_iter().flatten().map(|v| self.id(v.as_str().expect("a string"))).collect()
    }

    fn member(&mut self, of: &Value, key: &str) -> StringId {
        self.id(of[key].as_str().unwrap_or_default())
    }
}

/// The tables' types by full name, and where each comes from.
pub(super) struct Source<'a> {
    pub(super) types: BTreeMap<String, (&'a str, &'a Value)>,
    pub(super) resources: &'a Value,
}

impl Source<'_> {
    fn struct_ids(&self) -> HashMap<&str, TypeIndex> {
        let structs = self.types.iter().filter(|(_, (_, t))| t["form"].is_null());
        structs.enumerate().map(|(i, (name, _))| (name.as_str(), i as TypeIndex)).collect()
    }

    fn openapi(&self, ids: &HashMap<&str, TypeIndex>, strings: &mut Strings) -> OpenApi {
        let mut openapi = OpenApi {
            forms: Vec::new(),
            definitions: Vec::new(),
            unions: Vec::new(),
            bare: Vec::new(),
            granular: Vec::new(),
        };
        for (name, (_, t)) in &self.types {
            let definition = &t["definition"];
            if let Some(form) = t["form"].as_str() {
                let (form, name) = (strings.id(form), strings.id(name));
                openapi.forms.push((form, name, strings.id(&definition.to_string())));
                continue;
            }
            let index = ids[name.as_str()];
            if !definition.is_null() {
                openapi.definitions.push((index, strings.id(&definition.to_string())));
            }
            if !t["unions"].is_null() {
                openapi.unions.push((index, strings.id(&t["unions"].to_string())));
            }
            for (i, field) in t["fields"].as_array().into_iter().flatten().enumerate() {
                if field["bare"] == true {
                    openapi.bare.push((index, i as u16));
                }
                if field["mapType"] == "granular" || field["structType"] == "granular" {
                    openapi.granular.push((index, i as u16));
                }
            }
        }
        openapi
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut strings = Strings::default();
        strings.id("");
        let ids = self.struct_ids();
        let mut types = Vec::new();
        let mut kinds = Vec::new();
        let mut everywhere = Vec::new();
        for (name, (package, t)) in self.types.iter().filter(|(_, (_, t))| t["form"].is_null()) {
            let index = types.len() as TypeIndex;
            for kind in t["kinds"].as_array().into_iter().flatten() {
                let part = |i: usize| kind[i].as_str().expect("a kind has three parts").to_owned();
                kinds.push((part(0), part(1), part(2), index));
            }
            if t["inEveryVersion"] == true {
                let (_, local) = name.rsplit_once('.').expect("names have a package");
                everywhere.push((strings.id(local), index));
            }
            let fields = t["fields"].as_array().expect("a type has fields");
            types.push(Type {
                name: strings.id(name),
                go_name: strings.member(t, "go"),
                atomic: t["atomic"] == true,
                fields: fields.iter().map(|f| field(f, package, &ids, &mut strings)).collect(),
            });
        }
        kinds.sort();
        let type_of = |group: &str, version: &str, kind: &str| -> TypeIndex {
            let found = kinds.iter().find(|(g, v, k, _)| g == group && v == version && k == kind);
            found.unwrap_or_else(|| panic!("no type for {group}/{version} {kind}")).3
        };
        let mut resources = Vec::new();
        for gv in self.resources["versions"].as_array().expect("versions") {
            for r in gv["resources"].as_array().expect("resources") {
                let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
                let type_id = type_of(&text(gv, "group"), &text(gv, "version"), &text(r, "kind"));
                let storage = |i: usize| r["storage"][i].as_str().unwrap_or_default();
                let subresources = r["subresources"].as_array().into_iter().flatten().map(|s| {
                    let kind = |i: usize| s["kind"][i].as_str().expect("a kind has three parts");
                    type_of(kind(0), kind(1), kind(2));
                    Subresource {
                        name: strings.member(s, "name"),
                        group: strings.id(kind(0)),
                        version: strings.id(kind(1)),
                        kind: strings.id(kind(2)),
                        verbs: strings.ids(&s["verbs"]),
                    }
                });
                let subresources = subresources.collect();
                resources.push(Resource {
                    group: strings.member(gv, "group"),
                    version: strings.member(gv, "version"),
                    kind: strings.member(r, "kind"),
                    plural: strings.member(r, "plural"),
                    singular: strings.member(r, "singular"),
                    namespaced: r["namespaced"] == true,
                    verbs: strings.ids(&r["verbs"]),
                    short_names: strings.ids(&r["shortNames"]),
                    categories: strings.ids(&r["categories"]),
                    subresources,
                    type_id,
                    storage_group: strings.id(storage(0)),
                    storage_version: strings.id(storage(1)),
                    storage_path: strings.id(storage(2)),
                    stored_as_json: r["storedAsJson"] == true,
                });
            }
        }
        let registered = self.resources["registered"].as_array().expect("registered").iter();
        let registered = registered.map(|gv| {
            let part = |i: usize| gv[i].as_str().expect("group and version");
            (strings.id(part(0)), strings.id(part(1)), strings.ids(&gv[2]))
        });
        let registered = registered.collect();
        let kinds = kinds
            .iter()
            .map(|(g, v, k, index)| (strings.id(g), strings.id(v), strings.id(k), *index))
            .collect();
        let openapi = self.openapi(&ids, &mut strings);
        let tables = Tables {
            strings: strings.texts.iter().map(String::as_str).collect(),
            types,
            kinds,
            everywhere,
            registered,
            resources,
            openapi,
        };
        postcard::to_allocvec(&tables).expect("plain data")
    }
}

fn field(f: &Value, package: &str, ids: &HashMap<&str, TypeIndex>, strings: &mut Strings) -> Field {
    let notation = f["type"].as_str().expect("a field has a type");
    let (pointer, notation) = match notation.strip_prefix('*') {
        Some(rest) => (true, rest),
        None => (false, notation),
    };
    let strategy = f["patchStrategy"].as_str().unwrap_or_default();
    let strategy = |name: &str| strategy.split(',').any(|s| s == name);
    let default = match &f["default"] {
        Value::Null => None,
        Value::Bool(b) => Some(Default::Bool(*b)),
        Value::Number(n) => Some(Default::Int(n.as_i64().expect("an integer default"))),
        Value::String(s) => Some(Default::String(strings.id(s))),
        other => panic!("the default {other} is not provided for"),
    };
    Field {
        json: strings.member(f, "name"),
        number: f["number"].as_u64().unwrap_or(0) as u32,
        go_type: strings.member(f, "goType"),
        kind: kind(notation, package, ids),
        pointer,
        omit: match f["omit"].as_str() {
            None => 0,
            Some("empty") => 1,
            Some("zero") => 2,
            Some(other) => panic!("omit {other}"),
        },
        inline: f["inline"] == true,
        required: f["required"] == true,
        list_type: match f["listType"].as_str() {
            None => 0,
            Some("atomic") => 1,
            Some("set") => 2,
            Some("map") => 3,
            Some(other) => panic!("list type {other}"),
        },
        list_map_keys: strings.ids(&f["listMapKeys"]),
        atomic_map: f["mapType"] == "atomic" || f["structType"] == "atomic",
        patch_merge: strategy("merge"),
        patch_retain_keys: strategy("retainKeys"),
        patch_replace: strategy("replace"),
        patch_merge_key: f["patchMergeKey"].as_str().map(|k| strings.id(k)),
        default,
        enum_values: strings.ids(&f["enum"]),
    }
}

fn kind(notation: &str, package: &str, ids: &HashMap<&str, TypeIndex>) -> Kind {
    let inner = |rest: &str| Box::new(kind(rest, package, ids));
    if let Some(rest) = notation.strip_prefix("message []") {
        return Kind::ListMessage(inner(rest));
    }
    if let Some(rest) = notation.strip_prefix("[]") {
        return Kind::List(inner(rest));
    }
    if let Some(rest) = notation.strip_prefix("map[string]") {
        return Kind::Map(inner(rest));
    }
    let id = |name: &str| *ids.get(name).unwrap_or_else(|| panic!("no type {name}"));
    let schema = || id("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps");
    match notation {
        "bool" => Kind::Bool,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float64" => Kind::Float64,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "time" => Kind::Time,
        "microTime" => Kind::MicroTime,
        "duration" => Kind::Duration,
        "quantity" => Kind::Quantity,
        "intOrString" => Kind::IntOrString,
        "rawExtension" => Kind::RawExtension,
        "fieldsV1" => Kind::FieldsV1,
        "json" => Kind::Json,
        "schemaOrArray" => Kind::SchemaOrArray(schema()),
        "schemaOrBool" => Kind::SchemaOrBool(schema()),
        "schemaOrStringArray" => Kind::SchemaOrStringArray(schema()),
        "any" => Kind::Any,
        name if name.contains('.') => Kind::Struct(id(name)),
        name => Kind::Struct(id(&format!("{package}.{name}"))),
    }
}
