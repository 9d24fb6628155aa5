//! Protobuf with another `resourceVersion`.

use std::ops::Range;

use crate::codec::DecodeError;
use crate::codec::protobuf::reader::{DELIMITED, Reader, Step, wrong_wire_type};
use crate::codec::protobuf::writer::Writer;
use crate::schema::Kind;
use crate::{Schema, TypeId};

/// Copies a message of this type with `metadata.resourceVersion` set. Every other byte is copied as it is.
///
/// A type without metadata is copied whole.
///
/// # Errors
/// As [`protobuf::decode`](super::super::protobuf::decode), for what is read: the tags of the message and of
/// its metadata. What was written to `out` is then cut off again.
pub fn with_resource_version(
    schema: &Schema,
    ty: TypeId,
    message: &[u8],
    rv: &str,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let numbers = schema.json_field(ty, "metadata").and_then(|(_, metadata)| match metadata.kind {
        Kind::Struct(inner) => Some((metadata.number, schema.json_field(inner, "resourceVersion")?.1.number)),
        _ => None,
    });
    let Some((metadata, version)) = numbers.filter(|(metadata, version)| *metadata != 0 && *version != 0)
    else {
        out.extend_from_slice(message);
        return Ok(());
    };
    let length = out.len();
    out.reserve(message.len() + rv.len() + 16);
    let mut writer = Writer { out: std::mem::take(out) };
    let name = &schema.get(ty).go_name;
    let result = splice(message, name, metadata, version, rv, &mut writer);
    *out = writer.out;
    if result.is_err() {
        out.truncate(length);
    }
    result
}

fn splice(
    message: &[u8],
    name: &str,
    metadata: u32,
    version: u32,
    rv: &str,
    writer: &mut Writer,
) -> Step<()> {
    // The parts of the metadata, nearly always one, and where it belongs.
    let mut parts: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    let mut place = None;
    let mut reader = Reader::new(message, 0);
    while !reader.is_at_end() {
        let start = reader.position();
        let tag = reader.tag(name)?;
        if tag.number == metadata {
            if tag.wire_type != DELIMITED {
                return wrong_wire_type(tag.wire_type, "metadata");
            }
            let (from, to) = reader.delimited()?;
            parts.push((start..to, from..to));
            place.get_or_insert(start);
        } else {
            if tag.number > metadata && parts.is_empty() {
                place.get_or_insert(start);
            }
            reader.skip(tag)?;
        }
    }
    let place = parts.first().map(|(whole, _)| whole.start).or(place).unwrap_or(message.len());
    writer.out.extend_from_slice(&message[..place]);

    writer.tag(metadata, DELIMITED);
    let at = writer.out.len();
    writer.out.push(0);
    let mut written = false;
    for (_, content) in &parts {
        written = copy_without(&message[..content.end], content.start, version, rv, written, writer)?;
    }
    if !written {
        writer.bytes_field(version, rv.as_bytes());
    }
    writer.fix_length(at);

    let mut from = place;
    for (whole, _) in &parts {
        writer.out.extend_from_slice(&message[from..whole.start]);
        from = whole.end;
    }
    writer.out.extend_from_slice(&message[from..]);
    Ok(())
}

/// Copies metadata without its versions, and puts the new one in front of the first higher number, unless it
/// is written already. Says whether it is now.
fn copy_without(
    message: &[u8],
    start: usize,
    version: u32,
    rv: &str,
    mut written: bool,
    writer: &mut Writer,
) -> Step<bool> {
    let mut reader = Reader::new(message, start);
    let mut from = start;
    while !reader.is_at_end() {
        let field = reader.position();
        let tag = reader.tag("ObjectMeta")?;
        if tag.number >= version && !written {
            writer.out.extend_from_slice(&message[from..field]);
            from = field;
            writer.bytes_field(version, rv.as_bytes());
            written = true;
        }
        reader.skip(tag)?;
        if tag.number == version {
            writer.out.extend_from_slice(&message[from..field]);
            from = reader.position();
        }
    }
    writer.out.extend_from_slice(&message[from..]);
    Ok(written)
}
