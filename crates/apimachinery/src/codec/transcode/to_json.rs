//! Protobuf to JSON.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Overlay;
use crate::codec::protobuf::entries::{Entries, Entry, IntOrStr};
use crate::codec::protobuf::reader::Step;
use crate::codec::{DecodeError, json};
use crate::schema::{self, Kind, Omit, Output};
use crate::{Schema, TypeId};

/// Writes the JSON of a message of this type: what [`json::encode`](super::super::json::encode) writes of the
/// decoded tree with the overlay's members set, without making the tree.
///
/// Raw JSON inside the message (`FieldsV1`, `RawExtension`) is copied: it is trusted to be JSON, as
/// [`protobuf::decode`](super::super::protobuf::decode) and every encoder make sure. Messages from clients go
/// through those before they come here.
///
/// # Errors
/// As [`protobuf::decode`](super::super::protobuf::decode). What was written to `out` is then cut off again.
pub fn protobuf_to_json(
    schema: &Schema,
    ty: TypeId,
    message: &[u8],
    overlay: &Overlay<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let length = out.len();
    let result = Entries::new(schema, message).and_then(|entries| {
        let mut transcoder = Transcoder { entries, out };
        transcoder.object(ty, overlay)
    });
    if result.is_err() {
        out.truncate(length);
    }
    result
}

struct Transcoder<'a, 'o> {
    entries: Entries<'a>,
    out: &'o mut Vec<u8>,
}

/// The place in a struct of a member that comes from an overlay, and its text.
#[derive(Clone, Copy)]
struct Insert<'a> {
    order: u16,
    text: &'a str,
}

impl<'a> Insert<'a> {
    /// `None` where the struct has no such member, or the overlay nothing for it.
    fn at(schema: &Schema, id: TypeId, key: &str, text: &'a str) -> Option<Self> {
        let of = schema.get(id);
        let index = of.member_index(key).filter(|_| !text.is_empty())?;
        Some(Insert { order: of.members()[index].order, text })
    }
}

/// What an overlay says of one struct.
struct Overlaid<'a> {
    inserts: [Option<Insert<'a>>; 2],
    /// Where the metadata is, and the version that it gets.
    metadata: Option<Insert<'a>>,
}

impl<'a> Transcoder<'a, '_> {
    /// The outermost message. Its overlay comes in at the places where its members have it.
    fn object(&mut self, id: TypeId, overlay: &Overlay<'_>) -> Step<()> {
        self.out.reserve(self.entries.whole.len() * 3 / 2 + 64);
        warm(self.entries.whole);
        let schema = self.entries.schema;
        let overlaid = Overlaid {
            inserts: [
                Insert::at(schema, id, "kind", overlay.kind),
                Insert::at(schema, id, "apiVersion", overlay.api_version),
            ],
            metadata: Insert::at(schema, id, "metadata", overlay.resource_version),
        };
        self.structure(id, 0..1, Some(&overlaid))
    }

    fn structure(&mut self, id: TypeId, group: Range<usize>, overlaid: Option<&Overlaid<'_>>) -> Step<()> {
        self.entries.enter()?;
        let wire = self.entries.schema.wire(id);
        let base = self.entries.gather(id, group)?;
        if let Some(overlaid) = overlaid {
            self.make_room(&wire.outputs, base, overlaid);
        }
        let end = self.entries.stack.len();

        self.out.push(b'{');
        let open = self.out.len();
        let mut zeros = &wire.zeros[..];
        let mut next = base;
        while next < end {
            let group = self.entries.group_from(next, end);
            next = group.end;
            let last = self.entries.stack[group.end - 1];
            while let [zero, rest @ ..] = zeros
                && zero.order <= last.order
            {
                if zero.order < last.order {
                    self.key(open, &zero.json);
                }
                zeros = rest;
            }
            let output = &wire.outputs[usize::from(last.order)];
            if (output.omits_zero && is_zero(&output.kind, last)) || output.member == u16::MAX {
                continue;
            }
            let before = self.out.len();
            self.key(open, &output.key);
            let value = self.out.len();
            match overlaid {
                None => self.value(&output.kind, group)?,
                Some(overlaid) => self.overlaid_value(output, group, overlaid)?,
            }
            if output.may_vanish && self.is_left_out(output, value) {
                self.out.truncate(before);
            }
        }
        for zero in zeros {
            self.key(open, &zero.json);
        }
        self.out.push(b'}');
        self.entries.stack.truncate(base);
        self.entries.leave();
        Ok(())
    }

    /// The value of a member of the outermost message or its metadata.
    fn overlaid_value(
        &mut self,
        output: &'a Output,
        group: Range<usize>,
        overlaid: &Overlaid<'_>,
    ) -> Step<()> {
        let order = self.entries.stack[group.start].order;
        if let Some(insert) = overlaid.inserts.iter().flatten().find(|insert| insert.order == order) {
            json::write_string(insert.text, self.out);
            return Ok(());
        }
        match (&output.kind, overlaid.metadata.filter(|insert| insert.order == order)) {
            (Kind::Struct(inner), Some(Insert { text, .. })) => {
                let version = Insert::at(self.entries.schema, *inner, "resourceVersion", text);
                self.structure(*inner, group, Some(&Overlaid { inserts: [version, None], metadata: None }))
            }
            (kind, _) => self.value(kind, group),
        }
    }

    /// Puts entries for an overlay's members among those above `base`, in their places.
    fn make_room(&mut self, outputs: &[Output], base: usize, overlaid: &Overlaid<'_>) {
        let stack = &mut self.entries.stack;
        let place = |stack: &mut Vec<Entry>, order: u16| {
            let at = base + stack[base..].partition_point(|e| e.order < order);
            if stack.get(at).is_none_or(|e| e.order != order) {
                stack.insert(at, Entry::empty(order, &outputs[usize::from(order)].kind));
            }
            at
        };
        if let Some(metadata) = overlaid.metadata {
            place(stack, metadata.order);
        }
        // A member of the overlay is written whatever the message says; one that says nothing would be left out.
        for order in overlaid.inserts.iter().flatten().map(|insert| insert.order) {
            let first = place(stack, order);
            for entry in stack[first..].iter_mut().take_while(|e| e.order == order) {
                *entry = Entry::present(order);
            }
        }
    }

    /// Writes text that begins with a comma, but without it where nothing stands before it.
    #[inline]
    fn key(&mut self, open: usize, text: &str) {
        let from = usize::from(self.out.len() == open);
        self.out.extend_from_slice(&text.as_bytes()[from..]);
    }

    #[inline]
    fn comma(&mut self, open: usize) {
        if self.out.len() > open {
            self.out.push(b',');
        }
    }

    /// Whether the value that was written at `at` is one that output leaves out after all.
    fn is_left_out(&self, output: &Output, at: usize) -> bool {
        let written = &self.out[at..];
        match &output.kind {
            Kind::Struct(_) => output.zero.as_ref().is_some_and(|zero| zero.as_bytes() == written),
            _ if output.pointer || output.omit == Omit::Empty => written == b"null",
            Kind::Duration => written == b"\"0s\"",
            Kind::Quantity => written == b"\"0\"",
            Kind::IntOrString => written == b"0",
            Kind::SchemaOrBool(_) => written == b"false",
            _ => written == b"null",
        }
    }

    /// Writes the value of one field, of which `group` are the occurrences.
    fn value(&mut self, kind: &'a Kind, group: Range<usize>) -> Step<()> {
        let last = self.entries.stack[group.end - 1];
        match kind {
            Kind::Bool => self.bool(last.number() != 0),
            Kind::Int32 => self.int((last.number() as i32).into()),
            Kind::Int64 => self.int(last.number() as i64),
            Kind::Float64 => json::write_float(Entries::float(last)?, self.out),
            Kind::String => self.text(self.entries.bytes(last)),
            Kind::Bytes => self.base64(self.entries.bytes(last)),
            Kind::Time => match self.entries.time(group)? {
                None => self.null(),
                Some(time) => self.quoted(|out| time.write(out)),
            },
            Kind::MicroTime => match self.entries.micro_time(group)? {
                None => self.null(),
                Some(time) => self.quoted(|out| time.write(out)),
            },
            Kind::Duration => {
                let duration = crate::scalar::Duration(self.entries.duration(group)?);
                json::write_string(&duration.to_string(), self.out);
            }
            Kind::Quantity => {
                let quantity = self.entries.quantity(group)?;
                self.quoted(|out| out.extend_from_slice(quantity.as_bytes()));
            }
            Kind::IntOrString => match self.entries.int_or_string(group)? {
                IntOrStr::Int(int) => self.int(int.into()),
                IntOrStr::Str(text) => json::write_string(&text, self.out),
            },
            Kind::RawExtension | Kind::FieldsV1 | Kind::Json => {
                match self.entries.field_one("RawExtension", group)? {
                    None | Some([]) => self.null(),
                    Some(raw) => self.raw(raw)?,
                }
            }
            Kind::SchemaOrArray(id) => self.schema_or_array(*id, group)?,
            Kind::SchemaOrBool(id) => self.schema_or_bool(*id, group)?,
            Kind::SchemaOrStringArray(id) => self.schema_or_strings(*id, group)?,
            Kind::Any => self.null(),
            Kind::Struct(id) => self.structure(*id, group, None)?,
            Kind::List(of) => self.list(of, group)?,
            Kind::ListMessage(of) => {
                let accepts = [of.accepts() | schema::DELIMITED];
                let base = self.entries.gather_plain("ListMessage", &accepts, group)?;
                self.list(of, base..self.entries.stack.len())?;
                self.entries.stack.truncate(base);
            }
            Kind::Map(of) => self.map(of, group)?,
        }
        Ok(())
    }

    fn list(&mut self, of: &'a Kind, group: Range<usize>) -> Step<()> {
        self.entries.enter()?;
        self.out.push(b'[');
        let open = self.out.len();
        for i in group {
            let entry = self.entries.stack[i];
            if Entries::is_packed(of, entry) {
                let base = self.entries.unpack(of, entry)?;
                for i in base..self.entries.stack.len() {
                    self.comma(open);
                    self.value(of, i..i + 1)?;
                }
                self.entries.stack.truncate(base);
            } else {
                self.comma(open);
                self.value(of, i..i + 1)?;
            }
        }
        if self.out.len() == open {
            self.out.pop();
            self.null();
        } else {
            self.out.push(b']');
        }
        self.entries.leave();
        Ok(())
    }

    fn map(&mut self, of: &'a Kind, group: Range<usize>) -> Step<()> {
        self.entries.enter()?;
        let base = self.entries.gather_map(of, group)?;
        self.out.push(b'{');
        let open = self.out.len();
        for i in base..self.entries.pairs.len() {
            let pair = self.entries.pairs[i];
            self.comma(open);
            self.text(self.entries.key(pair));
            self.out.push(b':');
            let at = self.entries.stack.len();
            self.entries.stack.push(pair.value);
            self.value(of, at..at + 1)?;
            self.entries.stack.truncate(at);
        }
        self.out.push(b'}');
        self.entries.pairs.truncate(base);
        self.entries.leave();
        Ok(())
    }

    fn schema_or_array(&mut self, id: TypeId, group: Range<usize>) -> Step<()> {
        let accepts = [schema::DELIMITED, schema::DELIMITED];
        let base = self.entries.gather_plain("JSONSchemaPropsOrArray", &accepts, group)?;
        let end = self.entries.stack.len();
        let several = self.entries.stack[base..].partition_point(|e| e.order == 1) + base;
        self.entries.enter()?;
        if several < end {
            self.out.push(b'[');
            let open = self.out.len();
            for i in several..end {
                self.comma(open);
                self.structure(id, i..i + 1, None)?;
            }
            self.out.push(b']');
        } else if base < several {
            self.structure(id, base..several, None)?;
        } else {
            self.null();
        }
        self.entries.leave();
        self.entries.stack.truncate(base);
        Ok(())
    }

    fn schema_or_bool(&mut self, id: TypeId, group: Range<usize>) -> Step<()> {
        let accepts = [schema::VARINT, schema::DELIMITED];
        let base = self.entries.gather_plain("JSONSchemaPropsOrBool", &accepts, group)?;
        let end = self.entries.stack.len();
        let schema = self.entries.stack[base..].partition_point(|e| e.order == 1) + base;
        if schema < end {
            self.structure(id, schema..end, None)?;
        } else {
            self.bool(self.entries.last(base, 1).is_some_and(|allows| allows.number() != 0));
        }
        self.entries.stack.truncate(base);
        Ok(())
    }

    fn schema_or_strings(&mut self, id: TypeId, group: Range<usize>) -> Step<()> {
        let accepts = [schema::DELIMITED, schema::DELIMITED];
        let base = self.entries.gather_plain("JSONSchemaPropsOrStringArray", &accepts, group)?;
        let end = self.entries.stack.len();
        let strings = self.entries.stack[base..].partition_point(|e| e.order == 1) + base;
        if strings < end {
            self.list(&Kind::String, strings..end)?;
        } else if base < strings {
            self.structure(id, base..strings, None)?;
        } else {
            self.null();
        }
        self.entries.stack.truncate(base);
        Ok(())
    }

    /// A string. Nearly all are plain, and then they are copied.
    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        if is_plain(bytes) {
            self.out.reserve(bytes.len() + 2);
            self.out.push(b'"');
            self.out.extend_from_slice(bytes);
            self.out.push(b'"');
        } else {
            json::write_string(&String::from_utf8_lossy(bytes), self.out);
        }
    }

    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    fn bool(&mut self, bool: bool) {
        self.out.extend_from_slice(if bool { b"true" } else { b"false" });
    }

    fn int(&mut self, int: i64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes());
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        let start = self.out.len();
        self.out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        let written = STANDARD.encode_slice(bytes, &mut self.out[start..]);
        self.out.truncate(start + written.expect("four bytes for each three are enough"));
        self.out.push(b'"');
    }

    /// Copies JSON. What has no space is compact; anything else is read, as space inside strings stays.
    fn raw(&mut self, raw: &[u8]) -> Step<()> {
        if is_plain_json(raw) {
            self.out.extend_from_slice(raw);
            return Ok(());
        }
        match std::str::from_utf8(raw) {
            Ok(text) if !has_space(raw) => json::write_raw(text, self.out),
            _ => json::write_raw(&json::raw(raw)?, self.out),
        }
        Ok(())
    }
}

/// Whether a string is ASCII in which nothing is escaped.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The high bit of some byte, where one of the eight is special. Bits of other bytes may be set then, too.
    let special = |word: u64| {
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        // `<` and `>` differ in one bit, and so do `"` and `&`.
        let angle = zero((word | (ONES * 2)) ^ (ONES * u64::from(b'>')));
        let quote = zero((word | (ONES * 4)) ^ (ONES * u64::from(b'&')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        (word | below | angle | quote | backslash) & HIGHS
    };
    let word = |chunk: &[u8; 8]| u64::from_le_bytes(*chunk);
    match (bytes, bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (_, Some(_), Some(last)) => {
            // The last eight bytes overlap what comes before, so that there is no rest.
            let mut all = special(word(last));
            for chunk in bytes.as_chunks::<8>().0 {
                all |= special(word(chunk));
            }
            all == 0
        }
        ([], ..) => true,
        (short, ..) => match (short.first_chunk::<4>(), short.last_chunk::<4>()) {
            (Some(a), Some(b)) => {
                let (a, b) = (u32::from_le_bytes(*a), u32::from_le_bytes(*b));
                special(u64::from(a) | u64::from(b) << 32) == 0
            }
            _ => {
                let [a, b, c] = [short[0], short[short.len() / 2], short[short.len() - 1]];
                special(u64::from_le_bytes([a, b, c, a, a, a, a, a])) == 0
            }
        },
    }
}

/// Whether a scalar is zero.
#[inline(always)]
fn is_zero(kind: &Kind, entry: Entry) -> bool {
    match kind {
        Kind::Bool | Kind::Int64 => entry.number() == 0,
        Kind::Int32 => entry.number() as i32 == 0,
        Kind::Float64 => f64::from_bits(entry.number()) == 0.0,
        Kind::String | Kind::Bytes => entry.range().is_empty(),
        _ => false,
    }
}

/// Reads a byte of each cache line. A list's objects are in memory that was not used for long: what reads a
/// message from tag to tag waits for one line after the other, this for all of them at once.
fn warm(message: &[u8]) {
    std::hint::black_box(message.iter().step_by(64).fold(0, |all, byte| all | byte));
}

/// Whether JSON is ASCII without space, in which nothing is escaped for HTML.
fn is_plain_json(json: &[u8]) -> bool {
    // Without an early end the compiler takes many bytes at a time. Above 0x7f, bytes are negative here.
    json.iter()
        .fold(true, |plain, byte| plain & (*byte as i8 > b' ' as i8) & (*byte | 2 != b'>') & (*byte != b'&'))
}

/// Whether there is a space or a control character, in strings or between them.
fn has_space(json: &[u8]) -> bool {
    // Without an early end the compiler takes many bytes at a time.
    json.iter().fold(false, |found, byte| found | (*byte <= b' '))
}
