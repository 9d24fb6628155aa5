//! Protobuf to canonical trees.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Part;
use super::entries::{Entries, IntOrStr};
use super::reader::Step;
use crate::codec::DecodeError;
use crate::codec::json;
use crate::schema::{self, Kind};
use crate::{Map, Schema, Text, TypeId, Value};

/// Decodes a message of this type to its canonical tree, without `apiVersion` and `kind`, which no message has.
///
/// Fields that the type does not have are skipped. Memory is at most proportional to the message's length, and
/// depth is bounded by [`MAX_DEPTH`](crate::codec::MAX_DEPTH).
///
/// # Errors
/// As the generated Go code words them: a truncated message, a number that is too long, a field of a wrong wire
/// type. Also content that has no JSON: a quantity that is none, raw JSON that is none, a double that is none.
pub fn decode(schema: &Schema, ty: TypeId, message: &[u8]) -> Result<Value, DecodeError> {
    let mut decoder = Decoder { entries: Entries::new(schema, message)?, part: None };
    decoder.structure(ty, 0..1).map(Value::Object)
}

/// As [`decode`], of only a part of the object: what is not wanted is passed by, and is not in the tree.
///
/// # Errors
/// As of [`decode`], as far as the message is looked at.
pub fn decode_part(schema: &Schema, ty: TypeId, message: &[u8], part: &Part) -> Result<Value, DecodeError> {
    let mut decoder = Decoder { entries: Entries::new(schema, message)?, part: Some(part) };
    decoder.structure(ty, 0..1).map(Value::Object)
}

struct Decoder<'a> {
    entries: Entries<'a>,
    /// What is wanted; `None` for all.
    part: Option<&'a Part>,
}

impl<'a> Decoder<'a> {
    fn structure(&mut self, id: TypeId, group: Range<usize>) -> Step<Map> {
        self.entries.enter()?;
        let schema = self.entries.schema;
        let (of, wire) = (schema.get(id), schema.wire(id));
        let base = self.entries.gather(id, group)?;
        let end = self.entries.stack.len();
        let name = |member: u16| of.members()[usize::from(member)].json.clone();

        let wanted = self.part.and_then(|part| part.members(id));
        let is_wanted = |member: u16| wanted.is_none_or(|wanted| wanted[usize::from(member)]);
        let mut members = match wanted {
            None => Vec::with_capacity((end - base).min(wire.outputs.len()) + wire.zeros.len()),
            Some(_) => Vec::new(),
        };
        let of_wanted = |zero: &&schema::Zero| is_wanted(of.always()[usize::from(zero.always)].member);
        let mut zeros = wire.zeros.iter().filter(of_wanted).peekable();
        let zero_member = |zero: &schema::Zero| {
            let always = &of.always()[usize::from(zero.always)];
            (name(always.member), always.zero.clone())
        };
        let mut next = base;
        while next < end {
            let group = self.entries.group_from(next, end);
            next = group.end;
            let order = self.entries.stack[group.start].order;
            let output = &wire.outputs[usize::from(order)];
            if output.member == u16::MAX || !is_wanted(output.member) {
                continue;
            }
            while let Some(zero) = zeros.next_if(|zero| zero.order < order) {
                members.push(zero_member(zero));
            }
            zeros.next_if(|zero| zero.order == order);
            let value = self.value(&output.kind, group)?;
            let field = schema.field_at(id, &of.members()[usize::from(output.member)].path);
            if !json::leaves_out(schema, field, &value) {
                members.push((name(output.member), value));
            }
        }
        members.extend(zeros.map(zero_member));
        self.entries.stack.truncate(base);
        self.entries.leave();
        Ok(members.into_iter().collect())
    }

    /// The value of one field, of which `group` are the occurrences. `Null` where Go has nil.
    fn value(&mut self, kind: &'a Kind, group: Range<usize>) -> Step<Value> {
        let last = self.entries.stack[group.end - 1];
        Ok(match kind {
            Kind::Bool => Value::Bool(last.number() != 0),
            Kind::Int32 => Value::Int((last.number() as i32).into()),
            Kind::Int64 => Value::Int(last.number() as i64),
            Kind::Float64 => Value::Float(Entries::float(last)?),
            Kind::String => text(self.entries.text(last)),
            Kind::Bytes => Value::from(STANDARD.encode(self.entries.bytes(last))),
            Kind::Time => self.entries.time(group)?.map_or(Value::Null, |t| Value::from(t.to_string())),
            Kind::MicroTime => {
                self.entries.micro_time(group)?.map_or(Value::Null, |t| Value::from(t.to_string()))
            }
            Kind::Duration => Value::from(crate::scalar::Duration(self.entries.duration(group)?).to_string()),
            Kind::Quantity => text(self.entries.quantity(group)?),
            Kind::IntOrString => match self.entries.int_or_string(group)? {
                IntOrStr::Int(int) => Value::Int(int.into()),
                IntOrStr::Str(string) => text(string),
            },
            Kind::RawExtension | Kind::FieldsV1 | Kind::Json => {
                match self.entries.field_one("RawExtension", group)? {
                    None | Some([]) => Value::Null,
                    Some(raw) => Value::Raw(json::raw(raw)?),
                }
            }
            Kind::SchemaOrArray(id) => self.schema_or_array(*id, group)?,
            Kind::SchemaOrBool(id) => self.schema_or_bool(*id, group)?,
            Kind::SchemaOrStringArray(id) => self.schema_or_strings(*id, group)?,
            Kind::Any => Value::Null,
            Kind::Struct(id) => Value::Object(self.structure(*id, group)?),
            Kind::List(of) => self.list(of, group)?,
            Kind::ListMessage(of) => {
                let base =
                    self.entries.gather_plain("ListMessage", &[of.accepts() | schema::DELIMITED], group)?;
                let list = self.list(of, base..self.entries.stack.len())?;
                self.entries.stack.truncate(base);
                list
            }
            Kind::Map(of) => self.map(of, group)?,
        })
    }

    fn list(&mut self, of: &'a Kind, group: Range<usize>) -> Step<Value> {
        if group.is_empty() {
            return Ok(Value::Null);
        }
        self.entries.enter()?;
        let mut values = Vec::with_capacity(group.len());
        for i in group {
            let entry = self.entries.stack[i];
            if Entries::is_packed(of, entry) {
                let base = self.entries.unpack(of, entry)?;
                for i in base..self.entries.stack.len() {
                    values.push(self.value(of, i..i + 1)?);
                }
                self.entries.stack.truncate(base);
            } else {
                values.push(self.value(of, i..i + 1)?);
            }
        }
        self.entries.leave();
        // What is packed may be nothing, which leaves Go's list nil.
        Ok(if values.is_empty() { Value::Null } else { Value::Array(values) })
    }

    fn map(&mut self, of: &'a Kind, group: Range<usize>) -> Step<Value> {
        self.entries.enter()?;
        let base = self.entries.gather_map(of, group)?;
        let end = self.entries.pairs.len();
        let mut members = Vec::with_capacity(end - base);
        for i in base..end {
            let pair = self.entries.pairs[i];
            let at = self.entries.stack.len();
            self.entries.stack.push(pair.value);
            let value = self.value(of, at..at + 1)?;
            self.entries.stack.truncate(at);
            members.push((text_of(String::from_utf8_lossy(self.entries.key(pair))), value));
        }
        self.entries.pairs.truncate(base);
        self.entries.leave();
        Ok(Value::Object(members.into_iter().collect()))
    }

    fn schema_or_array(&mut self, id: TypeId, group: Range<usize>) -> Step<Value> {
        let accepts = [schema::DELIMITED, schema::DELIMITED];
        let base = self.entries.gather_plain("JSONSchemaPropsOrArray", &accepts, group)?;
        let end = self.entries.stack.len();
        let several = self.entries.stack[base..].partition_point(|e| e.order == 1) + base;
        self.entries.enter()?;
        let value = if several < end {
            let schemas = (several..end).map(|i| self.structure(id, i..i + 1).map(Value::Object));
            Value::Array(schemas.collect::<Step<_>>()?)
        } else if base < several {
            Value::Object(self.structure(id, base..several)?)
        } else {
            Value::Null
        };
        self.entries.leave();
        self.entries.stack.truncate(base);
        Ok(value)
    }

    fn schema_or_bool(&mut self, id: TypeId, group: Range<usize>) -> Step<Value> {
        let base = self.entries.gather_plain(
            "JSONSchemaPropsOrBool",
            &[schema::VARINT, schema::DELIMITED],
            group,
        )?;
        let end = self.entries.stack.len();
        let schema = self.entries.stack[base..].partition_point(|e| e.order == 1) + base;
        let value = if schema < end {
            Value::Object(self.structure(id, schema..end)?)
        } else {
            Value::Bool(self.entries.last(base, 1).is_some_and(|allows| allows.number() != 0))
        };
        self.entries.stack.truncate(base);
        Ok(value)
    }

    fn schema_or_strings(&mut self, id: TypeId, group: Range<usize>) -> Step<Value> {
        let accepts = [schema::DELIMITED, schema::DELIMITED];
        let base = self.entries.gather_plain("JSONSchemaPropsOrStringArray", &accepts, group)?;
        let end = self.entries.stack.len();
        let strings = self.entries.stack[base..].partition_point(|e| e.order == 1) + base;
        let value = if strings < end {
            let strings = self.entries.stack[strings..end].iter();
            Value::Array(strings.map(|e| text(self.entries.text(*e))).collect())
        } else if base < strings {
            Value::Object(self.structure(id, base..strings)?)
        } else {
            Value::Null
        };
        self.entries.stack.truncate(base);
        Ok(value)
    }
}

fn text(text: Cow<'_, str>) -> Value {
    Value::String(text_of(text))
}

fn text_of(text: Cow<'_, str>) -> Text {
    match text {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    }
}
