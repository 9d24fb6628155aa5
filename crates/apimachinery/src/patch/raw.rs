//! Fields that keep their JSON text ([`Value::Raw`]) become trees where a patch reaches into them.

use crate::Value;
use crate::codec::json;

/// The tree of a raw value; any other value as it is. Text that is no JSON, which a raw value never holds,
/// becomes null.
pub(super) fn tree(value: &Value) -> Value {
    match value {
        Value::Raw(text) => parse(text),
        other => other.clone(),
    }
}

/// Makes a raw value a tree in place.
pub(super) fn open(value: &mut Value) {
    if let Value::Raw(text) = value {
        *value = parse(text);
    }
}

pub(super) fn parse(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).map(|decoded| decoded.value).unwrap_or_default()
}
