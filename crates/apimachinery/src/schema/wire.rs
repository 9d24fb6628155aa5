//! What the protobuf codecs look up in a struct: its fields by number with inlined messages resolved, and its
//! JSON members in the order in which they are written. Worked out once, when a [`Schema`] is made.

use super::{Kind, Omit, Schema, StructType, TypeId};
use crate::Text;

/// A struct as protobuf has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    /// For each number its field's index and one; 0 where there is none.
    by_number: Vec<u16>,
    fields: Vec<WireField>,
    /// Its JSON members in declaration order, those of inlined structs among them.
    pub(crate) outputs: Vec<Output>,
    /// The members that JSON output never leaves out, in declaration order.
    pub(crate) zeros: Vec<Zero>,
}

/// A field of a message.
#[derive(Clone, Debug)]
pub(crate) struct WireField {
    number: u32,
    /// The place of its member, or of an inlined struct's first one, in [`Wire::outputs`].
    pub(crate) order: u16,
    /// One bit for each wire type that it can have.
    pub(crate) accepts: u8,
    /// For an inlined struct: the message whose fields are its members.
    pub(crate) inline: Option<TypeId>,
}

/// A member of a struct's JSON object.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// `,"name":`, as output writes it behind another member.
    pub(crate) key: Text,
    /// Its index in [`StructType::members`]. `u16::MAX` where another member of its name hides it.
    pub(crate) member: u16,
    pub(crate) kind: Kind,
    pub(crate) pointer: bool,
    pub(crate) omit: Omit,
    /// The value of its struct when nothing in it is set, where output leaves that out.
    pub(crate) zero: Option<Text>,
}

/// A member that JSON output never leaves out.
#[derive(Clone, Debug)]
pub(crate) struct Zero {
    /// Its place in [`Wire::outputs`].
    pub(crate) order: u16,
    /// Its index in [`StructType::always`].
    pub(crate) always: u16,
    /// `,"name":value`, as output writes it behind another member when it is not set.
    pub(crate) json: Text,
}

/// The bits of [`WireField::accepts`].
pub(crate) const VARINT: u8 = 1 << 0;
pub(crate) const FIXED64: u8 = 1 << 1;
pub(crate) const DELIMITED: u8 = 1 << 2;

/// Numbers from here on are searched rather than looked up, so that a table's size is bounded.
const TABLE: u32 = 1024;

impl Wire {
    /// The field with this number.
    #[inline]
    pub(crate) fn field(&self, number: u32) -> Option<&WireField> {
        match self.by_number.get(number as usize) {
            Some(0) => None,
            Some(next) => self.fields.get(usize::from(*next) - 1),
            None if number < TABLE => None,
            None => self.fields.iter().find(|f| f.number == number),
        }
    }

    fn of(schema: &Schema, of: &StructType) -> Wire {
        let mut wire = Wire::default();
        add_outputs(schema, of, of, &mut wire.outputs);
        add_fields(schema, of, &mut wire.fields);
        let largest = wire.fields.iter().map(|f| f.number).filter(|n| *n < TABLE).max().unwrap_or(0);
        wire.by_number = vec![0; largest as usize + 1];
        for (i, field) in wire.fields.iter().enumerate() {
            if let Some(place) = wire.by_number.get_mut(field.number as usize) {
                *place = i as u16 + 1;
            }
        }
        for (i, always) in of.always.iter().enumerate() {
            let member = &of.members[usize::from(always.member)];
            let json = Text::const_new(",") + &member.quoted + &always.zero_json;
            wire.zeros.push(Zero { order: member.order, always: i as u16, json });
        }
        wire.zeros.sort_by_key(|zero| zero.order);
        wire
    }
}

/// What each type's fields are in protobuf.
pub(super) fn of(schema: &Schema) -> Vec<Wire> {
    schema.structs.iter().map(|of| Wire::of(schema, of)).collect()
}

fn add_outputs(schema: &Schema, whole: &StructType, of: &StructType, outputs: &mut Vec<Output>) {
    for field in &of.fields {
        if let (Kind::Struct(inner), true) = (&field.kind, field.inline) {
            add_outputs(schema, whole, schema.get(*inner), outputs);
            continue;
        }
        let order = outputs.len() as u16;
        let member = whole.member_index(&field.json).filter(|i| whole.members[*i].order == order);
        let zero = match &field.kind {
            Kind::Struct(inner) if field.omit == Omit::Zero && !field.pointer => {
                let always = schema.zero_json(*inner);
                Some(Text::from_utf8_lossy(&always))
            }
            _ => None,
        };
        outputs.push(Output {
            key: member.map(|i| Text::const_new(",") + &whole.members[i].quoted).unwrap_or_default(),
            member: member.map_or(u16::MAX, |i| i as u16),
            kind: field.kind.clone(),
            pointer: field.pointer,
            omit: field.omit,
            zero,
        });
    }
}

fn add_fields(schema: &Schema, of: &StructType, fields: &mut Vec<WireField>) {
    let mut order = 0;
    for field in &of.fields {
        let inline = match field.kind {
            Kind::Struct(inner) if field.inline => Some(inner),
            _ => None,
        };
        if field.number != 0 {
            let accepts = field.kind.accepts();
            fields.push(WireField { number: field.number, order, accepts, inline });
        }
        order += inline.map_or(1, |inner| schema.flat_len(inner));
    }
}

impl Schema {
    /// What a type's fields are in protobuf.
    #[inline]
    pub(crate) fn wire(&self, id: TypeId) -> &Wire {
        &self.wire[id.0 as usize]
    }

    /// How many members a struct has, those of inlined structs among them.
    fn flat_len(&self, id: TypeId) -> u16 {
        let fields = self.get(id).fields.iter();
        fields
            .map(|f| match f.kind {
                Kind::Struct(inner) if f.inline => self.flat_len(inner),
                _ => 1,
            })
            .sum()
    }

    /// The JSON of a struct in which nothing is set.
    fn zero_json(&self, id: TypeId) -> Vec<u8> {
        let mut out = Vec::new();
        crate::codec::json::encode(self, id, &self.zero_struct(id).into(), &mut out);
        out
    }
}

impl Kind {
    /// The wire types that a field of this kind can have, a bit for each.
    pub(crate) fn accepts(&self) -> u8 {
        match self {
            Kind::Bool | Kind::Int32 | Kind::Int64 => VARINT,
            Kind::Float64 => FIXED64,
            // Numbers may be packed, though Kubernetes never does it.
            Kind::List(of) => of.accepts() | DELIMITED,
            _ => DELIMITED,
        }
    }
}
