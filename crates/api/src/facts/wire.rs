// The binary form of the tables, between `build/tables.rs`, which includes this file, and `load.rs`. Plain comments:
// an included file can't have inner documentation.
//
// Strings stand once in `Tables::strings`; everything else holds their indexes.

/// An index into `Tables::strings`.
pub(super) type StringId = u32;
/// An index into `Tables::types`.
pub(super) type TypeIndex = u32;

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Tables<'a> {
    #[serde(borrow)]
    pub(super) strings: Vec<&'a str>,
    pub(super) types: Vec<Type>,
    /// Kinds and their types, sorted by the texts of group, version and kind.
    pub(super) kinds: Vec<(StringId, StringId, StringId, TypeIndex)>,
    /// Kinds that exist in every registered version, with their types.
    pub(super) everywhere: Vec<(StringId, TypeIndex)>,
    /// Groups and versions that the scheme of kube-apiserver knows, with their kinds where none has a type here.
    pub(super) registered: Vec<(StringId, StringId, Vec<StringId>)>,
    pub(super) resources: Vec<Resource>,
    pub(super) openapi: OpenApi,
}

/// What OpenAPI definitions have besides what follows from the types.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct OpenApi {
    /// Types with a wire form of their own: its name in the tables, the definition's name, its JSON.
    pub(super) forms: Vec<(StringId, StringId, StringId)>,
    /// Definitions that have no properties, as JSON.
    pub(super) definitions: Vec<(TypeIndex, StringId)>,
    /// `x-kubernetes-unions`, as JSON.
    pub(super) unions: Vec<(TypeIndex, StringId)>,
    /// Fields that refer to a definition and have no description.
    pub(super) bare: Vec<(TypeIndex, u16)>,
    /// Fields with `x-kubernetes-map-type: granular`.
    pub(super) granular: Vec<(TypeIndex, u16)>,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Type {
    pub(super) name: StringId,
    pub(super) go_name: StringId,
    pub(super) atomic: bool,
    pub(super) fields: Vec<Field>,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Field {
    pub(super) json: StringId,
    pub(super) number: u32,
    pub(super) go_type: StringId,
    pub(super) kind: Kind,
    pub(super) pointer: bool,
    /// 0 never, 1 empty, 2 zero.
    pub(super) omit: u8,
    pub(super) inline: bool,
    pub(super) required: bool,
    /// 0 none, 1 atomic, 2 set, 3 map.
    pub(super) list_type: u8,
    pub(super) list_map_keys: Vec<StringId>,
    pub(super) atomic_map: bool,
    pub(super) patch_merge: bool,
    pub(super) patch_retain_keys: bool,
    pub(super) patch_replace: bool,
    pub(super) patch_merge_key: Option<StringId>,
    pub(super) default: Option<Default>,
    pub(super) enum_values: Vec<StringId>,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) enum Default {
    Bool(bool),
    Int(i64),
    String(StringId),
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) enum Kind {
    Bool,
    Int32,
    Int64,
    Float64,
    String,
    Bytes,
    Time,
    MicroTime,
    Duration,
    Quantity,
    IntOrString,
    RawExtension,
    FieldsV1,
    Json,
    SchemaOrArray(TypeIndex),
    SchemaOrBool(TypeIndex),
    SchemaOrStringArray(TypeIndex),
    Any,
    Struct(TypeIndex),
    List(Box<Kind>),
    ListMessage(Box<Kind>),
    Map(Box<Kind>),
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Resource {
    pub(super) group: StringId,
    pub(super) version: StringId,
    pub(super) kind: StringId,
    pub(super) plural: StringId,
    pub(super) singular: StringId,
    pub(super) namespaced: bool,
    pub(super) verbs: Vec<StringId>,
    pub(super) short_names: Vec<StringId>,
    pub(super) categories: Vec<StringId>,
    pub(super) subresources: Vec<Subresource>,
    pub(super) type_id: TypeIndex,
    pub(super) storage_group: StringId,
    pub(super) storage_version: StringId,
    pub(super) storage_path: StringId,
    pub(super) stored_as_json: bool,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Subresource {
    pub(super) name: StringId,
    pub(super) group: StringId,
    pub(super) version: StringId,
    pub(super) kind: StringId,
    pub(super) verbs: Vec<StringId>,
}
