//! Whether a configuration fits its type.

use std::fmt::Write;

use super::element::PathElement;
use super::shape::{Items, Scalar, Shape, item_element};
use crate::field::quote;
use crate::{Schema, TypeId, Value};

/// How many mistakes are told of at once.
const MAX_ERRORS: usize = 64;

/// Checks a configuration that is to be applied: members that its type does not have, values of a wrong type,
/// and items of lists that can't be told apart.
///
/// # Errors
/// Upstream's text for what is wrong.
pub fn validate(schema: &Schema, ty: TypeId, config: &Value) -> Result<(), String> {
    let mut check = Check { schema, path: Vec::new(), errors: Vec::new() };
    check.value(Shape::of_type(schema, ty), config);
    match check.errors.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(many.iter().fold("errors:".to_owned(), |text, error| text + "\n  " + error)),
    }
}

struct Check<'s> {
    schema: &'s Schema,
    path: Vec<PathElement>,
    errors: Vec<String>,
}

impl<'s> Check<'s> {
    fn error(&mut self, why: impl AsRef<str>) {
        if self.errors.len() < MAX_ERRORS {
            let path = super::set::show(&self.path);
            let separator = if path.is_empty() { "" } else { ": " };
            self.errors.push(format!("{path}{separator}{}", why.as_ref()));
        }
    }

    fn value(&mut self, shape: Shape<'s>, value: &Value) {
        if value.is_null() {
            return;
        }
        match shape {
            Shape::Untyped => {}
            Shape::Scalar(wanted) => self.scalar(wanted, value),
            Shape::List { of, items } => match value {
                Value::Array(list) => self.items(of, items, list),
                other => self.error(format!("expected list, got &{{{}}}", plain(other))),
            },
            Shape::Struct { .. } | Shape::Map { .. } => match value {
                Value::Object(members) => {
                    for (key, value) in members.iter() {
                        self.path.push(PathElement::field(key));
                        match shape.member(self.schema, key) {
                            Some(member) => self.value(member.shape, value),
                            None => self.error("field not declared in schema"),
                        }
                        self.path.pop();
                    }
                }
                other => self.error(format!("expected map, got &{{{}}}", plain(other))),
            },
        }
    }

    fn items(&mut self, of: &'s crate::schema::Kind, items: Items<'s>, list: &[Value]) {
        let shape = Shape::of_kind(self.schema, of);
        let mut seen = std::collections::BTreeSet::new();
        for (i, item) in list.iter().enumerate() {
            let element = match items {
                Items::Atomic => PathElement::Index(i64::try_from(i).unwrap_or(i64::MAX)),
                _ => match item_element(self.schema, items, of, item) {
                    Ok(element) => element,
                    Err(why) => return self.error(format!("element {i}: {why}")),
                },
            };
            if !matches!(items, Items::Atomic) && !seen.insert(element.clone()) {
                self.error(format!("duplicate entries for key {element}"));
            }
            self.path.push(element);
            self.value(shape, item);
            self.path.pop();
        }
    }

    fn scalar(&mut self, wanted: Scalar, value: &Value) {
        let number = matches!(value, Value::Int(_) | Value::Float(_));
        match (wanted, value) {
            (Scalar::Numeric, _) if number => {}
            (Scalar::String, Value::String(_)) | (Scalar::Boolean, Value::Bool(_)) => {}
            (Scalar::Any, Value::String(_) | Value::Bool(_)) => {}
            (Scalar::Any, _) if number => {}
            (Scalar::Numeric, other) => {
                self.error(format!("expected numeric (int or float), got {}", go_type(other)));
            }
            (Scalar::String, other) => {
                self.error(format!(
                    "expected string, got &value.valueUnstructured{{Value:{}}}",
                    literal(other)
                ));
            }
            (Scalar::Boolean, other) => self.error(format!("expected boolean, got &{{{}}}", plain(other))),
            (Scalar::Any, other) => self.error(format!("expected any scalar, got &{{{}}}", plain(other))),
        }
    }
}

/// The Go type of a decoded JSON value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Raw(_) | Value::Object(_) => "map[string]interface {}",
    }
}

/// A value as Go's `%v` prints it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(x) => x.to_string(),
        Value::String(s) | Value::Raw(s) => s.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(k, v)| format!("{k}:{}", plain(v))).collect();
            format!("map[{}]", members.join(" "))
        }
    }
}

/// A value as Go's `%#v` prints it.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".into(),
        Value::String(s) | Value::Raw(s) => quote(s),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => plain(value),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(members) => {
            let mut out = "map[string]interface {}{".to_owned();
            for (i, (key, value)) in members.iter().enumerate() {
                let separator = if i > 0 { ", " } else { "" };
                let _ = write!(out, "{separator}{}:{}", quote(key), literal(value));
            }
            out + "}"
        }
    }
}
