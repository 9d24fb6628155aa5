//! Values to JSON text.

use super::escape::{write_float, write_raw, write_string};
use crate::schema::{Field, Kind, Omit};
use crate::{Map, Schema, TypeId, Value};

/// Writes the JSON that kube-apiserver would send for a value of this type: members in the order of their
/// declaration in Go, no space, no newline behind it.
///
/// The tree need not be canonical in its zero values: those that Go leaves out are left out, and those that
/// it writes are written, whether the tree has them or not. Members that the type does not have are dropped.
pub fn encode(schema: &Schema, ty: TypeId, value: &Value, out: &mut Vec<u8>) {
    let mut encoder = Encoder { schema, out, slots: Vec::new() };
    encoder.value(&Kind::Struct(ty), false, value);
}

/// Writes a value as Go writes a tree of maps: keys sorted, no space, no newline behind it.
pub fn encode_untyped(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Int(i) => out.extend_from_slice(itoa::Buffer::new().format(*i).as_bytes()),
        Value::Float(f) => write_float(*f, out),
        Value::String(text) => write_string(text, out),
        Value::Raw(json) => write_raw(json, out),
        Value::Array(values) => list(values, out, encode_untyped),
        Value::Object(members) => object(members, out, encode_untyped),
    }
}

fn list(values: &[Value], out: &mut Vec<u8>, mut write: impl FnMut(&Value, &mut Vec<u8>)) {
    out.push(b'[');
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(value, out);
    }
    out.push(b']');
}

fn object(members: &Map, out: &mut Vec<u8>, mut write: impl FnMut(&Value, &mut Vec<u8>)) {
    out.push(b'{');
    for (i, (key, value)) in members.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

struct Encoder<'a> {
    schema: &'a Schema,
    out: &'a mut Vec<u8>,
    /// The members to be written of the structs that are being written.
    slots: Vec<Slot<'a>>,
}

/// A member to be written.
#[derive(Clone, Copy)]
struct Slot<'a> {
    /// Its place in the output.
    order: u16,
    /// Its index in the struct's members.
    member: u16,
    value: Content<'a>,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    Value(&'a Value),
    Zero(&'a str),
}

impl<'a> Encoder<'a> {
    fn value(&mut self, kind: &'a Kind, pointer: bool, value: &'a Value) {
        match (kind, value) {
            (Kind::Struct(id), Value::Object(members)) => self.structure(*id, members),
            (Kind::List(kind) | Kind::ListMessage(kind), Value::Array(values)) => self.list(kind, values),
            (Kind::Map(kind), Value::Object(members)) => {
                self.out.push(b'{');
                for (i, (key, value)) in members.iter().enumerate() {
                    if i > 0 {
                        self.out.push(b',');
                    }
                    write_string(key, self.out);
                    self.out.push(b':');
                    self.value(kind, false, value);
                }
                self.out.push(b'}');
            }
            (
                Kind::SchemaOrArray(id) | Kind::SchemaOrBool(id) | Kind::SchemaOrStringArray(id),
                Value::Object(members),
            ) => self.structure(*id, members),
            (Kind::SchemaOrArray(id), Value::Array(values)) => {
                self.out.push(b'[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        self.out.push(b',');
                    }
                    match value {
                        Value::Object(members) => self.structure(*id, members),
                        other => encode_untyped(other, self.out),
                    }
                }
                self.out.push(b']');
            }
            (_, Value::Null) if !pointer => match self.schema.zero_of(kind) {
                Value::Object(_) => {
                    let Kind::Struct(id) = kind else { unreachable!("only structs are zero as objects") };
                    self.structure(*id, EMPTY);
                }
                zero => encode_untyped(&zero, self.out),
            },
            (_, value) => encode_untyped(value, self.out),
        }
    }

    fn list(&mut self, kind: &'a Kind, values: &'a [Value]) {
        self.out.push(b'[');
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.value(kind, false, value);
        }
        self.out.push(b']');
    }

    fn structure(&mut self, id: TypeId, members: &'a Map) {
        let schema = self.schema;
        let of = schema.get(id);
        let base = self.slots.len();
        // Members and zero values are both in the order of names.
        let mut always = of.always().iter().peekable();
        for (key, value) in members.iter() {
            let Some(index) = of.member_index(key) else { continue };
            let member = &of.members()[index];
            let zero = |order, a: &'a crate::schema::Always| Slot {
                order,
                member: a.member,
                value: Content::Zero(&a.zero_json),
            };
            while let Some(a) = always.next_if(|a| usize::from(a.member) < index) {
                self.slots.push(zero(of.members()[usize::from(a.member)].order, a));
            }
            always.next_if(|a| usize::from(a.member) == index);
            if !leaves_out(schema, schema.field_at(id, &member.path), value) {
                let (order, member) = (member.order, index as u16);
                self.slots.push(Slot { order, member, value: Content::Value(value) });
            }
        }
        for a in always {
            let order = of.members()[usize::from(a.member)].order;
            self.slots.push(Slot { order, member: a.member, value: Content::Zero(&a.zero_json) });
        }
        self.slots[base..].sort_unstable_by_key(|slot| slot.order);

        self.out.push(b'{');
        for i in base..self.slots.len() {
            if i > base {
                self.out.push(b',');
            }
            let slot = self.slots[i];
            let member = &of.members()[usize::from(slot.member)];
            self.out.extend_from_slice(member.quoted.as_bytes());
            match slot.value {
                Content::Zero(json) => self.out.extend_from_slice(json.as_bytes()),
                Content::Value(value) => {
                    let field = schema.field_at(id, &member.path);
                    self.value(&field.kind, field.pointer, value);
                }
            }
        }
        self.out.push(b'}');
        self.slots.truncate(base);
    }
}

const EMPTY: &Map = &Map::new();

/// Whether JSON output leaves out a field that has this value.
pub(crate) fn leaves_out(schema: &Schema, field: &Field, value: &Value) -> bool {
    match field.omit {
        Omit::Never => false,
        _ if field.pointer => value.is_null(),
        Omit::Zero if field.kind.is_go_struct() => match (&field.kind, value) {
            (_, Value::Null) => true,
            (Kind::Struct(id), Value::Object(members)) => is_zero(schema, *id, members),
            (kind, value) => *value == schema.zero_of(kind),
        },
        Omit::Empty if field.kind.is_go_struct() => false,
        Omit::Empty | Omit::Zero => match value {
            Value::Null | Value::Bool(false) | Value::Int(0) => true,
            Value::Bool(true) | Value::Int(_) | Value::Raw(_) => false,
            Value::Float(f) => *f == 0.0,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::Object(members) => members.is_empty(),
        },
    }
}

/// Whether nothing in a struct is set, whether or not its zero values are in the tree.
fn is_zero(schema: &Schema, id: TypeId, members: &Map) -> bool {
    let of = schema.get(id);
    members.iter().all(|(key, value)| {
        let Some(index) = of.member_index(key) else { return true };
        let field = schema.field_at(id, &of.members()[index].path);
        match (&field.kind, value) {
            _ if field.pointer => value.is_null(),
            (_, Value::Null) => true,
            (Kind::Struct(inner), Value::Object(members)) => is_zero(schema, *inner, members),
            // A list or map that is there but empty is not the zero value in Go.
            (kind, value) => *value == schema.zero_of(kind),
        }
    })
}
