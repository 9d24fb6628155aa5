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

/// The members of a struct's JSON object, sorted by name, with a table to find them: decoders look up every
/// key that they meet.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    sorted: Vec<Member>,
    /// Indexes of `sorted` by hash, and [`FREE`]: a power of two of places, at most half of them taken.
    table: Box<[u16]>,
}

const FREE: u16 = u16::MAX;

impl Members {
    fn new(sorted: Vec<Member>) -> Self {
        let mut table = vec![FREE; (2 * sorted.len()).next_power_of_two()].into_boxed_slice();
        for (i, member) in sorted.iter().enumerate() {
            let mut at = hash(&member.json) & (table.len() - 1);
            while table[at] != FREE {
                at = (at + 1) & (table.len() - 1);
            }
            table[at] = i as u16;
        }
        Members { sorted, table }
    }

    /// The index of the member `key`.
    pub(super) fn index_of(&self, key: &str) -> Option<usize> {
        let mask = self.table.len().checked_sub(1)?;
        let mut at = hash(key) & mask;
        loop {
            let member = self.sorted.get(usize::from(*self.table.get(at)?))?;
            if member.json == key {
                return Some(usize::from(self.table[at]));
            }
            at = (at + 1) & mask;
        }
    }
}

impl std::ops::Deref for Members {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.sorted
    }
}

/// Tells names apart by their length, their first and their last bytes. The names are the schema's, so that
/// no one can choose them to collide.
fn hash(key: &str) -> usize {
    let bytes = key.as_bytes();
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
            }
            _ => (bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
        },
    };
    let mixed = (first ^ last.rotate_left(29) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

/// Fills in the members and zero values of all types.
pub(super) fn fill(schema: &mut Schema) {
    for i in 0..schema.structs.len() {
        schema.structs[i].members = Members::new(members_of(schema, TypeId(i as u32)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_name() {
        let names: Vec<Text> = (0..300)
            .map(|i| "x".repeat(i % 30).into())
            .chain((0..300).map(|i| format!("n{i}").into()))
            .collect();
        let mut sorted: Vec<_> =
            names.iter().map(|json| Member { json: json.clone(), ..Member::default() }).collect();
        sorted.sort_by(|a, b| a.json.cmp(&b.json));
        sorted.dedup_by(|a, b| a.json == b.json);
        let members = Members::new(sorted);
        for (i, member) in members.iter().enumerate() {
            assert_eq!(members.index_of(&member.json), Some(i));
        }
        assert_eq!(members.index_of("absent"), None);
        assert_eq!(Members::default().index_of("a"), None);
        assert_eq!(Members::new(Vec::new()).index_of("a"), None);
    }
}
