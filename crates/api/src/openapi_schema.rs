//! OpenAPI definitions of the built-in types, made from the schema.
//!
//! A definition has two flavours: as in the one document of `/openapi/v2`, and as in a document of
//! `/openapi/v3`, of which there is one per group-version. Descriptions are added where they are given.

use std::collections::BTreeSet;

use keelson_apimachinery::codec::json;
use keelson_apimachinery::schema::{Field, Kind, ListType, Omit, StructType};
use keelson_apimachinery::{Map, Text, TypeId, Value};

use crate::facts::{self, OpenApi, schema};

/// The document that a definition stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document<'a> {
    /// `/openapi/v2`: no defaults, no `oneOf`, references without siblings but a description.
    V2,
    /// The document of a group and version below `/openapi/v3`; of the core group's `v1` also for documents
    /// that belong to no version (`/api`, `/apis`, `/apis/<group>`, `/version`).
    V3 {
        /// The API group.
        group: &'a str,
        /// Its version.
        version: &'a str,
    },
}

/// Texts that definitions and their properties may have as `description`.
pub trait Describe {
    /// The description of a definition, or of one of its properties.
    fn describe(&self, definition: &str, property: Option<&str>) -> Option<&str>;
}

/// Definitions without descriptions.
pub struct Undescribed;

impl Describe for Undescribed {
    fn describe(&self, _: &str, _: Option<&str>) -> Option<&str> {
        None
    }
}

/// The definition with this name (`io.k8s.api.core.v1.Pod`), where a built-in type has it.
pub fn definition(name: &str, document: Document<'_>, texts: &dyn Describe) -> Option<Value> {
    let builder = Builder { document, texts, extra: facts::openapi() };
    let mut definition = match schema().id(name) {
        Some(id) => builder.of_type(id),
        None => {
            let (_, _, text) = builder.extra.forms.iter().find(|(_, form, _)| *form == name)?;
            builder.adapted(parsed(text))
        }
    };
    if let Some(text) = texts.describe(name, None) {
        definition.insert("description", text);
    }
    Some(Value::Object(definition))
}

/// The names of all definitions in the document of `/openapi/v2`, in order.
pub fn all() -> BTreeSet<&'static str> {
    let mut roots = of_server();
    for (group, version) in versions() {
        roots.extend(roots_of(group, version));
    }
    closure(roots)
}

/// The names of all definitions in the `/openapi/v3` document of a served group and version, in order.
pub fn of_version(group: &str, version: &str) -> BTreeSet<&'static str> {
    closure(roots_of(group, version))
}

/// The names of all definitions that these types lead to, their own included.
pub fn closure(roots: impl IntoIterator<Item = TypeId>) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let mut pending: Vec<TypeId> = roots.into_iter().collect();
    while let Some(id) = pending.pop() {
        if names.insert(schema().get(id).name.as_str()) {
            references(id, &mut names, &mut pending);
        }
    }
    names
}

/// The types that answers of `/api`, `/apis`, `/apis/<group>` and `/version` have.
fn of_server() -> Vec<TypeId> {
    let kinds = ["APIVersions", "APIGroupList", "APIGroup"].map(|kind| facts::kind("", "v1", kind));
    kinds.into_iter().chain([schema().id("io.k8s.apimachinery.pkg.version.Info")]).flatten().collect()
}

fn versions() -> Vec<(&'static str, &'static str)> {
    let mut versions: Vec<_> =
        facts::resources().iter().map(|r| (r.group.as_str(), r.version.as_str())).collect();
    versions.dedup();
    versions
}

/// The types that the paths of a group and version name.
fn roots_of(group: &str, version: &str) -> Vec<TypeId> {
    const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
    let mut roots: Vec<Option<TypeId>> = vec![facts::kind("", "v1", "APIResourceList")];
    let of_version = |r: &&facts::Resource| r.group == group && r.version == version;
    for r in facts::resources().iter().filter(of_version) {
        roots.push(Some(r.type_id));
        let subresources = r.subresources.iter();
        for verb in r.verbs.iter().chain(subresources.clone().flat_map(|s| &s.verbs)) {
            match verb.as_str() {
                "list" => roots.push(facts::kind(group, version, &format!("{}List", r.kind))),
                "watch" => roots.push(facts::kind(group, version, "WatchEvent")),
                "delete" | "deletecollection" => {
                    roots.push(facts::kind(group, version, "DeleteOptions"));
                    roots.push(facts::kind("", "v1", "Status"));
                }
                "patch" => roots.push(schema().id(PATCH)),
                _ => {}
            }
        }
        // What connects (`exec`, `proxy`) takes its options as parameters, and answers with plain text.
        let spoken = subresources.filter(|s| !s.kind.ends_with("Options"));
        roots.extend(spoken.map(|s| facts::kind(&s.group, &s.version, &s.kind)));
    }
    roots.into_iter().flatten().collect()
}

/// Adds the names of forms, and the types, that a type's fields refer to.
fn references(id: TypeId, names: &mut BTreeSet<&'static str>, pending: &mut Vec<TypeId>) {
    for field in &schema().get(id).fields {
        let mut kind = &field.kind;
        while let Kind::List(of) | Kind::ListMessage(of) | Kind::Map(of) = kind {
            kind = of;
        }
        match kind {
            Kind::Struct(of) if field.inline => references(*of, names, pending),
            Kind::Struct(of) => pending.push(*of),
            kind => names.extend(form(kind)),
        }
        if let Kind::SchemaOrArray(of) | Kind::SchemaOrBool(of) | Kind::SchemaOrStringArray(of) = kind {
            pending.push(*of);
        }
    }
}

/// The definition's name of a kind with a wire form of its own.
fn form(kind: &Kind) -> Option<&'static str> {
    let form = match kind {
        Kind::Time => "time",
        Kind::MicroTime => "microTime",
        Kind::Duration => "duration",
        Kind::Quantity => "quantity",
        Kind::IntOrString => "intOrString",
        Kind::RawExtension => "rawExtension",
        Kind::FieldsV1 => "fieldsV1",
        Kind::Json => "json",
        Kind::SchemaOrArray(_) => "schemaOrArray",
        Kind::SchemaOrBool(_) => "schemaOrBool",
        Kind::SchemaOrStringArray(_) => "schemaOrStringArray",
        _ => return None,
    };
    facts::openapi().forms.iter().find(|(name, _, _)| *name == form).map(|(_, name, _)| *name)
}

fn parsed(text: &str) -> Map {
    match json::decode_untyped(text.as_bytes()).map(|decoded| decoded.value) {
        Ok(Value::Object(map)) => map,
        other => unreachable!("the tables hold objects as JSON, not {other:?}"),
    }
}

/// The default that an optional field has without being given one: Go's zero value, where its decoder leaves
/// one. OpenAPI v3 shows it.
pub fn implied_default(field: &Field) -> Option<Value> {
    if field.pointer {
        return None;
    }
    match field.kind {
        Kind::Struct(_) => Some(Value::Object(Map::new())),
        Kind::String if field.omit == Omit::Never => Some(Value::from("")),
        Kind::Bool if field.omit == Omit::Never => Some(Value::Bool(false)),
        Kind::Int32 | Kind::Int64 | Kind::Float64 if field.omit == Omit::Never => Some(Value::Int(0)),
        _ => None,
    }
}

struct Builder<'a> {
    document: Document<'a>,
    texts: &'a dyn Describe,
    extra: &'static OpenApi,
}

impl Builder<'_> {
    fn v3(&self) -> bool {
        self.document != Document::V2
    }

    fn reference(&self, name: &str) -> Map {
        let root = if self.v3() { "#/components/schemas/" } else { "#/definitions/" };
        object([("$ref", Value::from(format!("{root}{name}")))])
    }

    /// A definition as OpenAPI v3 has it, for the document at hand: v2 knows no `oneOf` and takes the string.
    fn adapted(&self, mut definition: Map) -> Map {
        if !self.v3() && definition.remove("oneOf").is_some() {
            definition.insert("type", "string");
        }
        definition
    }

    fn of_type(&self, id: TypeId) -> Map {
        let s = schema().get(id);
        let given = self.extra.definitions.iter().find(|(of, _)| *of == id);
        let mut definition = match given {
            Some((_, text)) => self.adapted(parsed(text)),
            None => self.of_fields(id, s),
        };
        let kinds: Vec<Value> = self.kinds(id).into_iter().map(Value::Object).collect();
        if !kinds.is_empty() {
            definition.insert("x-kubernetes-group-version-kind", kinds);
        }
        definition
    }

    fn of_fields(&self, id: TypeId, s: &StructType) -> Map {
        let mut properties = Map::new();
        let mut required = Vec::new();
        self.properties(&s.name, id, &mut properties, &mut required);
        let mut definition = object([("type", "object".into()), ("properties", properties.into())]);
        if !required.is_empty() {
            definition.insert("required", required);
        }
        if s.atomic {
            definition.insert("x-kubernetes-map-type", "atomic");
        }
        if let Some((_, text)) = self.extra.unions.iter().find(|(of, _)| *of == id)
            && let Ok(unions) = json::decode_untyped(text.as_bytes())
        {
            definition.insert("x-kubernetes-unions", unions.value);
        }
        definition
    }

    /// What every version registers is shown, in v3, with the version of the document and with `v1`.
    fn kinds(&self, id: TypeId) -> Vec<Map> {
        let kinds = facts::kinds_of(id);
        let everywhere = facts::in_every_version(id);
        let shown = kinds.into_iter().filter(|(g, v, _)| match self.document {
            Document::V3 { group, version } if everywhere => {
                (*g, *v) == ("", "v1") || (*g, *v) == (group, version)
            }
            _ => true,
        });
        let members = |(g, v, k): (&str, &str, &str)| {
            object([("group", g.into()), ("version", v.into()), ("kind", k.into())])
        };
        shown.map(members).collect()
    }

    fn properties(&self, definition: &str, id: TypeId, properties: &mut Map, required: &mut Vec<Value>) {
        for (i, field) in schema().get(id).fields.iter().enumerate() {
            match field.kind {
                Kind::Struct(inner) if field.inline => {
                    self.properties(definition, inner, properties, required);
                }
                _ => {
                    properties.insert(field.json.clone(), self.property(definition, id, i, field));
                    if field.required {
                        required.push(Value::from(field.json.clone()));
                    }
                }
            }
        }
    }

    fn property(&self, definition: &str, id: TypeId, index: usize, field: &Field) -> Map {
        let mut property = self.of_kind(&field.kind, &field.enum_values);
        if self.v3() {
            // A reference takes no siblings in v3: with a description, a default or more it is wrapped.
            if property.contains_key("$ref") && !self.extra.bare.contains(&(id, index)) {
                property = object([("allOf", vec![Value::Object(property)].into())]);
            }
            if let Some(default) = field.default.clone().or_else(|| implied_default(field)) {
                property.insert("default", default);
            }
        }
        if let Some(text) = self.texts.describe(definition, Some(&field.json)) {
            let values = if field.kind == Kind::String { field.enum_values.as_slice() } else { &[] };
            property.insert("description", with_values(text, values));
        }
        self.extensions(id, index, field, &mut property);
        property
    }

    fn extensions(&self, id: TypeId, index: usize, field: &Field, property: &mut Map) {
        let merge = &field.merge;
        let list_type = merge.list_type.map(|list_type| match list_type {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        });
        if let Some(list_type) = list_type {
            property.insert("x-kubernetes-list-type", list_type);
        }
        if !merge.list_map_keys.is_empty() {
            property.insert("x-kubernetes-list-map-keys", texts(&merge.list_map_keys));
        }
        if merge.atomic_map {
            property.insert("x-kubernetes-map-type", "atomic");
        } else if self.extra.granular.contains(&(id, index)) {
            property.insert("x-kubernetes-map-type", "granular");
        }
        let strategies = [
            (merge.patch_merge, "merge"),
            (merge.patch_retain_keys, "retainKeys"),
            (merge.patch_replace, "replace"),
        ];
        let strategy: Vec<&str> = strategies.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        if !strategy.is_empty() {
            property.insert("x-kubernetes-patch-strategy", strategy.join(","));
        }
        if let Some(key) = &merge.patch_merge_key {
            property.insert("x-kubernetes-patch-merge-key", key.clone());
        }
    }

    fn of_kind(&self, kind: &Kind, values: &[Text]) -> Map {
        let plain = |name: &str| object([("type", name.into())]);
        let formatted = |name: &str, format: &str| object([("type", name.into()), ("format", format.into())]);
        match kind {
            Kind::Bool => plain("boolean"),
            Kind::Int32 => formatted("integer", "int32"),
            Kind::Int64 => formatted("integer", "int64"),
            Kind::Float64 => formatted("number", "double"),
            Kind::String => {
                let mut string = plain("string");
                if !values.is_empty() {
                    string.insert("enum", texts(values));
                }
                string
            }
            Kind::Bytes => formatted("string", "byte"),
            Kind::Any => Map::new(),
            Kind::Struct(id) => self.reference(&schema().get(*id).name),
            Kind::List(item) | Kind::ListMessage(item) => {
                let mut list = plain("array");
                list.insert("items", self.of_kind(item, values));
                list
            }
            Kind::Map(value) => {
                let mut map = plain("object");
                map.insert("additionalProperties", self.of_kind(value, values));
                map
            }
            form => self.reference(self::form(form).unwrap_or_default()),
        }
    }
}

/// As upstream's generator, a field's values are named at the end of its description.
fn with_values(text: &str, values: &[Text]) -> String {
    let mut text = text.to_owned();
    if !values.is_empty() {
        text.push_str("\n\nPossible enum values:");
    }
    for value in values {
        text.push_str(&format!("\n - `{value:?}`"));
    }
    text
}

fn object<const N: usize>(members: [(&'static str, Value); N]) -> Map {
    members.into_iter().map(|(key, value)| (Text::const_new(key), value)).collect()
}

fn texts(list: &[Text]) -> Vec<Value> {
    list.iter().cloned().map(Value::from).collect()
}
