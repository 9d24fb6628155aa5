//! The schema: what the codecs, patches and apply need to know of each type.
//!
//! One table serves built-in kinds (read from facts by `keelson-api`) and, later, custom resources.

mod members;
mod wire;

use std::collections::HashMap;

use members::Members;
pub(crate) use members::{Always, Member};
pub(crate) use wire::{DELIMITED, FIXED64, Output, VARINT, Zero};

use crate::{Text, Value};

/// A struct type's place in its [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

/// All struct types that can refer to each other.
#[derive(Debug, Default)]
pub struct Schema {
    structs: Vec<StructType>,
    by_name: HashMap<Text, TypeId>,
    /// For each type what it is in protobuf.
    wire: Vec<wire::Wire>,
}

impl Schema {
    /// A schema of these types; a type's id is its index.
    ///
    /// # Panics
    /// Where a field names a type past the end of the list: the table is wrong, not its user.
    pub fn new(structs: Vec<StructType>) -> Self {
        let by_name = structs.iter().enumerate().map(|(i, s)| (s.name.clone(), TypeId(i as u32))).collect();
        let mut schema = Schema { structs, by_name, wire: Vec::new() };
        for i in 0..schema.structs.len() {
            schema.structs[i].by_number = schema.numbers_of(i);
        }
        members::fill(&mut schema);
        schema.wire = wire::of(&schema);
        schema
    }

    /// The type with this id.
    pub fn get(&self, id: TypeId) -> &StructType {
        &self.structs[id.0 as usize]
    }

    /// The id of the type with this full name, such as `io.k8s.api.core.v1.PodSpec`.
    pub fn id(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// All types with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &StructType)> {
        self.structs.iter().enumerate().map(|(i, s)| (TypeId(i as u32), s))
    }

    /// The field that a JSON key names, through inlined structs: the path of field indexes that leads to it
    /// (one index, but for members of inlined structs), and the field.
    pub fn json_field(&self, id: TypeId, key: &str) -> Option<(&[u16], &Field)> {
        let s = self.get(id);
        let member = s.members.get(s.member_index(key)?)?;
        Some((&member.path, self.field_at(id, &member.path)))
    }

    /// The field at a path that [`Schema::json_field`] gave.
    pub fn field_at(&self, id: TypeId, path: &[u16]) -> &Field {
        let (last, inlined) = path.split_last().expect("paths of fields have a last index");
        let mut owner = self.get(id);
        for &i in inlined {
            match owner.fields[i as usize].kind {
                Kind::Struct(inner) => owner = self.get(inner),
                _ => unreachable!("only structs are inlined"),
            }
        }
        &owner.fields[*last as usize]
    }

    fn numbers_of(&self, of: usize) -> Vec<(u32, u16)> {
        let fields = self.structs[of].fields.iter().enumerate();
        let mut numbers: Vec<_> =
            fields.filter(|(_, f)| f.number != 0).map(|(i, f)| (f.number, i as u16)).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// A struct: its fields in the order of their declaration in Go, which is the order of JSON output.
#[derive(Clone, Debug, Default)]
pub struct StructType {
    /// The OpenAPI definition's name, such as `io.k8s.api.core.v1.PodSpec`.
    pub name: Text,
    /// The Go type's name with its package, such as `v1.PodSpec`: decoding errors quote it.
    pub go_name: Text,
    /// The fields in declaration order. Inlined structs are one field each, with `inline` set.
    pub fields: Vec<Field>,
    /// Whether a merge treats it as one value (`+structType=atomic`).
    pub atomic: bool,
    members: Members,
    /// In the order of names.
    always: Vec<Always>,
    by_number: Vec<(u32, u16)>,
}

impl StructType {
    /// A struct of these fields.
    pub fn new(name: impl Into<Text>, go_name: impl Into<Text>, fields: Vec<Field>) -> Self {
        StructType { name: name.into(), go_name: go_name.into(), fields, ..StructType::default() }
    }

    /// The members of its JSON object, those of inlined structs among them, sorted by name.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The index in [`StructType::members`] of the member `key`.
    pub(crate) fn member_index(&self, key: &str) -> Option<usize> {
        self.members.index_of(key)
    }

    /// The members that JSON output never leaves out, in the order of names.
    pub(crate) fn always(&self) -> &[Always] {
        &self.always
    }

    /// The index of the field with this protobuf number.
    pub fn by_number(&self, number: u32) -> Option<usize> {
        let i = self.by_number.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        Some(self.by_number[i].1 as usize)
    }

    /// Field indexes in the order of their protobuf numbers: the order in which Go writes them.
    pub fn numbered(&self) -> impl ExactSizeIterator<Item = (u32, usize)> + '_ {
        self.by_number.iter().map(|(n, i)| (*n, *i as usize))
    }
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// The JSON name; empty for an inlined struct.
    pub json: Text,
    /// The protobuf field number; 0 where the field is not in protobuf (`kind`, `apiVersion`).
    pub number: u32,
    /// The type.
    pub kind: Kind,
    /// The Go type as decoding errors print it, where it is another than `kind` tells: `v1.Protocol`,
    /// `[]types.UID`. Empty elsewhere.
    pub go_type: Text,
    /// Whether the Go field is a pointer: absent and zero differ, in JSON and in protobuf. A field that is
    /// none is always written to protobuf, but for lists, maps and bytes, which are written when not empty.
    pub pointer: bool,
    /// When JSON output leaves the field out.
    pub omit: Omit,
    /// Whether a struct's members stand in the parent's JSON object (in protobuf it is a message of its
    /// own where `number` is not 0; where it is 0, as for `TypeMeta`, its members are not in protobuf).
    pub inline: bool,
    /// Whether the API's documentation demands it.
    pub required: bool,
    /// How lists and maps merge.
    pub merge: Merge,
    /// The constant default that the API documents, as canonical JSON.
    pub default: Option<Value>,
    /// The values that a string may have, where they are listed.
    pub enum_values: Vec<Text>,
}

/// When JSON output leaves a field out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Omit {
    /// Never: a zero value is written (a nil list or map or pointer as `null`).
    #[default]
    Never,
    /// Go's `omitempty`: a nil pointer, an empty list or map, `""`, 0 and `false`. A struct that is no
    /// pointer is always written.
    Empty,
    /// Go's `omitzero` (alone or with `omitempty`): as `Empty`, and a struct whose fields are all zero.
    Zero,
}

/// A value's type.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A boolean.
    Bool,
    /// A 32-bit integer. Protobuf: varint.
    Int32,
    /// A 64-bit integer. Protobuf: varint.
    Int64,
    /// A double. Protobuf: 64-bit.
    Float64,
    /// A string.
    String,
    /// Bytes; base64 in JSON.
    Bytes,
    /// `metav1.Time`: RFC 3339 to the second. Protobuf: message {seconds = 1, nanos = 2}, nanos 0.
    Time,
    /// `metav1.MicroTime`: RFC 3339 with six fractional digits.
    MicroTime,
    /// `metav1.Duration`: Go's duration text. Protobuf: message {duration = 1} in nanoseconds.
    Duration,
    /// `resource.Quantity`. Protobuf: message {string = 1}.
    Quantity,
    /// `intstr.IntOrString`. Protobuf: message {type = 1, intVal = 2, strVal = 3}, all always written.
    IntOrString,
    /// `runtime.RawExtension`: [`Value::Raw`]. Protobuf: message {raw = 1}.
    RawExtension,
    /// `metav1.FieldsV1`: [`Value::Raw`]. Protobuf: message {Raw = 1}.
    FieldsV1,
    /// `apiextensions.JSON`: [`Value::Raw`]. Protobuf: message {raw = 1}.
    Json,
    /// `JSONSchemaPropsOrArray`: a schema or a list of them. Protobuf: message {schema = 1, jSONSchemas = 2}.
    SchemaOrArray(TypeId),
    /// `JSONSchemaPropsOrBool`: a schema or a boolean. Protobuf: message {allows = 1, schema = 2}.
    SchemaOrBool(TypeId),
    /// `JSONSchemaPropsOrStringArray`: a schema or strings. Protobuf: message {schema = 1, property = 2}.
    SchemaOrStringArray(TypeId),
    /// Any JSON, held as a tree and kept whole; never in protobuf.
    Any,
    /// A struct.
    Struct(TypeId),
    /// A list. Protobuf: a repeated field.
    List(Box<Kind>),
    /// A list that is a named Go type of its own (`ExtraValue`, `Verbs`). Protobuf: message {items = 1}.
    ListMessage(Box<Kind>),
    /// A map with string keys. Protobuf: repeated {key = 1, value = 2}, sorted by key.
    Map(Box<Kind>),
}

/// How two versions of a field merge: in server-side apply and in strategic merge patch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merge {
    /// `+listType`; atomic where unset.
    pub list_type: Option<ListType>,
    /// `+listMapKey`, for [`ListType::Map`].
    pub list_map_keys: Vec<Text>,
    /// `+mapType=atomic` or `+structType=atomic` on the field.
    pub atomic_map: bool,
    /// `+structType=granular` on the field: its type's `atomic` does not count here.
    pub granular: bool,
    /// `patchStrategy` has `merge`.
    pub patch_merge: bool,
    /// `patchStrategy` has `retainKeys`.
    pub patch_retain_keys: bool,
    /// `patchStrategy` has `replace`.
    pub patch_replace: bool,
    /// `patchMergeKey`.
    pub patch_merge_key: Option<Text>,
}

/// `+listType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Unique scalars.
    Set,
    /// Structs told apart by their keys.
    Map,
}

impl Field {
    /// A field with no merge facts, default or enum: what tests and derived schemas build on.
    pub fn new(json: impl Into<Text>, number: u32, kind: Kind) -> Self {
        Field {
            json: json.into(),
            number,
            kind,
            go_type: Text::const_new(""),
            pointer: false,
            omit: Omit::Never,
            inline: false,
            required: false,
            merge: Merge::default(),
            default: None,
            enum_values: Vec::new(),
        }
    }
}
