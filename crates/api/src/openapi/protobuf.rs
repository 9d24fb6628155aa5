//! OpenAPI documents as protobuf: the messages `openapi.v2.Document` and `openapi.v3.Document` of
//! gnostic-models, which client-go reads.
//!
//! The tables below say which member of a document's JSON is which field. Members that no table names are
//! extensions (`x-…`) and travel as JSON text, which is YAML, too.

use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Map, Value};

/// A message: its members, and the field of its extensions (0: it has none).
struct Message {
    members: &'static [(&'static str, u32, Shape)],
    extensions: u32,
}

/// How a member is written.
enum Shape {
    /// A string.
    Text,
    /// A boolean.
    Bool,
    /// An integer, as a varint.
    Int,
    /// A number, as a double.
    Double,
    /// Strings.
    Texts,
    /// Any value, as text in an `Any`.
    Anys,
    Any,
    /// A message.
    Message(&'static Message),
    /// A list of the shape.
    List(&'static Shape),
    /// A message whose one field holds the value.
    Wrapped(u32, &'static Shape),
    /// A message with the value as field 1, or with a reference as field 2.
    OrReference(&'static Message),
    /// A message whose repeated field holds names (1) and values (2).
    Named(u32, &'static Shape),
    /// A schema (field 1) or a boolean (field 2).
    OrBoolean(&'static Shape),
    /// `DefaultType`: a number, a boolean or a string; it has no place for others.
    Default,
    /// OpenAPI v2's parameter: by body (1) or otherwise (2), and then by query (3) or path (4).
    Parameter,
    /// OpenAPI v2's parameter or reference.
    ParameterOrReference,
}

/// An OpenAPI v2 document as protobuf.
pub fn v2(document: &Value) -> Vec<u8> {
    whole(&v2_tables::DOCUMENT, document)
}

/// An OpenAPI v3 document as protobuf.
pub fn v3(document: &Value) -> Vec<u8> {
    whole(&v3_tables::DOCUMENT, document)
}

fn whole(table: &Message, document: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    if let Value::Object(members) = document {
        write_members(table, members, &mut out);
    }
    out
}

fn write_members(table: &Message, members: &Map, out: &mut Vec<u8>) {
    for (key, number, shape) in table.members {
        if let Some(value) = members.get(key) {
            write(*number, shape, value, out);
        }
    }
    if table.extensions != 0 {
        for (key, value) in members.iter().filter(|(key, _)| key.starts_with("x-")) {
            message(table.extensions, out, |out| named(key, out, |out| any(2, value, out)));
        }
    }
}

fn write(number: u32, shape: &Shape, value: &Value, out: &mut Vec<u8>) {
    match (shape, value) {
        (Shape::Text, Value::String(text)) => bytes(number, text.as_bytes(), out),
        (Shape::Bool, Value::Bool(value)) => {
            varint(u64::from(number) << 3, out);
            varint(u64::from(*value), out);
        }
        (Shape::Int, Value::Int(value)) => {
            varint(u64::from(number) << 3, out);
            varint(*value as u64, out);
        }
        (Shape::Double, Value::Int(value)) => double(number, *value as f64, out),
        (Shape::Double, Value::Float(value)) => double(number, *value, out),
        (Shape::Texts, Value::Array(list)) => list.iter().for_each(|v| write(number, &Shape::Text, v, out)),
        // A type may be one string where lists are allowed.
        (Shape::Texts, Value::String(text)) => bytes(number, text.as_bytes(), out),
        (Shape::Any, value) => any(number, value, out),
        (Shape::Anys, Value::Array(list)) => list.iter().for_each(|v| any(number, v, out)),
        (Shape::Message(table), Value::Object(members)) => {
            message(number, out, |out| write_members(table, members, out));
        }
        (Shape::List(shape), Value::Array(list)) => list.iter().for_each(|v| write(number, shape, v, out)),
        (Shape::Wrapped(inner, shape), value) => message(number, out, |out| write(*inner, shape, value, out)),
        (Shape::OrReference(table), Value::Object(members)) => {
            message(number, out, |out| match members.get("$ref") {
                Some(target) => reference(target, out),
                None => message(1, out, |out| write_members(table, members, out)),
            })
        }
        (Shape::Named(inner, shape), Value::Object(members)) => message(number, out, |out| {
            for (key, value) in members.iter() {
                message(*inner, out, |out| named(key, out, |out| write(2, shape, value, out)));
            }
        }),
        (Shape::OrBoolean(_), Value::Bool(_)) => {
            message(number, out, |out| write(2, &Shape::Bool, value, out))
        }
        (Shape::OrBoolean(shape), value) => message(number, out, |out| write(1, shape, value, out)),
        (Shape::Default, Value::Int(_) | Value::Float(_)) => {
            message(number, out, |out| write(1, &Shape::Double, value, out));
        }
        (Shape::Default, Value::Bool(_)) => message(number, out, |out| write(2, &Shape::Bool, value, out)),
        (Shape::Default, Value::String(_)) => message(number, out, |out| write(3, &Shape::Text, value, out)),
        (Shape::Parameter, Value::Object(members)) => {
            message(number, out, |out| match members.get("in").and_then(Value::as_str) {
                Some("body") => {
                    message(1, out, |out| write_members(&v2_tables::BODY_PARAMETER, members, out))
                }
                Some(place) => message(2, out, |out| {
                    let place = if place == "path" { 4 } else { 3 };
                    message(place, out, |out| {
                        write_members(&v2_tables::OTHER_PARAMETER[place as usize - 3], members, out)
                    });
                }),
                None => {}
            });
        }
        (Shape::ParameterOrReference, Value::Object(members)) => {
            message(number, out, |out| match members.get("$ref") {
                Some(target) => reference(target, out),
                None => write(1, &Shape::Parameter, value, out),
            })
        }
        _ => {}
    }
}

fn reference(target: &Value, out: &mut Vec<u8>) {
    message(2, out, |out| write(1, &Shape::Text, target, out));
}

fn named(name: &str, out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    bytes(1, name.as_bytes(), out);
    value(out);
}

/// `Any`, whose field 2 is YAML text.
fn any(number: u32, value: &Value, out: &mut Vec<u8>) {
    message(number, out, |out| {
        let mut text = Vec::new();
        json::encode_untyped(value, &mut text);
        text.push(b'\n');
        bytes(2, &text, out);
    });
}

fn message(number: u32, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    bytes(number, &inner, out);
}

fn bytes(number: u32, content: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | 2, out);
    varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

fn double(number: u32, value: f64, out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | 1, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

mod v2_tables {
    use super::{Message, Shape};

    pub(super) static DOCUMENT: Message = Message {
        members: &[
            ("swagger", 1, Shape::Text),
            ("info", 2, Shape::Message(&INFO)),
            ("paths", 8, Shape::Named(2, &Shape::Message(&PATH_ITEM))),
            ("definitions", 9, Shape::Named(1, &SCHEMA_SHAPE)),
            ("parameters", 10, Shape::Named(1, &Shape::Parameter)),
            ("security", 12, Shape::List(&Shape::Named(1, &Shape::Wrapped(1, &Shape::Texts)))),
            ("securityDefinitions", 13, Shape::Named(1, &Shape::Wrapped(2, &Shape::Message(&API_KEY)))),
        ],
        extensions: 16,
    };
    static INFO: Message =
        Message { members: &[("title", 1, Shape::Text), ("version", 2, Shape::Text)], extensions: 7 };
    static API_KEY: Message = Message {
        members: &[
            ("type", 1, Shape::Text),
            ("name", 2, Shape::Text),
            ("in", 3, Shape::Text),
            ("description", 4, Shape::Text),
        ],
        extensions: 5,
    };
    static PATH_ITEM: Message = Message {
        members: &[
            ("get", 2, Shape::Message(&OPERATION)),
            ("put", 3, Shape::Message(&OPERATION)),
            ("post", 4, Shape::Message(&OPERATION)),
            ("delete", 5, Shape::Message(&OPERATION)),
            ("options", 6, Shape::Message(&OPERATION)),
            ("head", 7, Shape::Message(&OPERATION)),
            ("patch", 8, Shape::Message(&OPERATION)),
            ("parameters", 9, Shape::List(&Shape::ParameterOrReference)),
        ],
        extensions: 10,
    };
    static OPERATION: Message = Message {
        members: &[
            ("tags", 1, Shape::Texts),
            ("description", 3, Shape::Text),
            ("operationId", 5, Shape::Text),
            ("produces", 6, Shape::Texts),
            ("consumes", 7, Shape::Texts),
            ("parameters", 8, Shape::List(&Shape::ParameterOrReference)),
            ("responses", 9, Shape::Named(1, &Shape::OrReference(&RESPONSE))),
            ("schemes", 10, Shape::Texts),
        ],
        extensions: 13,
    };
    static RESPONSE: Message = Message {
        members: &[("description", 1, Shape::Text), ("schema", 2, Shape::Wrapped(1, &SCHEMA_SHAPE))],
        extensions: 5,
    };
    pub(super) static BODY_PARAMETER: Message = Message {
        members: &[
            ("description", 1, Shape::Text),
            ("name", 2, Shape::Text),
            ("in", 3, Shape::Text),
            ("required", 4, Shape::Bool),
            ("schema", 5, Shape::Message(&SCHEMA)),
        ],
        extensions: 6,
    };
    /// Parameters of the query, and of the path.
    pub(super) static OTHER_PARAMETER: [Message; 2] = [
        Message {
            members: &[
                ("required", 1, Shape::Bool),
                ("in", 2, Shape::Text),
                ("description", 3, Shape::Text),
                ("name", 4, Shape::Text),
                ("type", 6, Shape::Text),
                ("uniqueItems", 20, Shape::Bool),
            ],
            extensions: 23,
        },
        Message {
            members: &[
                ("required", 1, Shape::Bool),
                ("in", 2, Shape::Text),
                ("description", 3, Shape::Text),
                ("name", 4, Shape::Text),
                ("type", 5, Shape::Text),
                ("uniqueItems", 19, Shape::Bool),
            ],
            extensions: 22,
        },
    ];
    static SCHEMA_SHAPE: Shape = Shape::Message(&SCHEMA);
    static SCHEMA: Message = Message {
        members: &[
            ("$ref", 1, Shape::Text),
            ("format", 2, Shape::Text),
            ("title", 3, Shape::Text),
            ("description", 4, Shape::Text),
            ("default", 5, Shape::Any),
            ("maximum", 7, Shape::Double),
            ("exclusiveMaximum", 8, Shape::Bool),
            ("minimum", 9, Shape::Double),
            ("exclusiveMinimum", 10, Shape::Bool),
            ("maxLength", 11, Shape::Int),
            ("minLength", 12, Shape::Int),
            ("pattern", 13, Shape::Text),
            ("maxItems", 14, Shape::Int),
            ("minItems", 15, Shape::Int),
            ("uniqueItems", 16, Shape::Bool),
            ("maxProperties", 17, Shape::Int),
            ("minProperties", 18, Shape::Int),
            ("required", 19, Shape::Texts),
            ("enum", 20, Shape::Anys),
            ("additionalProperties", 21, Shape::OrBoolean(&SCHEMA_SHAPE)),
            ("type", 22, Shape::Wrapped(1, &Shape::Texts)),
            ("items", 23, Shape::Wrapped(1, &SCHEMA_SHAPE)),
            ("allOf", 24, Shape::List(&SCHEMA_SHAPE)),
            ("properties", 25, Shape::Named(1, &SCHEMA_SHAPE)),
        ],
        extensions: 31,
    };
}

mod v3_tables {
    use super::{Message, Shape};

    pub(super) static DOCUMENT: Message = Message {
        members: &[
            ("openapi", 1, Shape::Text),
            ("info", 2, Shape::Message(&INFO)),
            ("paths", 4, Shape::Named(1, &Shape::Message(&PATH_ITEM))),
            ("components", 5, Shape::Message(&COMPONENTS)),
        ],
        extensions: 9,
    };
    static INFO: Message =
        Message { members: &[("title", 1, Shape::Text), ("version", 6, Shape::Text)], extensions: 7 };
    static COMPONENTS: Message = Message {
        members: &[
            ("schemas", 1, Shape::Named(1, &SCHEMA_SHAPE)),
            ("securitySchemes", 7, Shape::Named(1, &Shape::OrReference(&SECURITY_SCHEME))),
        ],
        extensions: 10,
    };
    static SECURITY_SCHEME: Message = Message {
        members: &[
            ("type", 1, Shape::Text),
            ("description", 2, Shape::Text),
            ("name", 3, Shape::Text),
            ("in", 4, Shape::Text),
        ],
        extensions: 9,
    };
    static PATH_ITEM: Message = Message {
        members: &[
            ("get", 4, Shape::Message(&OPERATION)),
            ("put", 5, Shape::Message(&OPERATION)),
            ("post", 6, Shape::Message(&OPERATION)),
            ("delete", 7, Shape::Message(&OPERATION)),
            ("options", 8, Shape::Message(&OPERATION)),
            ("head", 9, Shape::Message(&OPERATION)),
            ("patch", 10, Shape::Message(&OPERATION)),
            ("parameters", 13, Shape::List(&Shape::OrReference(&PARAMETER))),
        ],
        extensions: 14,
    };
    static OPERATION: Message = Message {
        members: &[
            ("tags", 1, Shape::Texts),
            ("description", 3, Shape::Text),
            ("operationId", 5, Shape::Text),
            ("parameters", 6, Shape::List(&Shape::OrReference(&PARAMETER))),
            ("requestBody", 7, Shape::OrReference(&REQUEST_BODY)),
            ("responses", 8, Shape::Named(2, &Shape::OrReference(&RESPONSE))),
        ],
        extensions: 13,
    };
    static PARAMETER: Message = Message {
        members: &[
            ("name", 1, Shape::Text),
            ("in", 2, Shape::Text),
            ("description", 3, Shape::Text),
            ("required", 4, Shape::Bool),
            ("schema", 10, Shape::OrReference(&SCHEMA)),
        ],
        extensions: 14,
    };
    static REQUEST_BODY: Message = Message {
        members: &[("description", 1, Shape::Text), ("content", 2, CONTENT), ("required", 3, Shape::Bool)],
        extensions: 4,
    };
    static RESPONSE: Message =
        Message { members: &[("description", 1, Shape::Text), ("content", 3, CONTENT)], extensions: 5 };
    const CONTENT: Shape = Shape::Named(1, &Shape::Message(&MEDIA_TYPE));
    static MEDIA_TYPE: Message =
        Message { members: &[("schema", 1, Shape::OrReference(&SCHEMA))], extensions: 5 };
    static SCHEMA_SHAPE: Shape = Shape::OrReference(&SCHEMA);
    static SCHEMA: Message = Message {
        members: &[
            ("nullable", 1, Shape::Bool),
            ("deprecated", 8, Shape::Bool),
            ("title", 9, Shape::Text),
            ("maximum", 11, Shape::Double),
            ("exclusiveMaximum", 12, Shape::Bool),
            ("minimum", 13, Shape::Double),
            ("exclusiveMinimum", 14, Shape::Bool),
            ("maxLength", 15, Shape::Int),
            ("minLength", 16, Shape::Int),
            ("pattern", 17, Shape::Text),
            ("maxItems", 18, Shape::Int),
            ("minItems", 19, Shape::Int),
            ("uniqueItems", 20, Shape::Bool),
            ("maxProperties", 21, Shape::Int),
            ("minProperties", 22, Shape::Int),
            ("required", 23, Shape::Texts),
            ("enum", 24, Shape::Anys),
            ("type", 25, Shape::Text),
            ("allOf", 26, Shape::List(&SCHEMA_SHAPE)),
            ("oneOf", 27, Shape::List(&SCHEMA_SHAPE)),
            ("anyOf", 28, Shape::List(&SCHEMA_SHAPE)),
            ("not", 29, Shape::Message(&SCHEMA)),
            ("items", 30, Shape::Wrapped(1, &SCHEMA_SHAPE)),
            ("properties", 31, Shape::Named(1, &SCHEMA_SHAPE)),
            ("additionalProperties", 32, Shape::OrBoolean(&SCHEMA_SHAPE)),
            ("default", 33, Shape::Default),
            ("description", 34, Shape::Text),
            ("format", 35, Shape::Text),
        ],
        extensions: 36,
    };
}
