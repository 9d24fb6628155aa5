//! Fields that keep their JSON text ([`Value::Raw`]) become trees where a patch reaches into them.

use crate::{Map, Text, Value};

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
    serde_json::from_str(text).map(convert).unwrap_or_default()
}

fn convert(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(b),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(i) => Value::Int(i),
            None => Value::Float(n.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(s) => Value::String(s.into()),
        serde_json::Value::Array(list) => Value::Array(list.into_iter().map(convert).collect()),
        serde_json::Value::Object(map) => {
            let members = map.into_iter().map(|(k, v)| (Text::from(k), convert(v)));
            Value::Object(members.collect::<Map>())
        }
    }
}
