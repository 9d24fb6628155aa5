//! How one write is written down: the value of its revision in the log.
//!
//! All numbers are little endian; integrity is the database's (it checks its blocks and batches).
//!
//! ```text
//! 1 byte   what: 1 a put, 2 a deletion
//! 8 bytes  the revision of the key's state before, 0 where it was absent
//! 8 bytes  time to live in milliseconds, 0 for none
//! 8 bytes  when that ends, in milliseconds of Unix time, 0 for never
//! 4 bytes  the key's length
//!          the key, UTF-8
//!          the value; nothing for a deletion
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

const PUT: u8 = 1;
const DELETION: u8 = 2;
const HEADER: usize = 1 + 8 + 8 + 8 + 4;

/// A time to live as it is stored: how long it was, and the wall time of its end for a later process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) ttl: Duration,
    pub(super) unix_millis: u64,
}

impl Expiry {
    /// How long is left at `now`; never more than the whole, so that a clock set back does not keep it.
    pub(super) fn left(self, now: u64) -> Duration {
        Duration::from_millis(self.unix_millis.saturating_sub(now)).min(self.ttl)
    }
}

/// What happened at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Arc<str>,
    /// The revision of the key's state before; 0 where it was absent.
    pub(super) previous: u64,
    /// `None`: deleted.
    pub(super) value: Option<Bytes>,
    pub(super) expiry: Option<Expiry>,
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let value: &[u8] = self.value.as_deref().unwrap_or_default();
        let mut out = Vec::with_capacity(HEADER + self.key.len() + value.len());
        out.push(if self.value.is_some() { PUT } else { DELETION });
        out.extend_from_slice(&self.previous.to_le_bytes());
        let (ttl, end) = self.expiry.map_or((0, 0), |expiry| {
            (u64::try_from(expiry.ttl.as_millis()).unwrap_or(u64::MAX), expiry.unix_millis)
        });
        out.extend_from_slice(&ttl.to_le_bytes());
        out.extend_from_slice(&end.to_le_bytes());
        // Keys are bounded far below 4 GiB before they get here.
        out.extend_from_slice(&u32::try_from(self.key.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(self.key.as_bytes());
        out.extend_from_slice(value);
        out
    }

    /// # Errors
    /// What is wrong with the bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let [what] = take::<1>(&mut rest)?;
        let previous = u64::from_le_bytes(take(&mut rest)?);
        let ttl = u64::from_le_bytes(take(&mut rest)?);
        let unix_millis = u64::from_le_bytes(take(&mut rest)?);
        let length = u32::from_le_bytes(take(&mut rest)?);
        let length = usize::try_from(length).map_err(|failure| failure.to_string())?;
        let (key, value) = rest.split_at_checked(length).ok_or("the key is cut off")?;
        let key = std::str::from_utf8(key).map_err(|failure| format!("the key: {failure}"))?;
        let value = match what {
            PUT => Some(Bytes::copy_from_slice(value)),
            DELETION if value.is_empty() => None,
            DELETION => return Err("a deletion with a value".to_owned()),
            other => return Err(format!("unknown kind {other}")),
        };
        let expiry = (unix_millis != 0).then(|| Expiry { ttl: Duration::from_millis(ttl), unix_millis });
        Ok(Self { key: key.into(), previous, value, expiry })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or("the record is cut off")?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(
            key in "[a-z/]{0,40}",
            previous in any::<u64>(),
            value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
            expiry in proptest::option::of((0..u64::from(u32::MAX), 1..u64::MAX)),
        ) {
            let expiry = expiry
                .map(|(ttl, unix_millis)| Expiry { ttl: Duration::from_millis(ttl), unix_millis });
            let record = Record { key: key.into(), previous, value: value.map(Bytes::from), expiry };
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn no_bytes_make_decode_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Record::decode(&bytes);
        }
    }

    #[test]
    fn a_clock_set_back_does_not_lengthen_a_life() {
        let expiry = Expiry { ttl: Duration::from_secs(10), unix_millis: 100_000 };
        assert_eq!(expiry.left(95_000), Duration::from_secs(5));
        assert_eq!(expiry.left(1), Duration::from_secs(10));
        assert_eq!(expiry.left(200_000), Duration::ZERO);
    }
}
