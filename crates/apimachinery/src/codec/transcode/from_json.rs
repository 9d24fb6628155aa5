//! JSON to protobuf.

use crate::codec::{DecodeError, StrictError, json, protobuf};
use crate::{Schema, TypeId};

/// Writes the message of an object of this type that comes as JSON, and hands back what strict field validation
/// would refuse.
///
/// # Errors
/// As [`json::decode`] and [`protobuf::encode`].
pub fn json_to_protobuf(
    schema: &Schema,
    ty: TypeId,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<Vec<StrictError>, DecodeError> {
    let decoded = json::decode(schema, ty, text)?;
    out.extend(protobuf::encode(schema, ty, &decoded.value)?);
    Ok(decoded.strict)
}
