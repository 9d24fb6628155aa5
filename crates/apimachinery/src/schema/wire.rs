//! What the protobuf codecs look up in a struct: its fields by number with inlined messages resolved, and its
//! JSON members in the order in which they are written. Worked out once, when a [`Schema`] is made.

use std::ops::Range;

use super::{Kind, Omit, Schema, StructType, TypeId};
use crate::{Text, codec::protobuf};

/// A struct as protobuf has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    /// Its fields by their numbers.
    by_number: Vec<Slot>,
    /// The fields whose numbers are too large for a table.
    large: Vec<(u32, Slot)>,
    inlines: Vec<TypeId>,
    /// Its JSON members in declaration order, those of inlined structs among them.
    pub(crate) outputs: Vec<Output>,
    /// The members that JSON output never leaves out, in declaration order.
    pub(crate) zeros: Vec<Zero>,
    /// Its fields in the order of their numbers.
    pub(crate) parts: Vec<Part>,
    /// The message in which nothing is set.
    pub(crate) zero: Box<[u8]>,
    /// Whether `zero` and `parts` tell how it is written: not where a member hides another one of its name,
    /// which protobuf has both.
    pub(crate) plain: bool,
}

/// A field of a message, as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) number: u32,
    /// The places in [`Wire::outputs`] of its member, or of all members of an inlined struct.
    pub(crate) orders: Range<usize>,
    /// An inlined struct.
    pub(crate) inlined: Option<TypeId>,
    /// Where it is in [`Wire::zero`].
    pub(crate) zero: Range<usize>,
}

/// A field of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot {
    /// The place of its member, or of an inlined struct's first one, in [`Wire::outputs`].
    pub(crate) order: u16,
    /// For an inlined struct: its index in [`Wire::inlines`] and one; else 0.
    inline: u16,
    /// One bit for each wire type that it can have; 0 where there is no such field.
    pub(crate) accepts: u8,
}

/// A member of a struct's JSON object.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// `,"name":`, as output writes it behind another member.
    pub(crate) key: Text,
    pub(crate) kind: Kind,
    /// Its number in the message of the struct that declares it; 0 where it is not in protobuf.
    pub(crate) number: u32,
    /// Whether it is in an inlined struct that may be nil.
    pub(crate) through_pointer: bool,
    /// Its index in [`StructType::members`]. `u16::MAX` where another member of its name hides it.
    pub(crate) member: u16,
    pub(crate) pointer: bool,
    pub(crate) omit: Omit,
    /// Whether output leaves out zero of a scalar that is no pointer.
    pub(crate) omits_zero: bool,
    /// Whether output may leave the member out for a reason that its wire form does not show.
    pub(crate) may_vanish: bool,
    /// The JSON of its struct when nothing in it is set, where output leaves that out.
    pub(crate) zero: Option<Box<str>>,
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

/// The bits of [`Slot::accepts`].
pub(crate) const VARINT: u8 = 1 << 0;
pub(crate) const FIXED64: u8 = 1 << 1;
pub(crate) const DELIMITED: u8 = 1 << 2;

/// Numbers from here on are searched rather than looked up, so that a table's size is bounded.
const TABLE: u32 = 1024;

impl Wire {
    /// The field with this number; one that accepts nothing where there is none.
    #[inline(always)]
    pub(crate) fn slot(&self, number: u32) -> Slot {
        match self.by_number.get(number as usize) {
            Some(slot) => *slot,
            None => self.large_slot(number),
        }
    }

    #[cold]
    fn large_slot(&self, number: u32) -> Slot {
        self.large.iter().find(|(n, _)| *n == number).map_or(Slot::default(), |(_, slot)| *slot)
    }

    /// The message whose fields are members of this struct, where the field is an inlined struct.
    #[inline(always)]
    pub(crate) fn inlined(&self, slot: Slot) -> Option<TypeId> {
        match slot.inline {
            0 => None,
            next => Some(self.inlines[usize::from(next) - 1]),
        }
    }

    fn of(schema: &Schema, of: &StructType) -> Wire {
        let mut wire = Wire::default();
        add_outputs(schema, of, of, (true, false), &mut wire.outputs);
        wire.add_fields(schema, of);
        for (i, always) in of.always.iter().enumerate() {
            let member = &of.members[usize::from(always.member)];
            let json = Text::const_new(",") + &member.quoted + &always.zero_json;
            wire.zeros.push(Zero { order: member.order, always: i as u16, json });
        }
        wire.zeros.sort_by_key(|zero| zero.order);
        wire
    }

    fn add_fields(&mut self, schema: &Schema, of: &StructType) {
        let mut order = 0;
        for field in &of.fields {
            let mut slot = Slot { order, inline: 0, accepts: field.kind.accepts() };
            match field.kind {
                Kind::Struct(inner) if field.inline => {
                    self.inlines.push(inner);
                    slot.inline = self.inlines.len() as u16;
                    order += schema.flat_len(inner);
                }
                _ => order += 1,
            }
            match field.number {
                0 => {}
                number @ ..TABLE => {
                    let length = self.by_number.len().max(number as usize + 1);
                    self.by_number.resize(length, Slot::default());
                    self.by_number[number as usize] = slot;
                }
                number => self.large.push((number, slot)),
            }
        }
    }

    fn add_parts(&mut self, schema: &Schema, id: TypeId) {
        let of = schema.get(id);
        let Ok((zero, ranges)) = protobuf::zero(schema, id) else { return };
        for ((number, _), zero) in of.numbered().zip(ranges) {
            let slot = self.slot(number);
            let (start, inlined) = (usize::from(slot.order), self.inlined(slot));
            let length = inlined.map_or(1, |inner| usize::from(schema.flat_len(inner)));
            self.parts.push(Part { number, orders: start..start + length, inlined, zero });
        }
        self.zero = zero.into();
        self.plain = self.outputs.iter().all(|output| output.member != u16::MAX);
    }
}

/// What each type's fields are in protobuf. Nothing that this calls may need it.
pub(super) fn of(schema: &Schema) -> Vec<Wire> {
    let wires = schema.iter().map(|(id, of)| {
        let mut wire = Wire::of(schema, of);
        wire.add_parts(schema, id);
        wire
    });
    wires.collect()
}

/// Adds the members of a struct that is itself, with those around it: in protobuf, and perhaps nil.
fn add_outputs(
    schema: &Schema,
    whole: &StructType,
    of: &StructType,
    (encoded, through_pointer): (bool, bool),
    outputs: &mut Vec<Output>,
) {
    for field in &of.fields {
        if let (Kind::Struct(inner), true) = (&field.kind, field.inline) {
            let inlined = (encoded && field.number != 0, through_pointer || field.pointer);
            add_outputs(schema, whole, schema.get(*inner), inlined, outputs);
            continue;
        }
        let order = outputs.len() as u16;
        let member = whole.member_index(&field.json).filter(|i| whole.members[*i].order == order);
        let zero = match &field.kind {
            Kind::Struct(inner) if field.omit == Omit::Zero && !field.pointer => {
                let always = schema.zero_json(*inner);
                Some(String::from_utf8_lossy(&always).into())
            }
            _ => None,
        };
        let may_vanish = field.omit != Omit::Never
            && match &field.kind {
                Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float64 => false,
                Kind::String | Kind::Bytes | Kind::Map(_) => false,
                Kind::Struct(_) => zero.is_some(),
                // A packed list may hold nothing.
                Kind::List(of) => of.accepts() != DELIMITED,
                Kind::ListMessage(_) | Kind::Any => true,
                _ => field.pointer || field.omit == Omit::Zero,
            };
        outputs.push(Output {
            key: member.map(|i| Text::const_new(",") + &whole.members[i].quoted).unwrap_or_default(),
            kind: field.kind.clone(),
            number: if encoded { field.number } else { 0 },
            through_pointer,
            member: member.map_or(u16::MAX, |i| i as u16),
            pointer: field.pointer,
            omit: field.omit,
            omits_zero: field.omit != Omit::Never && !field.pointer,
            may_vanish,
            zero,
        });
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
