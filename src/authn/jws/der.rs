//! As much of DER as keys need: definite lengths, one byte tags.
//!
//! Source: ITU-T X.690.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a constructed, context specific element.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Reads elements that stand behind each other.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The elements of the sequence that `bytes` are.
    pub(super) fn of_sequence(bytes: &'a [u8]) -> Option<Self> {
        Reader::new(bytes).take(SEQUENCE).map(Reader::new)
    }

    /// The content of the next element; `None`, and nothing read, where it has another tag or is broken.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.rest.split_first()?;
        if *found != tag {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(content)
    }

    /// A positive integer, without leading zeros.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        let bytes = self.take(INTEGER)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
        Some(&bytes[zeros..]).filter(|rest| !negative && !rest.is_empty())
    }

    /// A bit string of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        match self.take(BIT_STRING)?.split_first() {
            Some((0, bytes)) => Some(bytes),
            _ => None,
        }
    }
}

/// An element.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(length.to_le_bytes()[0]);
    } else {
        let bytes = length.to_be_bytes();
        let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        out.push(0x80 | significant.len().to_le_bytes()[0]);
        out.extend_from_slice(significant);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A positive integer.
pub(super) fn positive(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_they_were_written() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let written = element(OCTET_STRING, &[&content, &[]]);
            let mut reader = Reader::new(&written);
            assert_eq!(reader.take(INTEGER), None, "another tag");
            assert_eq!(reader.take(OCTET_STRING), Some(content.as_slice()), "{length}");
            assert_eq!(reader.take(OCTET_STRING), None, "the end");
            assert_eq!(Reader::new(&written[..written.len() - 1]).take(OCTET_STRING), None, "cut short");
        }
        for number in [[0x7f, 1], [0x80, 1]] {
            assert_eq!(Reader::new(&positive(&number)).positive(), Some(&number[..]));
        }
        assert_eq!(Reader::new(&[INTEGER, 1, 0x80]).positive(), None, "negative");
        assert_eq!(Reader::new(&[INTEGER, 0x80]).positive(), None, "an indefinite length");
        assert_eq!(Reader::new(&[INTEGER, 0x84, 0xff, 0xff, 0xff, 0xff]).positive(), None, "too long");
    }
}
