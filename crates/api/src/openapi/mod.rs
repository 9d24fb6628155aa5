//! The OpenAPI documents of the built-in APIs, made from the facts.
//!
//! `operations` says which operations each path has; `v2` and `v3` write them in the two versions of
//! OpenAPI, with the schemas of [`crate::openapi_schema`]. Documents are large and seldom asked for, so they
//! are made when they are and not kept here.

mod operations;
mod parameters;
pub mod protobuf;
mod v2;
mod v3;

pub use v2::document as v2;
pub use v3::{document as v3, paths as v3_paths};

use std::collections::BTreeMap;

use keelson_apimachinery::{Map, Text, Value};

use crate::openapi_schema::{self, Describe, Document};

/// The media types of answers and bodies, in the order that documents have them.
const STANDARD: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
/// What `info.title` says.
const TITLE: &str = "Kubernetes";
/// What `info.version` says: the release without its patch level.
const VERSION: &str = "1.36";

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (Text::from(key), value)).collect::<Map>())
}

fn texts(list: &[&str]) -> Value {
    Value::Array(list.iter().map(|text| Value::from(*text)).collect())
}

/// The schemas that these values refer to, and those that they refer to.
fn referenced<'a>(
    values: impl IntoIterator<Item = &'a Value>,
    prefix: &str,
    document: Document<'_>,
    descriptions: &dyn Describe,
) -> Map {
    let mut schemas = BTreeMap::new();
    let mut pending: Vec<String> = Vec::new();
    values.into_iter().for_each(|value| references(value, prefix, &mut pending));
    while let Some(name) = pending.pop() {
        if schemas.contains_key(name.as_str()) {
            continue;
        }
        if let Some(schema) = openapi_schema::definition(&name, document, descriptions) {
            references(&schema, prefix, &mut pending);
            schemas.insert(Text::from(name), schema);
        }
    }
    schemas.into_iter().collect()
}

/// Adds the names that a value's `$ref`s lead to.
fn references(value: &Value, prefix: &str, names: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter() {
                match member.as_str().filter(|_| key == "$ref").and_then(|target| target.strip_prefix(prefix))
                {
                    Some(name) => names.push(name.to_owned()),
                    None => references(member, prefix, names),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|member| references(member, prefix, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
