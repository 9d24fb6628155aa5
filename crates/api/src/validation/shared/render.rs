//! Values as errors show them where a whole struct is wrong. Upstream prints its internal types, whose members
//! have Go's names, all of them, in the order of their declaration; [`Shape`] says so for those that clients
//! get to see.

use keelson_apimachinery::field::{ErrorType, FieldError, quote};
use keelson_apimachinery::{Value, codec};

use super::super::Node;

/// How a value is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// As it stands, `null` where it is absent: pointers, lists and maps of scalars.
    Json,
    /// A string, `""` where it is absent.
    Text,
    /// An integer, `0` where it is absent.
    Int,
    /// A boolean, `false` where it is absent.
    Flag,
    /// A list; `null` where it is absent.
    List(&'static Shape),
    /// A map; `null` where it is absent.
    Map(&'static Shape),
    /// A struct behind a pointer: `null` where it is absent.
    Pointer(&'static Shape),
    /// A struct of an internal type: by JSON name, Go's name and shape. All members are written.
    Struct(&'static [(&'static str, &'static str, Shape)]),
    /// Whatever this writes.
    Custom(fn(Option<&Value>, &mut String)),
    /// A struct that has JSON names upstream, too; empty members are left out.
    Tagged(&'static [(&'static str, Shape)]),
}

/// A value that is written out, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Rendered<'a> {
    node: Node<'a>,
    text: String,
}

/// Writes the value at `node`.
pub(crate) fn render<'a>(node: &Node<'a>, shape: &Shape) -> Rendered<'a> {
    let mut text = String::new();
    write(node.value(), shape, &mut text);
    Rendered { node: *node, text }
}

/// The JSON of a value.
pub(crate) fn json(value: Option<&Value>, shape: &Shape) -> String {
    let mut text = String::new();
    write(value, shape, &mut text);
    text
}

impl Rendered<'_> {
    /// `Invalid value`.
    pub(crate) fn invalid(self, why: impl Into<String>) -> FieldError {
        FieldError::new(ErrorType::Invalid, &self.node, Some(self.text), why)
    }

    /// `Duplicate value`.
    pub(crate) fn duplicate(self) -> FieldError {
        FieldError::new(ErrorType::Duplicate, &self.node, Some(self.text), "")
    }

    /// `Unsupported value`.
    pub(crate) fn not_supported(self, supported: &[&str]) -> FieldError {
        let list: Vec<String> = supported.iter().map(|text| quote(text)).collect();
        let why = format!("supported values: {}", list.join(", "));
        FieldError::new(ErrorType::NotSupported, &self.node, Some(self.text), why)
    }
}

fn plain(value: &Value, out: &mut String) {
    let mut bytes = Vec::new();
    codec::json::encode_untyped(value, &mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

fn separated<T>(items: impl Iterator<Item = T>, out: &mut String, mut each: impl FnMut(T, &mut String)) {
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(item, out);
    }
}

/// Writes a value in a shape.
pub(crate) fn write(value: Option<&Value>, shape: &Shape, out: &mut String) {
    let value = value.filter(|value| !value.is_null());
    match (shape, value) {
        (Shape::Text, None) => out.push_str("\"\""),
        (Shape::Int, None) => out.push('0'),
        (Shape::Flag, None) => out.push_str("false"),
        (Shape::Struct(_) | Shape::Tagged(_), value) => members(value, shape, out),
        (Shape::Custom(write), value) => write(value, out),
        (_, None) => out.push_str("null"),
        (Shape::Pointer(shape), value) => write(value, shape, out),
        (Shape::List(shape), Some(Value::Array(list))) => {
            out.push('[');
            separated(list.iter(), out, |item, out| write(Some(item), shape, out));
            out.push(']');
        }
        (Shape::Map(shape), Some(Value::Object(map))) => {
            out.push('{');
            separated(map.iter(), out, |(key, value), out| {
                plain(&key.into(), out);
                out.push(':');
                write(Some(value), shape, out);
            });
            out.push('}');
        }
        (_, Some(value)) => plain(value, out),
    }
}

fn members(value: Option<&Value>, shape: &Shape, out: &mut String) {
    let get = |name: &str| value.and_then(|value| value.get(name));
    out.push('{');
    match shape {
        Shape::Struct(fields) => separated(fields.iter(), out, |(name, go, shape), out| {
            plain(&(*go).into(), out);
            out.push(':');
            write(get(name), shape, out);
        }),
        Shape::Tagged(fields) => {
            let set = fields.iter().filter(|(name, _)| !empty(get(name)));
            separated(set, out, |(name, shape), out| {
                plain(&(*name).into(), out);
                out.push(':');
                write(get(name), shape, out);
            });
        }
        _ => {}
    }
    out.push('}');
}

fn empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_show_as_upstream_prints_them() {
        const SHAPE: Shape = Shape::Struct(&[
            ("type", "Type", Shape::Text),
            ("rolling", "Rolling", Shape::Pointer(&Shape::Struct(&[("n", "N", Shape::Int)]))),
            ("list", "List", Shape::List(&Shape::Tagged(&[("b", Shape::Text), ("a", Shape::Json)]))),
        ]);
        let check = |text: &str, expected: &str| {
            let value = codec::json::decode_untyped(text.as_bytes()).expect("the test's JSON").value;
            let error = render(&Node::named("x", Some(&value)), &SHAPE).invalid("no");
            assert_eq!(error.to_string(), format!("x: Invalid value: {expected}: no"));
        };
        check("{}", r#"{"Type":"","Rolling":null,"List":null}"#);
        check(
            r#"{"type":"T","rolling":{},"list":[{"a":[1],"b":"c"},{}]}"#,
            r#"{"Type":"T","Rolling":{"N":0},"List":[{"b":"c","a":[1]},{}]}"#,
        );
    }
}
