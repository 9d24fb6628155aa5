//! Results as JSON.

use base64::Engine;
use keelson_apimachinery::{Map as JsonMap, Text as JsonText, Value as Json};

use super::{List, Map, Val, error};
use crate::library::{convert, time};
use crate::meter::{Meter, Outcome};

/// Lists and maps in results may be nested this deep.
const DEEPEST: usize = 200;

impl Val<'_> {
    /// The value as JSON. Bytes become base64, timestamps RFC 3339, durations seconds (`90s`), types their names;
    /// an optional value becomes its value, and `null` where it has none.
    pub(crate) fn to_json(&self, meter: &mut Meter) -> Outcome<Json> {
        self.json(meter, 0)
    }

    fn json(&self, meter: &mut Meter, depth: usize) -> Outcome<Json> {
        if depth > DEEPEST {
            return error("the result is nested too deeply");
        }
        meter.allocate(size_of::<Json>())?;
        Ok(match self {
            Val::Null | Val::Optional(None) => Json::Null,
            Val::Bool(value) => Json::Bool(*value),
            Val::Int(value) => Json::Int(*value),
            Val::Uint(value) => i64::try_from(*value).map_or(Json::Float(*value as f64), Json::Int),
            Val::Double(value) if !value.is_finite() => {
                return error(format!("{} is no JSON value", convert::double_text(*value)));
            }
            Val::Double(value) => Json::Float(*value),
            Val::String(text) => {
                meter.allocate(text.len())?;
                Json::String(JsonText::new(&**text))
            }
            Val::Bytes(bytes) => {
                meter.allocate(bytes.len() * 2)?;
                Json::from(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
            Val::Timestamp(at) => Json::from(at.to_string()),
            Val::Duration(nanos) => Json::from(time::duration_text(*nanos)),
            Val::Type(name) => Json::from(&**name),
            Val::Optional(Some(value)) => value.json(meter, depth + 1)?,
            Val::Extension(extension) => Json::from(extension.to_string()),
            // What is of the input goes out as it came.
            Val::List(List::Json(elements, _)) => {
                meter.allocate(size_of_val(*elements))?;
                Json::Array(elements.to_vec())
            }
            Val::Map(Map::Json(members, _)) => Json::Object((*members).clone()),
            Val::List(List::Made(elements)) => {
                Json::Array(elements.iter().map(|e| e.json(meter, depth + 1)).collect::<Outcome<_>>()?)
            }
            Val::Map(Map::Made(map)) => {
                let mut members = Vec::with_capacity(map.len());
                for (key, value) in map.values() {
                    members.push((JsonText::from(key.to_string()), value.json(meter, depth + 1)?));
                }
                Json::Object(members.into_iter().collect::<JsonMap>())
            }
        })
    }
}
