//! The wire format: numbers, tags, lengths, and what is skipped, with the error texts of Go's generated code.

use crate::codec::DecodeError;

/// The result of a step in reading.
pub(crate) type Step<T> = Result<T, DecodeError>;

#[cold]
pub(crate) fn unexpected_end<T>() -> Step<T> {
    Err(DecodeError::new("unexpected EOF"))
}

#[cold]
fn overflow<T>() -> Step<T> {
    Err(DecodeError::new("proto: integer overflow"))
}

/// A length that reaches past the end, from `start`.
#[cold]
fn too_long<T>(length: u64, start: usize) -> Step<T> {
    // Go's lengths and offsets have a sign.
    match (start as u64).checked_add(length).is_some_and(|end| end <= i64::MAX as u64) {
        true => unexpected_end(),
        false => Err(DecodeError::new("proto: negative length found during unmarshaling")),
    }
}

#[cold]
fn illegal_tag<T>(tag: u64, message: &str) -> Step<T> {
    let message = short_name(message);
    Err(DecodeError::new(match tag & 7 {
        4 => format!("proto: {message}: wiretype end group for non-group"),
        _ => format!("proto: {message}: illegal tag {} (wire type {tag})", (tag >> 3) as i32),
    }))
}

/// A field's number and wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) number: u32,
    pub(crate) wire_type: u8,
}

/// The wire types.
pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const DELIMITED: u8 = 2;

/// A place in a message.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the offset `at`; offsets stay those of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Reader { bytes, at }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Step<u64> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Step<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else { return unexpected_end() };
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        overflow()
    }

    /// A field's tag. `message` is the Go name of the message, for errors.
    #[inline(always)]
    pub(crate) fn tag(&mut self, message: &str) -> Step<Tag> {
        let tag = self.varint()?;
        // The number is cut to 32 bits, and must then be positive.
        let (number, wire_type) = ((tag >> 3) as u32, (tag & 7) as u8);
        if wire_type == 4 || number == 0 || number > i32::MAX as u32 {
            return illegal_tag(tag, message);
        }
        Ok(Tag { number, wire_type })
    }

    pub(crate) fn fixed64(&mut self) -> Step<u64> {
        match self.bytes[self.at..].first_chunk() {
            Some(bytes) => {
                self.at += 8;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => unexpected_end(),
        }
    }

    /// The offsets of the contents of a string, of bytes or of a message.
    #[inline(always)]
    pub(crate) fn delimited(&mut self) -> Step<(usize, usize)> {
        let length = self.varint()?;
        let start = self.at;
        if length > (self.bytes.len() - start) as u64 {
            return too_long(length, start);
        }
        self.at = start + length as usize;
        Ok((start, self.at))
    }

    /// Skips the value of a field that is not known. Groups are skipped whole, however deep.
    pub(crate) fn skip(&mut self, tag: Tag) -> Step<()> {
        let mut wire_type = tag.wire_type;
        let mut depth = 0usize;
        loop {
            match wire_type {
                VARINT => self.varint().map(drop)?,
                FIXED64 => self.advance(8)?,
                DELIMITED => self.delimited().map(drop)?,
                3 => depth += 1,
                4 => match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None => return Err(DecodeError::new("proto: unexpected end of group")),
                },
                5 => self.advance(4)?,
                other => return Err(DecodeError::new(format!("proto: illegal wireType {other}"))),
            }
            if depth == 0 {
                return Ok(());
            }
            wire_type = (self.varint()? & 7) as u8;
        }
    }

    fn advance(&mut self, n: usize) -> Step<()> {
        if self.bytes.len() - self.at < n {
            return unexpected_end();
        }
        self.at += n;
        Ok(())
    }
}

/// The name of a Go type without its package.
pub(crate) fn short_name(go_name: &str) -> &str {
    go_name.rsplit('.').next().unwrap_or(go_name)
}

#[cold]
pub(crate) fn wrong_wire_type<T>(wire_type: u8, json_name: &str) -> Step<T> {
    // Go's name of a field is its JSON name with a capital, but for a few.
    let mut chars = json_name.chars();
    let go_name: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
    Err(DecodeError::new(format!("proto: wrong wireType = {wire_type} for field {go_name}")))
}
