//! What upstream says of a tree whose values don't fit their type where it doesn't go through JSON: in the result
//! of a strategic merge patch.
//!
//! Source: `runtime.DefaultUnstructuredConverter` of k8s.io/apimachinery.

use keelson_apimachinery::schema::{Field, Kind};
use keelson_apimachinery::{Schema, TypeId, Value};

/// Why `value` is no `ty`, in the order of the type's fields; `None` where it is one, and where only a type with a
/// reader of its own (a quantity, a time) minds.
pub(super) fn mismatch(schema: &Schema, ty: TypeId, value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let Value::Object(members) = value else {
        return Some(format!("cannot restore struct from: {}", go_kind(value)));
    };
    schema.get(ty).fields.iter().find_map(|field| match field {
        Field { inline: true, kind: Kind::Struct(inner), .. } => mismatch(schema, *inner, value),
        field => of_kind(schema, &field.kind, &field.go_type, members.get(&field.json)?),
    })
}

fn of_kind(schema: &Schema, kind: &Kind, go_type: &str, value: &Value) -> Option<String> {
    let unrecognized = |kind: &str| Some(format!("unrecognized type: {kind}"));
    let inconvertible = |natural: &str| {
        let to = if go_type.is_empty() { natural } else { go_type };
        Some(format!("cannot convert {} to {to}", go_kind(value)))
    };
    let integer = |name: &str| match value {
        Value::Int(_) => None,
        Value::Float(float) if float.trunc() == *float => None,
        Value::Float(_) => inconvertible(name),
        _ => unrecognized(name),
    };
    match (kind, value) {
        (_, Value::Null) => None,
        (Kind::Bool, Value::Bool(_)) => None,
        (Kind::Bool, _) => unrecognized("bool"),
        (Kind::Int32, _) => integer("int32"),
        (Kind::Int64, _) => integer("int64"),
        (Kind::Float64, Value::Int(_) | Value::Float(_)) => None,
        (Kind::Float64, _) => unrecognized("float64"),
        (Kind::String, Value::String(_)) => None,
        // Go can make a string of an integer: the one with that character.
        (Kind::String, Value::Int(_)) => inconvertible("string"),
        (Kind::String, _) => unrecognized("string"),
        (Kind::Struct(ty), _) => mismatch(schema, *ty, value),
        (Kind::List(item) | Kind::ListMessage(item), Value::Array(items)) => {
            items.iter().find_map(|value| of_kind(schema, item, "", value))
        }
        (Kind::Bytes, Value::String(_) | Value::Array(_)) => None,
        (Kind::List(_) | Kind::ListMessage(_) | Kind::Bytes, _) => {
            Some(format!("cannot restore slice from {}", go_kind(value)))
        }
        (Kind::Map(item), Value::Object(members)) => {
            members.iter().find_map(|(_, value)| of_kind(schema, item, "", value))
        }
        (Kind::Map(_), _) => Some(format!("cannot restore map from {}", go_kind(value))),
        _ => None,
    }
}

/// The kind of Go value that a tree's value is there.
fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use keelson_apimachinery::codec::json;

    use super::*;

    #[track_caller]
    fn check(spec: &str, wanted: Option<&str>) {
        let ty = keelson_api::facts::kind("apps", "v1", "Deployment").expect("a kind of the tables");
        let text = format!(r#"{{"apiVersion":"apps/v1","kind":"Deployment","spec":{spec}}}"#);
        let value = json::decode_untyped(text.as_bytes()).expect("the test's JSON").value;
        assert_eq!(mismatch(keelson_api::schema(), ty, &value).as_deref(), wanted, "{spec}");
    }

    #[test]
    fn what_does_not_fit_is_told_in_the_words_of_the_converter() {
        check(r#"{"replicas":3,"selector":null,"template":{"spec":{"containers":[{"name":"a"}]}}}"#, None);
        check(r#"{"replicas":"x"}"#, Some("unrecognized type: int32"));
        check(r#"{"replicas":1.5}"#, Some("cannot convert float64 to int32"));
        check(r#"{"paused":1}"#, Some("unrecognized type: bool"));
        check("[]", Some("cannot restore struct from: slice"));
        check(r#"{"selector":{"matchLabels":"a"}}"#, Some("cannot restore map from string"));
        check(r#"{"selector":{"matchLabels":{"a":1}}}"#, Some("cannot convert int64 to string"));
        check(r#"{"selector":{"matchLabels":{"a":true}}}"#, Some("unrecognized type: string"));
        check(r#"{"template":{"spec":{"containers":{}}}}"#, Some("cannot restore slice from map"));
        check(
            r#"{"template":{"spec":{"containers":[{"imagePullPolicy":5}]}}}"#,
            Some("cannot convert int64 to v1.PullPolicy"),
        );
        check(r#"{"template":{"metadata":{"creationTimestamp":5}}}"#, None);
        // The first in the order of fields, not in the patch's.
        check(r#"{"template":7,"replicas":"x"}"#, Some("unrecognized type: int32"));
    }
}
