//! What the JSON codec looks up in a struct: its members by name with inlined structs resolved, and the zero
//! values that output never leaves out. Worked out once, when a [`Schema`] is made.

use super::{Field, Kind, Omit, Schema, StructType, TypeId};
use crate::{Map, Text, Value, codec::json};

/// A member of a struct's JSON object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) json: Text,
    /// The path of field indexes that leads to it: one, but for members of inlined structs.
    pub(crate) path: Vec<u16>,
    /// Its place in JSON output, which is declaration order.
    pub(crate) order: u16,
    /// `"name":`, as output writes it.
    pub(crate) quoted: Text,
}

/// A member that JSON output never leaves out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Always {
    /// Its index in [`StructType::members`].
    pub(crate) member: u16,
    /// What it is when it is not set.
    pub(crate) zero: Value,
    /// The same as JSON text.
    pub(crate) zero_json: Text,
}

/// Fills in the members and zero values of all types.
pub(super) fn fill(schema: &mut Schema) {
    for i in 0..schema.structs.len() {
        schema.structs[i].members = members_of(schema, TypeId(i as u32));
    }
    let mut done = vec![false; schema.structs.len()];
    for i in 0..schema.structs.len() {
        fill_always(schema, i, &mut done, 0);
    }
}

fn members_of(schema: &Schema, id: TypeId) -> Vec<Member> {
    let mut members = Vec::new();
    declared(schema, schema.get(id), &mut Vec::new(), &mut members);
    // Where an inlined struct has a member of the same name as its owner, Go takes the owner's.
    members.sort_by(|a: &Member, b| a.json.cmp(&b.json).then(a.path.len().cmp(&b.path.len())));
    members.dedup_by(|later, kept| later.json == kept.json);
    members
}

fn declared(schema: &Schema, of: &StructType, path: &mut Vec<u16>, members: &mut Vec<Member>) {
    for (i, field) in of.fields.iter().enumerate() {
        path.push(i as u16);
        match field.kind {
            Kind::Struct(inner) if field.inline => declared(schema, schema.get(inner), path, members),
            _ => {
                let mut quoted = Vec::new();
                json::encode_untyped(&Value::from(field.json.clone()), &mut quoted);
                let quoted = Text::from_utf8_lossy(&quoted) + ":";
                let (json, order) = (field.json.clone(), members.len() as u16);
                members.push(Member { json, path: path.clone(), order, quoted });
            }
        }
        path.pop();
    }
}

/// Structs that hold each other by value must be filled inside out.
fn fill_always(schema: &mut Schema, i: usize, done: &mut [bool], depth: usize) {
    assert!(depth < 256, "{} holds itself without a pointer", schema.structs[i].name);
    if done[i] {
        return;
    }
    let id = TypeId(i as u32);
    let mut always = Vec::new();
    for m in 0..schema.structs[i].members.len() {
        let path = schema.structs[i].members[m].path.clone();
        let field = schema.field_at(id, &path);
        if leaves_out_zero(field) || through_pointer(schema, id, &path) {
            continue;
        }
        if let (Kind::Struct(inner), false) = (&field.kind, field.pointer) {
            let inner = inner.0 as usize;
            fill_always(schema, inner, done, depth + 1);
        }
        let zero = schema.zero(schema.field_at(id, &path));
        let mut zero_json = Vec::new();
        json::encode_untyped(&zero, &mut zero_json);
        // Zero values of structs print in declaration order.
        if let (Kind::Struct(inner), false) = (&schema.field_at(id, &path).kind, zero.is_null()) {
            zero_json.clear();
            json::encode(schema, *inner, &zero, &mut zero_json);
        }
        always.push(Always { member: m as u16, zero, zero_json: Text::from_utf8_lossy(&zero_json) });
    }
    schema.structs[i].always = always;
    done[i] = true;
}

/// Whether output leaves the field out when it is not set.
fn leaves_out_zero(field: &Field) -> bool {
    match field.omit {
        Omit::Never => false,
        Omit::Zero => true,
        Omit::Empty => field.pointer || !field.kind.is_go_struct(),
    }
}

fn through_pointer(schema: &Schema, id: TypeId, path: &[u16]) -> bool {
    (1..path.len()).any(|n| schema.field_at(id, &path[..n]).pointer)
}

impl Kind {
    /// Whether it is a struct in Go, which `omitempty` never leaves out.
    pub(crate) fn is_go_struct(&self) -> bool {
        match self {
            Kind::Time | Kind::MicroTime | Kind::Duration | Kind::Quantity | Kind::IntOrString => true,
            Kind::RawExtension | Kind::FieldsV1 | Kind::Json | Kind::Struct(_) => true,
            Kind::SchemaOrArray(_) | Kind::SchemaOrBool(_) | Kind::SchemaOrStringArray(_) => true,
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::String | Kind::Bytes => false,
            Kind::Any | Kind::List(_) | Kind::ListMessage(_) | Kind::Map(_) => false,
        }
    }
}

impl Schema {
    /// The canonical value of a field that is not set.
    pub(crate) fn zero(&self, field: &Field) -> Value {
        if field.pointer { Value::Null } else { self.zero_of(&field.kind) }
    }

    /// The canonical zero value of a type: an object for a struct, `null` for a list or map.
    pub(crate) fn zero_of(&self, kind: &Kind) -> Value {
        match kind {
            Kind::Bool => Value::Bool(false),
            Kind::Int32 | Kind::Int64 | Kind::IntOrString => Value::Int(0),
            Kind::Float64 => Value::Float(0.0),
            Kind::String => Value::String(Text::const_new("")),
            Kind::Duration => Value::String(Text::const_new("0s")),
            Kind::Quantity => Value::String(Text::const_new("0")),
            Kind::SchemaOrBool(_) => Value::Bool(false),
            Kind::Struct(id) => self.zero_struct(*id).into(),
            Kind::Time | Kind::MicroTime | Kind::RawExtension | Kind::FieldsV1 | Kind::Json => Value::Null,
            Kind::SchemaOrArray(_) | Kind::SchemaOrStringArray(_) | Kind::Bytes => Value::Null,
            Kind::Any | Kind::List(_) | Kind::ListMessage(_) | Kind::Map(_) => Value::Null,
        }
    }

    /// The members that a struct has when nothing in it is set.
    pub(crate) fn zero_struct(&self, id: TypeId) -> Map {
        let of = self.get(id);
        of.always.iter().map(|a| (of.members[a.member as usize].json.clone(), a.zero.clone())).collect()
    }
}
