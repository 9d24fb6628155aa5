//! The envelope of protobuf on the wire and in storage: four bytes of magic, and a `runtime.Unknown` message
//! that says which kind of object is in it.

use super::DecodeError;
use super::protobuf::reader::{DELIMITED, Reader, wrong_wire_type};
use super::protobuf::writer::Writer;

/// What every enveloped message begins with.
pub const PREFIX: [u8; 4] = *b"k8s\0";

/// An opened envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Envelope<'a> {
    /// The object's group and version, such as `apps/v1`.
    pub api_version: &'a str,
    /// The object's kind.
    pub kind: &'a str,
    /// The object's own message.
    pub raw: &'a [u8],
    /// How `raw` is encoded past its type: empty for not at all.
    pub content_encoding: &'a str,
    /// What `raw` is: empty for protobuf.
    pub content_type: &'a str,
}

/// Whether these bytes begin as an envelope does.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(&PREFIX)
}

/// Opens an envelope. Nothing is copied.
///
/// # Errors
/// No bytes, no prefix, nothing behind it, or a malformed message: as kube-apiserver words it. An `apiVersion`
/// or kind that is not UTF-8.
pub fn open(bytes: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::new("empty data"));
    }
    if !is_sealed(bytes) {
        return Err(DecodeError::new(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        ));
    }
    if bytes.len() == PREFIX.len() {
        return Err(DecodeError::new("empty body"));
    }
    let mut envelope = Envelope::default();
    let mut reader = Reader::new(bytes, PREFIX.len());
    while !reader.is_at_end() {
        let tag = reader.tag("Unknown")?;
        let name = match tag.number {
            1 => "typeMeta",
            2 => "raw",
            3 => "contentEncoding",
            4 => "contentType",
            _ => {
                reader.skip(tag)?;
                continue;
            }
        };
        if tag.wire_type != DELIMITED {
            return wrong_wire_type(tag.wire_type, name);
        }
        let (start, end) = reader.delimited()?;
        match tag.number {
            1 => type_meta(&bytes[..end], start, &mut envelope)?,
            2 => envelope.raw = &bytes[start..end],
            3 => envelope.content_encoding = utf8(&bytes[start..end], name)?,
            _ => envelope.content_type = utf8(&bytes[start..end], name)?,
        }
    }
    Ok(envelope)
}

fn type_meta<'a>(bytes: &'a [u8], start: usize, envelope: &mut Envelope<'a>) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes, start);
    while !reader.is_at_end() {
        let tag = reader.tag("TypeMeta")?;
        let name = match tag.number {
            1 => "APIVersion",
            2 => "kind",
            _ => {
                reader.skip(tag)?;
                continue;
            }
        };
        if tag.wire_type != DELIMITED {
            return wrong_wire_type(tag.wire_type, name);
        }
        let (start, end) = reader.delimited()?;
        let text = utf8(&bytes[start..end], name)?;
        match tag.number {
            1 => envelope.api_version = text,
            _ => envelope.kind = text,
        }
    }
    Ok(())
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::new(format!("proto: {name} is not UTF-8")))
}

/// Puts an object's message into an envelope, as kube-apiserver does: content encoding and type are written,
/// though empty.
pub fn seal(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut writer = Writer { out: Vec::with_capacity(raw.len() + api_version.len() + kind.len() + 32) };
    seal_with(api_version, kind, raw.len(), &mut writer);
    writer.out.extend_from_slice(raw);
    writer.out.extend_from_slice(TAIL);
    writer.out
}

/// What stands in front of `raw` in an envelope around `raw_len` bytes, and what stands behind: for writers
/// that have `raw` in pieces.
pub fn around(api_version: &str, kind: &str, raw_len: usize) -> (Vec<u8>, &'static [u8]) {
    let mut writer = Writer { out: Vec::with_capacity(api_version.len() + kind.len() + 32) };
    seal_with(api_version, kind, raw_len, &mut writer);
    (writer.out, TAIL)
}

/// Empty content encoding and content type.
const TAIL: &[u8] = b"\x1a\0\x22\0";

fn seal_with(api_version: &str, kind: &str, raw_len: usize, writer: &mut Writer) {
    writer.out.extend_from_slice(&PREFIX);
    writer.tag(1, DELIMITED);
    let at = writer.out.len();
    writer.out.push(0);
    writer.bytes_field(1, api_version.as_bytes());
    writer.bytes_field(2, kind.as_bytes());
    writer.fix_length(at);
    writer.tag(2, DELIMITED);
    writer.varint(raw_len as u64);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_envelope_is_as_kube_apiserver_writes_it() {
        let sealed = seal("v1", "Pod", b"\x0a\x00");
        assert_eq!(sealed, b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x0a\x00\x1a\0\x22\0");
        let (front, back) = around("v1", "Pod", 2);
        assert_eq!([&front[..], b"\x0a\x00", back].concat(), sealed);
        let opened = open(&sealed).unwrap();
        assert_eq!((opened.api_version, opened.kind, opened.raw), ("v1", "Pod", &b"\x0a\x00"[..]));
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for (bytes, message) in [
            (&b""[..], "empty data"),
            (b"{}", "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"),
            (b"k8s\0", "empty body"),
            (b"k8s\0\x0a\x05", "unexpected EOF"),
            (b"k8s\0\x08\x05", "proto: wrong wireType = 0 for field TypeMeta"),
            (b"k8s\0\x0c", "proto: Unknown: wiretype end group for non-group"),
            (b"k8s\0\x00", "proto: Unknown: illegal tag 0 (wire type 0)"),
            (b"k8s\0\x0f", "proto: wrong wireType = 7 for field TypeMeta"),
            (b"k8s\0\x2f", "proto: illegal wireType 7"),
            (b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "proto: integer overflow"),
            (
                b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                "proto: negative length found during unmarshaling",
            ),
        ] {
            assert_eq!(open(bytes).map_err(|e| e.to_string()), Err(message.to_owned()), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(version in ".{0,200}", kind in ".{0,200}", raw: Vec<u8>) {
            let sealed = seal(&version, &kind, &raw);
            let opened = open(&sealed).unwrap();
            prop_assert_eq!((opened.api_version, opened.kind, opened.raw), (&*version, &*kind, &*raw));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = open(&[&PREFIX[..], &bytes].concat());
        }
    }
}
