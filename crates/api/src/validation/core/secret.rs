//! Secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::content::names::NameRule;
use keelson_apimachinery::field::FieldError;

use super::config_map::keys;
use crate::validation::metadata::validate_again;
use crate::validation::shared::immutable::immutable_text;
use crate::validation::{Errors, Node, Rules};

/// What all values of a secret or config map may take together, in bytes.
pub(super) const MAX_SIZE: usize = 1 << 20;

const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

pub(super) const RULES: Rules = Rules::new("", "secrets", create, update);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let data = object.child("data");
    let mut size = 0;
    for (key, entry) in data.entries() {
        keys(key, &entry, errors);
        size += decoded_size(entry.text());
    }
    if size > MAX_SIZE {
        errors.push(data.too_long(MAX_SIZE));
    }
    by_type(object, &data, errors);
}

/// What the secret's type asks for.
fn by_type(object: &Node<'_>, data: &Node<'_>, errors: &mut Errors) {
    let has = |key: &str| data.object().is_some_and(|map| map.contains_key(key));
    let require = |key: &str, errors: &mut Errors| errors.push(data.key(key).required(""));
    match object.text_at(&["type"]) {
        "kubernetes.io/service-account-token" => {
            let metadata = object.child("metadata");
            let annotations = metadata.child("annotations");
            let name = annotations.key(ACCOUNT_NAME);
            if name.text().is_empty() {
                errors.push(name.required(""));
            }
        }
        "kubernetes.io/dockercfg" => json_object(&data.key(".dockercfg"), errors),
        "kubernetes.io/dockerconfigjson" => json_object(&data.key(".dockerconfigjson"), errors),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            require("username", errors);
            require("password", errors);
        }
        "kubernetes.io/ssh-auth" if data.key("ssh-privatekey").text().is_empty() => {
            require("ssh-privatekey", errors);
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if !has(key) {
                    require(key, errors);
                }
            }
        }
        _ => {}
    }
}

/// A value that must be the JSON of an object.
fn json_object(entry: &Node<'_>, errors: &mut Errors) {
    if !entry.is_set() {
        errors.push(entry.required(""));
        return;
    }
    let Ok(content) = STANDARD.decode(entry.text()) else { return };
    let wrong = match json::decode_untyped(&content).map(|decoded| decoded.value) {
        Ok(Value::Object(_) | Value::Null) => return,
        Ok(other) => {
            let what = match other {
                Value::Bool(_) => "bool",
                Value::Int(_) | Value::Float(_) => "number",
                Value::String(_) | Value::Raw(_) => "string",
                _ => "array",
            };
            format!("json: cannot unmarshal {what} into Go value of type map[string]interface {{}}")
        }
        Err(error) => error.to_string(),
    };
    errors.push(entry.invalid_text("<secret contents redacted>", wrong));
}

/// How many bytes base64 stands for.
pub(super) fn decoded_size(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|c| *c == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    immutable_text(&object.child("type"), &old.child("type"), errors);
    if old.at(&["immutable"]) == Some(&Value::Bool(true)) {
        unchanged(object, old, &["data"], errors);
    }
    validate_again(object, true, NameRule::Subdomain, errors);
    create(object, errors);
}

/// Refuses changes of these members and of `immutable`, which the old object has set.
pub(super) fn unchanged(object: &Node<'_>, old: &Node<'_>, members: &[&str], errors: &mut Errors) {
    let why = "field is immutable when `immutable` is set";
    if object.at(&["immutable"]) != Some(&Value::Bool(true)) {
        errors.push(FieldError::forbidden("immutable", why));
    }
    for member in members {
        if !object.child(member).same(&old.child(member)) {
            errors.push(FieldError::forbidden(*member, why));
        }
    }
}
