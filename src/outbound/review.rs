//! The answers of webhooks: the review that was posted, with its status.

use keelson_apimachinery::codec::json;
use keelson_apimachinery::field::quote;
use keelson_apimachinery::{Map, Value};

/// The status that an answer to a review of this kind and version carries; empty where it carries none. An answer
/// that leaves its kind or version out is of those that were asked for.
///
/// # Errors
/// An answer that is no JSON, of another kind or version, or whose status is no object.
pub fn status_of(answer: &[u8], kind: &str, api_version: &str) -> Result<Map, String> {
    let tree = json::decode_untyped(answer).map_err(|error| error.to_string())?.value;
    let Value::Object(mut members) = tree else { return Err("the webhook's answer is no object".to_owned()) };
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let (found, version) = (text("kind"), text("apiVersion"));
    if !["", kind].contains(&found) || !["", api_version].contains(&version) {
        let (found, version) = (quote(found), quote(version));
        return Err(format!(
            "the webhook's answer is of kind {found} and version {version}, not {kind} of {api_version}"
        ));
    }
    match members.remove("status") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(status)) => Ok(status),
        Some(_) => Err("the webhook's answer: status: must be an object".to_owned()),
    }
}

/// A member of a status that is true or false; false where it is absent.
///
/// # Errors
/// Where it is something else.
pub fn flag(status: &Map, name: &str) -> Result<bool, String> {
    match status.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(format!("the webhook's answer: status.{name}: must be true or false")),
    }
}

/// A member of a status that is a text; empty where it is absent.
///
/// # Errors
/// Where it is something else.
pub fn text(status: &Map, name: &str) -> Result<String, String> {
    match status.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_string()),
        Some(_) => Err(format!("the webhook's answer: status.{name}: must be a string")),
    }
}
