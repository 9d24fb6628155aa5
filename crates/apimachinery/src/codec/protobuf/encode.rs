//! Canonical trees to protobuf.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reader::Step;
use super::writer::Writer;
use crate::codec::{DecodeError, MAX_DEPTH, json};
use crate::scalar::{self, Duration, MicroTime, Time};
use crate::schema::{Field, Kind, Omit};
use crate::{Map, Schema, TypeId, Value};

/// Encodes a canonical tree of this type as Go's generated code does, byte for byte.
///
/// Members that the type does not have, and those that are not in protobuf (`apiVersion`, `kind`), are dropped.
///
/// # Errors
/// A value that its member's type does not allow, and nesting deeper than
/// [`MAX_DEPTH`](crate::codec::MAX_DEPTH).
pub fn encode(schema: &Schema, ty: TypeId, value: &Value) -> Result<Vec<u8>, DecodeError> {
    let mut encoder = Encoder::new(schema);
    match value {
        Value::Object(members) => encoder.structure(ty, members)?,
        Value::Null => encoder.structure(ty, EMPTY)?,
        other => return mismatch(&schema.get(ty).go_name, "an object", other),
    }
    Ok(encoder.writer.out)
}

const EMPTY: &Map = &Map::new();

/// The message of a struct in which nothing is set, and where in it each of the struct's fields is, in the
/// order of their numbers.
///
/// # Errors
/// Structs that hold each other by value deeper than [`MAX_DEPTH`](crate::codec::MAX_DEPTH).
pub(crate) fn zero(schema: &Schema, of: TypeId) -> Step<(Vec<u8>, Vec<Range<usize>>)> {
    let mut encoder = Encoder::new(schema);
    let of = schema.get(of);
    let mut ranges = Vec::with_capacity(of.fields.len());
    for (number, index) in of.numbered() {
        let start = encoder.writer.out.len();
        let field = &of.fields[index];
        encoder.member(number, field, EMPTY)?;
        ranges.push(start..encoder.writer.out.len());
    }
    Ok((encoder.writer.out, ranges))
}

pub(in crate::codec) struct Encoder<'a> {
    pub(in crate::codec) schema: &'a Schema,
    pub(in crate::codec) writer: Writer,
    /// How many structs are around what is being written.
    pub(in crate::codec) depth: usize,
}

#[cold]
fn mismatch<T>(place: &str, expected: &str, value: &Value) -> Step<T> {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::String(_) => "a string",
        Value::Raw(_) => "raw JSON",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Err(DecodeError::new(format!("proto: {place}: expected {expected}, got {got}")))
}

impl<'a> Encoder<'a> {
    pub(in crate::codec) fn new(schema: &'a Schema) -> Self {
        Encoder { schema, writer: Writer::default(), depth: 0 }
    }

    pub(in crate::codec) fn structure(&mut self, id: TypeId, members: &Map) -> Step<()> {
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::new("exceeded max depth"));
        }
        self.depth += 1;
        let schema = self.schema;
        let of = schema.get(id);
        for (number, index) in of.numbered() {
            self.member(number, &of.fields[index], members)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// A field of a struct that has these members.
    fn member(&mut self, number: u32, field: &Field, members: &Map) -> Step<()> {
        match &field.kind {
            Kind::Struct(inner) if field.inline => {
                // A pointer is nil unless one of its members is set.
                let is_nil = || members.keys().all(|key| self.schema.json_field(*inner, key).is_none());
                if field.pointer && is_nil() {
                    return Ok(());
                }
                self.nested(number, |encoder| encoder.structure(*inner, members))
            }
            _ => self.field(number, field, members.get(&field.json).unwrap_or(&Value::Null)),
        }
    }

    pub(in crate::codec) fn field(&mut self, number: u32, field: &Field, value: &Value) -> Step<()> {
        let name = field.json.as_str();
        match (&field.kind, value) {
            // Lists, maps and bytes are nil, as pointers are.
            (Kind::List(_) | Kind::ListMessage(_) | Kind::Map(_) | Kind::Bytes | Kind::Any, Value::Null) => {
                Ok(())
            }
            (_, Value::Null) if field.pointer => Ok(()),
            (Kind::List(of), Value::Array(values)) => {
                values.iter().try_for_each(|value| self.value(number, of, value, name))
            }
            (Kind::Map(of), Value::Object(members)) => members.iter().try_for_each(|(key, value)| {
                self.nested(number, |encoder| {
                    encoder.writer.bytes_field(1, key.as_bytes());
                    match (&**of, value) {
                        (Kind::Bytes, Value::Null) => Ok(()),
                        (of, value) => encoder.value(2, of, value, name),
                    }
                })
            }),
            (Kind::Bytes, Value::String(text)) if text.is_empty() && field.omit != Omit::Never => Ok(()),
            (kind, value) => self.value(number, kind, value, name),
        }
    }

    /// Writes a field, even where it is zero.
    pub(in crate::codec) fn value(
        &mut self,
        number: u32,
        kind: &Kind,
        value: &Value,
        name: &str,
    ) -> Step<()> {
        match (kind, value) {
            (Kind::Bool, Value::Bool(bool)) => self.writer.varint_field(number, (*bool).into()),
            (Kind::Bool, Value::Null) => self.writer.varint_field(number, 0),
            // Negative numbers take ten bytes, 32-bit ones as well.
            (Kind::Int32 | Kind::Int64, Value::Int(int)) => self.writer.varint_field(number, *int as u64),
            (Kind::Int32 | Kind::Int64, Value::Null) => self.writer.varint_field(number, 0),
            (Kind::Float64, Value::Float(float)) => self.double(number, *float),
            (Kind::Float64, Value::Int(int)) => self.double(number, *int as f64),
            (Kind::Float64, Value::Null) => self.double(number, 0.0),
            (Kind::String, Value::String(text)) => self.writer.bytes_field(number, text.as_bytes()),
            (Kind::String | Kind::Bytes, Value::Null) => self.writer.bytes_field(number, b""),
            (Kind::Bytes, Value::String(text)) => match STANDARD.decode(text) {
                Ok(bytes) => self.writer.bytes_field(number, &bytes),
                Err(error) => return Err(DecodeError::new(format!("proto: {name}: {error}"))),
            },
            (Kind::Struct(id), Value::Object(members)) => {
                self.nested(number, |encoder| encoder.structure(*id, members))?;
            }
            (Kind::Struct(id), Value::Null) => {
                self.nested(number, |encoder| encoder.structure(*id, EMPTY))?
            }
            (Kind::ListMessage(of), Value::Array(values)) => self.nested(number, |encoder| {
                values.iter().try_for_each(|value| encoder.value(1, of, value, name))
            })?,
            (Kind::ListMessage(_), Value::Null) => self.writer.bytes_field(number, b""),
            (Kind::SchemaOrArray(_) | Kind::SchemaOrBool(_) | Kind::SchemaOrStringArray(_), value) => {
                self.nested(number, |encoder| encoder.schema_or(kind, value, name))?;
            }
            (Kind::RawExtension | Kind::FieldsV1 | Kind::Json, value) => {
                self.nested(number, |encoder| {
                    match value {
                        Value::Null => {}
                        Value::Raw(json) => encoder.writer.bytes_field(1, json.as_bytes()),
                        tree => {
                            let mut raw = Vec::new();
                            json::encode_untyped(tree, &mut raw);
                            encoder.writer.bytes_field(1, &raw);
                        }
                    }
                    Ok(())
                })?;
            }
            (Kind::Quantity, Value::String(text)) => {
                let text = scalar::canonical(kind, text).map_err(DecodeError::new)?;
                self.nested(number, |encoder| {
                    encoder.writer.bytes_field(1, text.as_bytes());
                    Ok(())
                })?;
            }
            (Kind::Quantity, Value::Null) => self.writer.bytes_field(number, b"\x0a\x010"),
            (Kind::Time, Value::String(text)) => {
                let time = Time::parse_lenient(text).map_err(|e| DecodeError::new(e.to_string()))?;
                self.timestamp(number, (!time.is_zero()).then_some((time.seconds, 0)));
            }
            (Kind::MicroTime, Value::String(text)) => {
                let time = MicroTime::parse_lenient(text).map_err(|e| DecodeError::new(e.to_string()))?;
                self.timestamp(number, (!time.is_zero()).then_some((time.seconds, time.nanos)));
            }
            (Kind::Time | Kind::MicroTime, Value::Null) => self.timestamp(number, None),
            (Kind::Duration, Value::String(text)) => {
                let nanos = Duration::parse(text).map_err(DecodeError::new)?.0;
                self.duration(number, nanos);
            }
            (Kind::Duration, Value::Null) => self.duration(number, 0),
            (Kind::IntOrString, Value::Int(int)) if i32::try_from(*int).is_ok() => {
                self.int_or_string(number, 0, *int, "");
            }
            (Kind::IntOrString, Value::String(text)) => self.int_or_string(number, 1, 0, text),
            (Kind::IntOrString, Value::Null) => self.int_or_string(number, 0, 0, ""),
            (kind, value) => return mismatch(name, expected(kind), value),
        }
        Ok(())
    }

    fn schema_or(&mut self, kind: &Kind, value: &Value, name: &str) -> Step<()> {
        match (kind, value) {
            (Kind::SchemaOrArray(id) | Kind::SchemaOrStringArray(id), Value::Object(schema)) => {
                self.nested(1, |encoder| encoder.structure(*id, schema))
            }
            (Kind::SchemaOrBool(id), Value::Object(schema)) => {
                self.writer.varint_field(1, 1);
                self.nested(2, |encoder| encoder.structure(*id, schema))
            }
            (Kind::SchemaOrBool(_), Value::Bool(bool)) => {
                self.writer.varint_field(1, (*bool).into());
                Ok(())
            }
            (Kind::SchemaOrBool(_), Value::Null) => {
                self.writer.varint_field(1, 0);
                Ok(())
            }
            (_, Value::Null) => Ok(()),
            (Kind::SchemaOrArray(id), Value::Array(schemas)) => {
                schemas.iter().try_for_each(|value| self.value(2, &Kind::Struct(*id), value, name))
            }
            (Kind::SchemaOrStringArray(_), Value::Array(strings)) => {
                strings.iter().try_for_each(|value| self.value(2, &Kind::String, value, name))
            }
            (kind, value) => mismatch(name, expected(kind), value),
        }
    }

    fn double(&mut self, number: u32, value: f64) {
        self.writer.tag(number, super::reader::FIXED64);
        self.writer.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Seconds and nanoseconds, both of them always; the zero time is an empty message.
    fn timestamp(&mut self, number: u32, time: Option<(i64, u32)>) {
        self.short(number, |writer| {
            if let Some((seconds, nanos)) = time {
                writer.varint_field(1, seconds as u64);
                writer.varint_field(2, nanos.into());
            }
        });
    }

    fn duration(&mut self, number: u32, nanos: i64) {
        self.short(number, |writer| writer.varint_field(1, nanos as u64));
    }

    pub(in crate::codec) fn int_or_string(&mut self, number: u32, kind: u64, int: i64, string: &str) {
        self.short(number, |writer| {
            writer.varint_field(1, kind);
            writer.varint_field(2, int as u64);
            writer.bytes_field(3, string.as_bytes());
        });
    }

    fn short(&mut self, number: u32, write: impl FnOnce(&mut Writer)) {
        self.writer.tag(number, super::reader::DELIMITED);
        let at = self.writer.out.len();
        self.writer.out.push(0);
        write(&mut self.writer);
        self.writer.fix_length(at);
    }

    fn nested(&mut self, number: u32, write: impl FnOnce(&mut Self) -> Step<()>) -> Step<()> {
        self.writer.tag(number, super::reader::DELIMITED);
        let at = self.writer.out.len();
        self.writer.out.push(0);
        write(self)?;
        self.writer.fix_length(at);
        Ok(())
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "a boolean",
        Kind::Int32 | Kind::Int64 | Kind::Float64 => "a number",
        Kind::String | Kind::Bytes | Kind::Time | Kind::MicroTime | Kind::Duration | Kind::Quantity => {
            "a string"
        }
        Kind::IntOrString => "a string or a number of 32 bits",
        Kind::List(_) | Kind::ListMessage(_) => "a list",
        Kind::SchemaOrArray(_) => "a schema or a list of them",
        Kind::SchemaOrBool(_) => "a schema or a boolean",
        Kind::SchemaOrStringArray(_) => "a schema or a list of strings",
        Kind::Struct(_) | Kind::Map(_) => "an object",
        Kind::RawExtension | Kind::FieldsV1 | Kind::Json => "JSON",
        Kind::Any => "nothing, as it is not in protobuf",
    }
}
