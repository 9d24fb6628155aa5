//! JSON as a value of its declared type.

use std::sync::Arc;

use base64::Engine;
use keelson_apimachinery::Value as Json;
use keelson_apimachinery::codec::json;

use super::{Key, List, Map, Shape, Text, Val, error};
use crate::library::time;
use crate::meter::Outcome;
use crate::types::Type;

/// `value` as a value of `type_`. What is of another type than declared comes as what it is.
pub(crate) fn adapt<'a>(value: &'a Json, type_: &'a Type) -> Outcome<Val<'a>> {
    Ok(match value {
        Json::Null => Val::Null,
        Json::Bool(value) => Val::Bool(*value),
        Json::Int(number) => match type_ {
            Type::Double => Val::Double(*number as f64),
            Type::Uint => match u64::try_from(*number) {
                Ok(number) => Val::Uint(number),
                Err(_) => return error("unsigned integer overflow"),
            },
            _ => Val::Int(*number),
        },
        Json::Float(number) => match type_ {
            Type::Int if number.fract() == 0.0 && number.abs() < 9.2e18 => Val::Int(*number as i64),
            _ => Val::Double(*number),
        },
        Json::String(text) => return string(text, type_),
        Json::Raw(text) => match json::decode_untyped(text.as_bytes()) {
            Ok(decoded) => own(&decoded.value)?,
            Err(_) => return error("unexpected JSON"),
        },
        Json::Array(elements) => Val::List(List::Json(
            elements,
            match type_ {
                Type::List(element) => element,
                _ => &Type::Dyn,
            },
        )),
        Json::Object(members) => Val::Map(Map::Json(
            members,
            match type_ {
                Type::Map(_, value) => Shape::Values(value),
                Type::Object(object) => Shape::Fields(object),
                _ => Shape::Values(&Type::Dyn),
            },
        )),
    })
}

fn string<'a>(text: &'a str, type_: &Type) -> Outcome<Val<'a>> {
    Ok(match type_ {
        Type::Timestamp => Val::Timestamp(time::parse_date_or_timestamp(text)?),
        Type::Duration => match time::parse_duration(text) {
            Some(nanos) => Val::Duration(nanos),
            None => return error(format!("time: invalid duration \"{text}\"")),
        },
        Type::Bytes => match base64::engine::general_purpose::STANDARD.decode(text) {
            Ok(bytes) => Val::Bytes(bytes.into()),
            Err(_) => return error("illegal base64 data"),
        },
        _ => Val::from(text),
    })
}

/// A value that borrows nothing. (Of JSON text that was read on the way; its depth is the reader's.)
pub(super) fn own<'a>(value: &Json) -> Outcome<Val<'a>> {
    Ok(match value {
        Json::Null => Val::Null,
        Json::Bool(value) => Val::Bool(*value),
        Json::Int(number) => Val::Int(*number),
        Json::Float(number) => Val::Double(*number),
        Json::String(text) => Val::String(Text::Shared(text.as_str().into())),
        Json::Raw(text) => match json::decode_untyped(text.as_bytes()) {
            Ok(decoded) => own(&decoded.value)?,
            Err(_) => return error("unexpected JSON"),
        },
        Json::Array(elements) => Val::from(elements.iter().map(own).collect::<Outcome<Vec<_>>>()?),
        Json::Object(members) => {
            let entries = members.iter().map(|(key, value)| {
                let key: Arc<str> = key.into();
                Ok((Key::Text(key.clone()), (Val::String(Text::Shared(key)), own(value)?)))
            });
            Val::Map(Map::Made(Arc::new(entries.collect::<Outcome<_>>()?)))
        }
    })
}
