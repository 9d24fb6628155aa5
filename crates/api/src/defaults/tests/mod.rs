//! What defaults make of objects, group by group: each row is a body, a path, and what stands there afterwards.

mod any;
mod cluster;
mod pods;
mod recordings;
mod workloads;

use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{TypeId, Value};

use super::apply;
use crate::facts;

/// A body as a server reads it.
fn read(api_version: &str, kind: &str, body: &str) -> (TypeId, Object) {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let ty = facts::kind(group, version, kind).unwrap_or_else(|| panic!("no {kind} in {api_version}"));
    let value = json::decode(crate::schema(), ty, body.as_bytes()).unwrap_or_else(|e| panic!("{e}: {body}"));
    assert_eq!(value.strict, [], "{body}");
    let mut object = Object::try_from(value.value).expect("a body is an object");
    object.set_type(api_version, kind);
    (ty, object)
}

fn parse(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}")).value
}

fn text(value: &Value) -> String {
    let mut out = Vec::new();
    json::encode_untyped(value, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// The value at a path whose numbers are indexes of lists: `spec.containers.0.image`.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|key| !key.is_empty()).try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    })
}

/// Checks what stands at a path of a defaulted body; `""` for nothing. Defaulting again changes nothing.
fn check(api_version: &str, kind: &str, body: &str, path: &str, expected: &str) {
    let (ty, mut object) = read(api_version, kind, body);
    apply(ty, &mut object);
    let found = at(object.as_value(), path).filter(|value| !value.is_null()).map(text).unwrap_or_default();
    let expected = if expected.is_empty() { String::new() } else { text(&parse(expected)) };
    assert_eq!(found, expected, "{kind} {body} at {path}");
    let once = object.clone();
    apply(ty, &mut object);
    assert_eq!(object, once, "{kind} {body} twice");
}
