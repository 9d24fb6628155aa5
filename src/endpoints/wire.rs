//! The little of protobuf's wire format that answers are put together with.

/// The field `number` of a message with its tag and length, where it is there and length-delimited: itself a
/// message that has no other field. `None` for messages that are broken before it.
pub(super) fn field(message: &[u8], number: u64) -> Option<&[u8]> {
    let mut at = 0;
    while at < message.len() {
        let start = at;
        let tag = varint(message, &mut at)?;
        match tag & 7 {
            0 => {
                varint(message, &mut at)?;
            }
            1 => at += 8,
            2 => {
                let length = usize::try_from(varint(message, &mut at)?).ok()?;
                at = at.checked_add(length)?;
            }
            5 => at += 4,
            _ => return None,
        }
        if at > message.len() {
            return None;
        }
        if tag >> 3 == number && tag & 7 == 2 {
            return Some(&message[start..at]);
        }
    }
    None
}

fn varint(message: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Writes a varint.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How long the varint of `value` is.
pub(super) fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Writes a length-delimited field.
pub(super) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | 2, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_others() {
        let mut message = vec![0x08, 0x96, 0x01];
        put_bytes(3, b"skip", &mut message);
        put_bytes(1, b"meta", &mut message);
        put_bytes(2, b"rest", &mut message);
        assert_eq!(field(&message, 1), Some(&b"\x0a\x04meta"[..]));
        assert_eq!(field(&message, 9), None);
        assert_eq!(field(b"\x0a\x05ab", 1), None, "a length past the end");
        assert_eq!(field(&[0xff; 20], 1), None, "a varint without end");
    }

    #[test]
    fn varints_have_the_length_that_is_foretold() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            assert_eq!(out.len(), varint_length(value), "{value}");
            assert_eq!(varint(&out, &mut 0), Some(value));
        }
    }
}
