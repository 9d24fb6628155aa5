//! JSON to protobuf.

#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::ops::Range;

use crate::codec::json::{self, Decoder, Effort, Parser, Path, Step, Token, refuse};
use crate::codec::protobuf::reader::DELIMITED;
use crate::codec::protobuf::writer::Writer;
use crate::codec::protobuf::{self, Encoder};
use crate::codec::{DecodeError, StrictError};
use crate::schema::{Field, Kind, Omit};
use crate::{Schema, TypeId, Value};

/// Writes the message of an object of this type that comes as JSON, and hands back what strict field validation
/// would refuse: what [`json::decode`] and [`protobuf::encode`] make of it one after the other, without the
/// tree between them.
///
/// # Errors
/// As [`json::decode`] and [`protobuf::encode`]. `out` is as it was then.
pub fn json_to_protobuf(
    schema: &Schema,
    ty: TypeId,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<Vec<StrictError>, DecodeError> {
    directly(schema, ty, text, out).unwrap_or_else(|| through_tree(schema, ty, text, out))
}

/// `None`: it has to go through a tree as a whole.
fn directly(
    schema: &Schema,
    ty: TypeId,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Option<Result<Vec<StrictError>, DecodeError>> {
    let length = out.len();
    let mut gave_up = false;
    let result = json::run(schema, text, |decoder| {
        let mut transcoder = Transcoder::new(schema, decoder, std::mem::take(out));
        let step = transcoder.object(ty);
        gave_up = transcoder.gave_up;
        *out = transcoder.encoder.writer.out;
        step
    });
    if gave_up || result.is_err() {
        out.truncate(length);
    }
    (!gave_up).then(|| result.map(|((), strict)| strict))
}

fn through_tree(
    schema: &Schema,
    ty: TypeId,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<Vec<StrictError>, DecodeError> {
    let decoded = json::decode(schema, ty, text)?;
    out.extend(protobuf::encode(schema, ty, &decoded.value)?);
    Ok(decoded.strict)
}

/// Values inside of more structs than this are decoded to trees of their own: it bounds the recursion here,
/// and leaves it to the encoder to see what is too deep for it.
const DIRECT_DEPTH: usize = 128;

/// How many times the length of the text may be read again for the sake of repeated members.
const MAX_REREAD: usize = 2;

/// Each field is written when it is met, behind what is written already. At a struct's end its fields are put
/// into the order of their numbers, with the zero values of those that were not there.
struct Transcoder<'s, 'a, 'd> {
    schema: &'s Schema,
    decoder: &'d mut Decoder<'s, 'a>,
    encoder: Encoder<'s>,
    /// Where the members of the structs that are being read are in what is written, by their order.
    slots: Vec<Slot>,
    /// The entries of the maps that are being read: their keys, and where they are in what is written.
    entries: Vec<(Cow<'a, str>, Range<usize>)>,
    /// What is being put into order.
    ordered: Writer,
    /// How many bytes were read more than once.
    reread: usize,
    /// How many values were met that are written in another way when the struct that they are in is left out
    /// for being zero.
    not_quite_zero: usize,
    /// Whether the whole has to go through a tree: what is wrong shows only there, or too much would be read
    /// more than once.
    gave_up: bool,
}

/// A member of a struct.
#[derive(Clone, Copy, PartialEq)]
enum Slot {
    Unseen,
    /// It was there, but it is as if it was not.
    LeftOut,
    /// Where it begins and ends.
    Written(usize, usize),
}

/// Where reading may go on again, and in which state.
struct Mark<'a> {
    parser: Parser<'a>,
    strict: usize,
    effort: Effort,
    wrong: bool,
    written: usize,
    slots: usize,
    not_quite_zero: usize,
}

impl<'s, 'a, 'd> Transcoder<'s, 'a, 'd> {
    fn new(schema: &'s Schema, decoder: &'d mut Decoder<'s, 'a>, out: Vec<u8>) -> Self {
        let mut encoder = Encoder::new(schema);
        encoder.writer.out = out;
        Transcoder {
            schema,
            decoder,
            encoder,
            slots: Vec::new(),
            entries: Vec::new(),
            ordered: Writer::default(),
            reread: 0,
            not_quite_zero: 0,
            gave_up: false,
        }
    }

    fn object(&mut self, ty: TypeId) -> Step<()> {
        if self.decoder.parser.peek()? == Token::Object {
            return self.message(None, ty, &Path::ROOT);
        }
        let value = self.decoder.object(ty)?;
        self.tree(None, ty, &value);
        Ok(())
    }

    /// A struct; `None` for the outermost, which has neither tag nor length.
    fn message(&mut self, number: Option<u32>, id: TypeId, path: &Path<'_>) -> Step<()> {
        let wire = self.schema.wire(id);
        if !wire.plain || self.encoder.depth >= DIRECT_DEPTH {
            let value = self.decoder.structure(id, path, None)?;
            self.tree(number, id, &value);
            return Ok(());
        }
        let mark = self.mark();
        let base = self.slots.len();
        self.slots.resize(base + wire.outputs.len(), Slot::Unseen);
        let of = self.schema.get(id);
        let mut more = self.decoder.parser.enter_object()?;
        while more {
            let position = self.decoder.parser.position();
            let key = self.decoder.parser.key()?;
            if let Some(index) = of.member_index(&key) {
                let member = &of.members()[index];
                let order = usize::from(member.order);
                let output = &wire.outputs[order];
                let field = self.schema.field_at(id, &member.path);
                let here = path.member(id, member);
                let repeated = self.slots[base + order] != Slot::Unseen;
                if repeated && adds_to_prior(&field.kind) {
                    self.go_back(mark)?;
                    let value = self.decoder.structure(id, path, None)?;
                    self.tree(number, id, &value);
                    return Ok(());
                }
                if repeated {
                    self.decoder.strict_error(position, "duplicate", path, &key);
                }
                if repeated && !field.pointer && is_scalar(&field.kind) && self.is_null()? {
                    self.decoder.parser.literal(Token::Null)?;
                } else {
                    let start = self.written();
                    self.encoder.depth += member.path.len();
                    let present = match output.number {
                        0 => self.decoder.field(field, &here, None)?.is_some(),
                        number if output.through_pointer => {
                            self.not_quite_zero += 1;
                            self.field_through_tree(number, field, &here)?
                        }
                        number => self.field(number, field, &here)?,
                    };
                    self.encoder.depth -= member.path.len();
                    self.slots[base + order] =
                        if present { Slot::Written(start, self.written()) } else { Slot::LeftOut };
                }
            } else {
                self.decoder.strict_error(position, "unknown", path, &key);
                self.decoder.parser.skip()?;
            }
            more = self.decoder.parser.next_member()?;
        }
        self.ordered.out.clear();
        let written = &self.encoder.writer.out;
        put_in_order(self.schema, id, &self.slots[base..], written, &mut self.ordered);
        self.slots.truncate(base);
        let writer = &mut self.encoder.writer;
        writer.out.truncate(mark.written);
        match number {
            Some(number) => writer.bytes_field(number, &self.ordered.out),
            None => writer.out.extend_from_slice(&self.ordered.out),
        }
        Ok(())
    }

    fn written(&self) -> usize {
        self.encoder.writer.out.len()
    }

    fn is_null(&mut self) -> Step<bool> {
        Ok(self.decoder.parser.peek()? == Token::Null)
    }

    fn mark(&self) -> Mark<'a> {
        Mark {
            parser: self.decoder.parser.clone(),
            strict: self.decoder.strict.len(),
            effort: self.decoder.effort,
            wrong: self.decoder.wrong.is_some(),
            written: self.written(),
            slots: self.slots.len(),
            not_quite_zero: self.not_quite_zero,
        }
    }

    /// Forgets what was read since, so that a tree can be made of it.
    #[cold]
    fn go_back(&mut self, to: Mark<'a>) -> Step<()> {
        self.reread += self.decoder.parser.position() - to.parser.position();
        // What it cost is not counted against the text when it is read again, but here.
        self.reread += to.effort.reread - self.decoder.effort.reread;
        self.decoder.effort = to.effort;
        if self.reread > MAX_REREAD * self.decoder.parser.length() {
            self.gave_up = true;
            return refuse(DecodeError::new("read too often"));
        }
        self.decoder.parser = to.parser;
        self.decoder.strict.truncate(to.strict);
        if !to.wrong {
            self.decoder.wrong = None;
        }
        self.encoder.writer.out.truncate(to.written);
        self.slots.truncate(to.slots);
        self.not_quite_zero = to.not_quite_zero;
        Ok(())
    }

    /// Writes a struct that was decoded to a tree.
    fn tree(&mut self, number: Option<u32>, id: TypeId, value: &Value) {
        self.not_quite_zero += 1;
        self.encode(|encoder| match (number, value) {
            (Some(number), value) => encoder.value(number, &Kind::Struct(id), value, ""),
            (None, Value::Object(members)) => encoder.structure(id, members),
            (None, _) => Err(DecodeError::new("the outermost value is no object")),
        });
    }

    /// Has the encoder write a value of a tree. What it refuses is worded by it when it has the whole.
    fn encode(&mut self, write: impl FnOnce(&mut Encoder<'s>) -> Result<(), DecodeError>) {
        let depth = self.encoder.depth;
        if write(&mut self.encoder).is_err() {
            self.gave_up = true;
        }
        self.encoder.depth = depth;
    }
}

/// Whether a repeated member of this kind is decoded into what was there before.
fn adds_to_prior(kind: &Kind) -> bool {
    matches!(kind, Kind::Struct(_) | Kind::List(_) | Kind::ListMessage(_) | Kind::Map(_))
}

/// Whether `null` leaves a value of this kind as it was.
fn is_scalar(kind: &Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::String)
}

/// Writes a message from its members, which are in `from`.
fn put_in_order(schema: &Schema, id: TypeId, slots: &[Slot], from: &[u8], to: &mut Writer) {
    let wire = schema.wire(id);
    // Zero values that stand side by side are copied at once.
    let mut copied = 0;
    for part in &wire.parts {
        match part.inlined {
            None => {
                let Slot::Written(start, end) = slots[part.orders.start] else { continue };
                to.out.extend_from_slice(&wire.zero[copied..part.zero.start]);
                to.out.extend_from_slice(&from[start..end]);
            }
            Some(inner) => {
                let slots = &slots[part.orders.clone()];
                if !slots.iter().any(|slot| matches!(slot, Slot::Written(..))) {
                    continue;
                }
                to.out.extend_from_slice(&wire.zero[copied..part.zero.start]);
                to.tag(part.number, DELIMITED);
                let at = to.out.len();
                to.out.push(0);
                put_in_order(schema, inner, slots, from, to);
                to.fix_length(at);
            }
        }
        copied = part.zero.end;
    }
    to.out.extend_from_slice(&wire.zero[copied..]);
}
