//! Writing the wire format.

/// A message that grows at its end.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
}

impl Writer {
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    pub(crate) fn tag(&mut self, number: u32, wire_type: u8) {
        self.varint(u64::from(number) << 3 | u64::from(wire_type));
    }

    /// A whole field of varint type.
    pub(crate) fn varint_field(&mut self, number: u32, value: u64) {
        self.tag(number, super::reader::VARINT);
        self.varint(value);
    }

    /// A whole field of bytes.
    pub(crate) fn bytes_field(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, super::reader::DELIMITED);
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Writes the length of all that follows the byte kept free for it at `at`: one byte is enough for most
    /// messages, and the contents of longer ones move.
    pub(crate) fn fix_length(&mut self, at: usize) {
        let length = self.out.len() - at - 1;
        if let Ok(short @ 0..0x80) = u8::try_from(length) {
            self.out[at] = short;
            return;
        }
        let (content, end) = (at + 1, self.out.len());
        self.varint(length as u64);
        let more = self.out.len() - end - 1;
        let mut prefix = [0; 10];
        prefix[..=more].copy_from_slice(&self.out[end..]);
        self.out.truncate(end);
        self.out.resize(end + more, 0);
        self.out.copy_within(content..end, content + more);
        self.out[at..=at + more].copy_from_slice(&prefix[..=more]);
    }
}
