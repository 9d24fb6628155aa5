//! The fields of messages, gathered and put into the order of JSON output.
//!
//! One stack holds the fields of all messages that are being read. Gathering a message touches its tags and
//! lengths only; contents are read when they are wanted. A singular message that comes in several parts is
//! several entries of one order, and gathering all of them merges it.

use std::borrow::Cow;
use std::ops::Range;

use super::reader::{DELIMITED, FIXED64, Reader, Step, VARINT, wrong_wire_type};
use crate::codec::{DecodeError, MAX_DEPTH};
use crate::scalar::{self, MicroTime, Time};
use crate::schema::{self, Kind, Schema, TypeId};

/// One occurrence of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The place of the field among those of its message.
    pub(crate) order: u16,
    pub(crate) wire_type: u8,
    /// A number, or the offsets of contents in the whole: start above, end below.
    value: u64,
}

impl Entry {
    pub(crate) fn number(self) -> u64 {
        self.value
    }

    pub(crate) fn range(self) -> Range<usize> {
        (self.value >> 32) as usize..(self.value & u64::from(u32::MAX)) as usize
    }

    /// A field with these contents.
    pub(crate) fn delimited(order: u16, range: Range<usize>) -> Self {
        // Both are offsets into a message shorter than 4 GiB.
        let value = (range.start as u64) << 32 | range.end as u64;
        Entry { order, wire_type: DELIMITED, value }
    }

    /// A field that is there, and whose value comes from elsewhere.
    pub(crate) fn present(order: u16) -> Self {
        Entry { order, wire_type: VARINT, value: 1 }
    }

    /// A field that is not there: 0 or nothing.
    pub(crate) fn empty(order: u16, kind: &Kind) -> Self {
        let wire_type = match kind.accepts() {
            schema::VARINT => VARINT,
            schema::FIXED64 => FIXED64,
            _ => DELIMITED,
        };
        Entry { order, wire_type, value: 0 }
    }
}

/// A map's entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    key: (u32, u32),
    pub(crate) value: Entry,
}

/// The fields of the messages that are being read.
pub(crate) struct Entries<'a> {
    pub(crate) schema: &'a Schema,
    /// The outermost message.
    pub(crate) whole: &'a [u8],
    pub(crate) stack: Vec<Entry>,
    pub(crate) pairs: Vec<Pair>,
    depth: usize,
}

/// What an `IntOrString` message says.
pub(crate) enum IntOrStr<'a> {
    Int(i32),
    Str(Cow<'a, str>),
}

impl<'a> Entries<'a> {
    /// The entries of a whole message, which stands on the stack as one field.
    pub(crate) fn new(schema: &'a Schema, whole: &'a [u8]) -> Step<Self> {
        if u32::try_from(whole.len()).is_err() {
            return Err(DecodeError::new("proto: message of more than 4 GiB"));
        }
        let mut stack = Vec::with_capacity(128);
        stack.push(Entry::delimited(0, 0..whole.len()));
        Ok(Entries { schema, whole, stack, pairs: Vec::new(), depth: 0 })
    }

    /// Goes one level deeper. To be paired with [`Entries::leave`], but not on errors, which end all reading.
    pub(crate) fn enter(&mut self) -> Step<()> {
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::new("exceeded max depth"));
        }
        self.depth += 1;
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The range of entries from `start` that have the same order as the first.
    #[inline]
    pub(crate) fn group_from(&self, start: usize, end: usize) -> Range<usize> {
        let order = self.stack[start].order;
        let mut next = start + 1;
        while next < end && self.stack[next].order == order {
            next += 1;
        }
        start..next
    }

    /// Puts the fields of the message that `group` is on the stack, sorted by order: what is above the
    /// returned height.
    pub(crate) fn gather(&mut self, id: TypeId, group: Range<usize>) -> Step<usize> {
        let base = self.stack.len();
        for i in group {
            let range = self.stack[i].range();
            self.gather_part(id, range, 0)?;
        }
        self.sort(base);
        Ok(base)
    }

    fn sort(&mut self, base: usize) {
        let entries = &mut self.stack[base..];
        if !entries.is_sorted_by_key(|e| e.order) {
            entries.sort_by_key(|e| e.order);
        }
    }

    fn gather_part(&mut self, id: TypeId, range: Range<usize>, first: u16) -> Step<()> {
        let schema = self.schema;
        let wire = schema.wire(id);
        let message = &schema.get(id).go_name;
        let mut reader = Reader::new(&self.whole[..range.end], range.start);
        while !reader.is_at_end() {
            let tag = reader.tag(message)?;
            let slot = wire.slot(tag.number);
            if slot.accepts >> tag.wire_type & 1 == 0 {
                if slot.accepts == 0 {
                    reader.skip(tag)?;
                    continue;
                }
                let names = schema.get(id).by_number(tag.number).map(|i| &schema.get(id).fields[i].json);
                return wrong_wire_type(tag.wire_type, names.map_or("", |name| name));
            }
            let order = first + slot.order;
            let entry = read_entry(&mut reader, order, tag.wire_type)?;
            match wire.inlined(slot) {
                None => self.stack.push(entry),
                Some(inner) => self.gather_part(inner, entry.range(), order)?,
            }
        }
        Ok(())
    }

    /// As [`Entries::gather`], for a message that is no struct: `accepts` has what the fields 1, 2, … are in
    /// protobuf, and their orders are their numbers.
    pub(crate) fn gather_plain(&mut self, name: &str, accepts: &[u8], group: Range<usize>) -> Step<usize> {
        let base = self.stack.len();
        for i in group {
            let range = self.stack[i].range();
            let mut reader = Reader::new(&self.whole[..range.end], range.start);
            while !reader.is_at_end() {
                let tag = reader.tag(name)?;
                match accepts.get(tag.number as usize - 1) {
                    None => reader.skip(tag)?,
                    Some(accepts) if accepts >> tag.wire_type & 1 == 0 => {
                        return wrong_wire_type(tag.wire_type, name);
                    }
                    Some(_) => {
                        let entry = read_entry(&mut reader, tag.number as u16, tag.wire_type)?;
                        self.stack.push(entry);
                    }
                }
            }
        }
        self.sort(base);
        Ok(base)
    }

    /// Puts the entries of the map that `group` is on the stack of pairs, sorted by key, the last one of
    /// equal keys: what is above the returned height.
    pub(crate) fn gather_map(&mut self, of: &Kind, group: Range<usize>) -> Step<usize> {
        let base = self.pairs.len();
        for i in group {
            let range = self.stack[i].range();
            let mut reader = Reader::new(&self.whole[..range.end], range.start);
            let mut pair = Pair { key: (0, 0), value: Entry::empty(0, of) };
            while !reader.is_at_end() {
                let tag = reader.tag("MapEntry")?;
                match tag.number {
                    1 if tag.wire_type == DELIMITED => {
                        let (start, end) = reader.delimited()?;
                        pair.key = (start as u32, end as u32);
                    }
                    2 if of.accepts() >> tag.wire_type & 1 == 1 => {
                        pair.value = read_entry(&mut reader, 0, tag.wire_type)?;
                    }
                    1 | 2 => return wrong_wire_type(tag.wire_type, "mapEntry"),
                    _ => reader.skip(tag)?,
                }
            }
            self.pairs.push(pair);
        }
        let whole = self.whole;
        let key = |pair: &Pair| &whole[pair.key.0 as usize..pair.key.1 as usize];
        if !self.pairs[base..].is_sorted_by(|a, b| key(a) < key(b)) {
            self.pairs[base..].sort_by(|a, b| key(a).cmp(key(b)));
            let mut kept = base;
            for i in base + 1..self.pairs.len() {
                if key(&self.pairs[i]) != key(&self.pairs[kept]) {
                    kept += 1;
                }
                self.pairs[kept] = self.pairs[i];
            }
            self.pairs.truncate(kept + 1);
        }
        Ok(base)
    }

    /// Takes apart a packed list's contents: one entry for each number, on the stack.
    pub(crate) fn unpack(&mut self, of: &Kind, packed: Entry) -> Step<usize> {
        let base = self.stack.len();
        let range = packed.range();
        let mut reader = Reader::new(&self.whole[..range.end], range.start);
        let wire_type = Entry::empty(0, of).wire_type;
        while !reader.is_at_end() {
            let entry = read_entry(&mut reader, packed.order, wire_type)?;
            self.stack.push(entry);
        }
        Ok(base)
    }

    /// Whether an entry of a list of `of` is several numbers in one.
    pub(crate) fn is_packed(of: &Kind, entry: Entry) -> bool {
        entry.wire_type == DELIMITED && of.accepts() != schema::DELIMITED
    }

    pub(crate) fn key(&self, pair: Pair) -> &'a [u8] {
        &self.whole[pair.key.0 as usize..pair.key.1 as usize]
    }

    pub(crate) fn bytes(&self, entry: Entry) -> &'a [u8] {
        &self.whole[entry.range()]
    }

    /// A string. What is not UTF-8 in it becomes U+FFFD.
    pub(crate) fn text(&self, entry: Entry) -> Cow<'a, str> {
        lossy(self.bytes(entry))
    }

    /// The last entry of `order` above `base`.
    pub(crate) fn last(&self, base: usize, order: u16) -> Option<Entry> {
        self.stack[base..].iter().rev().find(|e| e.order == order).copied()
    }

    /// The content of a message whose field 1 is bytes; `None` where that is not set or empty.
    pub(crate) fn field_one(&mut self, name: &str, group: Range<usize>) -> Step<Option<&'a [u8]>> {
        // As every encoder writes it: the field, and nothing else.
        if group.len() == 1 {
            let content = self.bytes(self.stack[group.start]);
            if let [0x0a, length @ 0..0x80, bytes @ ..] = content
                && bytes.len() == usize::from(*length)
            {
                return Ok(Some(bytes));
            }
        }
        let base = self.gather_plain(name, &[schema::DELIMITED], group)?;
        let bytes = self.last(base, 1).map(|entry| self.bytes(entry));
        self.stack.truncate(base);
        Ok(bytes)
    }

    /// The text of a quantity's message, which is canonical.
    pub(crate) fn quantity(&mut self, group: Range<usize>) -> Step<Cow<'a, str>> {
        match self.field_one("Quantity", group)? {
            None => Ok(Cow::Borrowed("0")),
            // What is not UTF-8 is no quantity, and neither is the empty text that stands for it.
            Some(bytes) => scalar::canonical(&Kind::Quantity, std::str::from_utf8(bytes).unwrap_or(""))
                .map_err(DecodeError::new),
        }
    }

    /// Seconds and nanoseconds of a time's message; `None` for the zero time. A later message replaces an
    /// earlier one.
    fn timestamp(&mut self, group: Range<usize>) -> Step<Option<(i64, i32)>> {
        let Some(last) = group.clone().next_back().filter(|i| !self.stack[*i].range().is_empty()) else {
            return Ok(None);
        };
        let range = self.stack[last].range();
        let mut reader = Reader::new(&self.whole[..range.end], range.start);
        if self.whole[range.start] == 0x08 {
            reader.varint()?;
            let seconds = reader.varint()? as i64;
            // As every encoder writes it: seconds, nanoseconds, and nothing else.
            if self.whole[reader.position()..range.end].first() == Some(&0x10) {
                reader.varint()?;
                let nanos = reader.varint()? as i32;
                if reader.is_at_end() {
                    return Ok(Some((seconds, nanos)));
                }
            }
        }
        let base = self.gather_plain("Timestamp", &[schema::VARINT, schema::VARINT], last..last + 1)?;
        let number = |order| self.last(base, order).map_or(0, Entry::number);
        let (seconds, nanos) = (number(1) as i64, number(2) as i32);
        self.stack.truncate(base);
        Ok(Some((seconds, nanos)))
    }

    /// The time of a message; `None` for the zero time.
    pub(crate) fn time(&mut self, group: Range<usize>) -> Step<Option<Time>> {
        let time = self.timestamp(group)?.map(|(seconds, _)| Time { seconds });
        Ok(time.filter(|time| !time.is_zero()))
    }

    /// As [`Entries::time`].
    pub(crate) fn micro_time(&mut self, group: Range<usize>) -> Step<Option<MicroTime>> {
        let time = self.timestamp(group)?.map(|(seconds, nanos)| MicroTime::from_timestamp(seconds, nanos));
        Ok(time.filter(|time| !time.is_zero()))
    }

    /// The nanoseconds of a duration's message.
    pub(crate) fn duration(&mut self, group: Range<usize>) -> Step<i64> {
        let base = self.gather_plain("Duration", &[schema::VARINT], group)?;
        let nanos = self.last(base, 1).map_or(0, Entry::number) as i64;
        self.stack.truncate(base);
        Ok(nanos)
    }

    /// What an `IntOrString` message says.
    pub(crate) fn int_or_string(&mut self, group: Range<usize>) -> Step<IntOrStr<'a>> {
        let accepts = [schema::VARINT, schema::VARINT, schema::DELIMITED];
        let base = self.gather_plain("IntOrString", &accepts, group)?;
        let number = |order| self.last(base, order).map_or(0, Entry::number);
        let result = match number(1) {
            0 => Ok(IntOrStr::Int(number(2) as i32)),
            1 => Ok(IntOrStr::Str(self.last(base, 3).map_or(Cow::Borrowed(""), |e| self.text(e)))),
            _ => Err(DecodeError::new("impossible IntOrString.Type")),
        };
        self.stack.truncate(base);
        result
    }

    /// A double, which must be a number that JSON has.
    pub(crate) fn float(entry: Entry) -> Step<f64> {
        let float = f64::from_bits(entry.number());
        match float.is_finite() {
            true => Ok(float),
            false => Err(DecodeError::new(format!("json: unsupported value: {float}"))),
        }
    }
}

#[inline(always)]
fn read_entry(reader: &mut Reader<'_>, order: u16, wire_type: u8) -> Step<Entry> {
    Ok(match wire_type {
        VARINT => Entry { order, wire_type, value: reader.varint()? },
        FIXED64 => Entry { order, wire_type, value: reader.fixed64()? },
        _ => {
            let (start, end) = reader.delimited()?;
            Entry::delimited(order, start..end)
        }
    })
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
