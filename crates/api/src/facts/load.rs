//! Makes the schema and the resources from the embedded tables.

use keelson_apimachinery::schema::{Field, Kind, ListType, Merge, Omit, StructType};
use keelson_apimachinery::{Schema, Text, TypeId, Value};

use super::{Facts, OpenApi, Resource, Subresource};

#[allow(dead_code)]
mod wire {
    include!("wire.rs");
}

pub(super) static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/facts.bin"));

/// Reads the embedded tables. Strings stay in the binary's image and are borrowed from there.
pub(super) fn load() -> Facts {
    let tables: wire::Tables<'static> =
        postcard::from_bytes(BYTES).expect("the build script wrote these bytes with the same types");
    let loader = Loader { strings: tables.strings };
    let kinds = tables.kinds.iter().map(|(group, version, kind, index)| {
        (loader.str(*group), loader.str(*version), loader.str(*kind), TypeId(*index))
    });
    let openapi = &tables.openapi;
    let mut structs: Vec<StructType> = tables.types.iter().map(|t| loader.struct_type(t)).collect();
    for (ty, field) in &openapi.granular {
        structs[*ty as usize].fields[usize::from(*field)].merge.granular = true;
    }
    let text_of = |list: &[(u32, u32)]| list.iter().map(|(t, s)| (TypeId(*t), loader.str(*s))).collect();
    let fields = |list: &[(u32, u16)]| list.iter().map(|(t, f)| (TypeId(*t), usize::from(*f))).collect();
    let forms = openapi.forms.iter().map(|(f, n, d)| (loader.str(*f), loader.str(*n), loader.str(*d)));
    Facts {
        openapi: OpenApi {
            forms: forms.collect(),
            definitions: text_of(&openapi.definitions),
            unions: text_of(&openapi.unions),
            bare: fields(&openapi.bare),
            granular: fields(&openapi.granular),
        },
        kinds: kinds.collect(),
        everywhere: tables.everywhere.iter().map(|(kind, i)| (loader.str(*kind), TypeId(*i))).collect(),
        registered: tables.registered.iter().map(|(g, v, _)| (loader.str(*g), loader.str(*v))).collect(),
        named: tables
            .registered
            .iter()
            .flat_map(|(g, v, kinds)| kinds.iter().map(|k| (loader.str(*g), loader.str(*v), loader.str(*k))))
            .collect(),
        schema: Schema::new(structs),
        resources: tables.resources.iter().map(|r| loader.resource(r)).collect(),
    }
}

struct Loader {
    strings: Vec<&'static str>,
}

impl Loader {
    fn str(&self, id: u32) -> &'static str {
        self.strings[id as usize]
    }

    fn text(&self, id: u32) -> Text {
        Text::const_new(self.str(id))
    }

    fn texts(&self, ids: &[u32]) -> Vec<Text> {
        ids.iter().map(|id| self.text(*id)).collect()
    }

    fn struct_type(&self, t: &wire::Type) -> StructType {
        let fields = t.fields.iter().map(|f| self.field(f)).collect();
        let mut s = StructType::new(self.text(t.name), self.text(t.go_name), fields);
        s.atomic = t.atomic;
        s
    }

    fn field(&self, f: &wire::Field) -> Field {
        let mut field = Field::new(self.text(f.json), f.number, kind(&f.kind));
        field.go_type = self.text(f.go_type);
        field.pointer = f.pointer;
        field.omit = match f.omit {
            0 => Omit::Never,
            1 => Omit::Empty,
            _ => Omit::Zero,
        };
        field.inline = f.inline;
        field.required = f.required;
        field.merge = Merge {
            list_type: match f.list_type {
                0 => None,
                1 => Some(ListType::Atomic),
                2 => Some(ListType::Set),
                _ => Some(ListType::Map),
            },
            list_map_keys: self.texts(&f.list_map_keys),
            atomic_map: f.atomic_map,
            granular: false,
            patch_merge: f.patch_merge,
            patch_retain_keys: f.patch_retain_keys,
            patch_replace: f.patch_replace,
            patch_merge_key: f.patch_merge_key.map(|k| self.text(k)),
        };
        field.default = f.default.as_ref().map(|default| match default {
            wire::Default::Bool(b) => Value::Bool(*b),
            wire::Default::Int(i) => Value::Int(*i),
            wire::Default::String(s) => Value::String(self.text(*s)),
        });
        field.enum_values = self.texts(&f.enum_values);
        field
    }

    fn resource(&self, r: &wire::Resource) -> Resource {
        let subresources = r.subresources.iter().map(|s| Subresource {
            name: self.text(s.name),
            group: self.text(s.group),
            version: self.text(s.version),
            kind: self.text(s.kind),
            verbs: self.texts(&s.verbs),
        });
        Resource {
            group: self.text(r.group),
            version: self.text(r.version),
            kind: self.text(r.kind),
            plural: self.text(r.plural),
            singular: self.text(r.singular),
            namespaced: r.namespaced,
            verbs: self.texts(&r.verbs),
            short_names: self.texts(&r.short_names),
            categories: self.texts(&r.categories),
            subresources: subresources.collect(),
            type_id: TypeId(r.type_id),
            storage_version: (self.text(r.storage_group), self.text(r.storage_version)),
            storage_path: self.text(r.storage_path),
            stored_as_json: r.stored_as_json,
        }
    }
}

fn kind(k: &wire::Kind) -> Kind {
    match k {
        wire::Kind::Bool => Kind::Bool,
        wire::Kind::Int32 => Kind::Int32,
        wire::Kind::Int64 => Kind::Int64,
        wire::Kind::Float64 => Kind::Float64,
        wire::Kind::String => Kind::String,
        wire::Kind::Bytes => Kind::Bytes,
        wire::Kind::Time => Kind::Time,
        wire::Kind::MicroTime => Kind::MicroTime,
        wire::Kind::Duration => Kind::Duration,
        wire::Kind::Quantity => Kind::Quantity,
        wire::Kind::IntOrString => Kind::IntOrString,
        wire::Kind::RawExtension => Kind::RawExtension,
        wire::Kind::FieldsV1 => Kind::FieldsV1,
        wire::Kind::Json => Kind::Json,
        wire::Kind::SchemaOrArray(of) => Kind::SchemaOrArray(TypeId(*of)),
        wire::Kind::SchemaOrBool(of) => Kind::SchemaOrBool(TypeId(*of)),
        wire::Kind::SchemaOrStringArray(of) => Kind::SchemaOrStringArray(TypeId(*of)),
        wire::Kind::Any => Kind::Any,
        wire::Kind::Struct(of) => Kind::Struct(TypeId(*of)),
        wire::Kind::List(of) => Kind::List(Box::new(kind(of))),
        wire::Kind::ListMessage(of) => Kind::ListMessage(Box::new(kind(of))),
        wire::Kind::Map(of) => Kind::Map(Box::new(kind(of))),
    }
}
