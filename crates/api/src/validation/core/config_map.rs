//! ConfigMap.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::keys::config_map_key;
use keelson_apimachinery::content::names::NameRule;
use keelson_apimachinery::field::FieldError;

use super::secret::{MAX_SIZE, decoded_size, unchanged};
use crate::validation::metadata::validate_again;
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("", "configmaps", create, update);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let (data, binary) = (object.child("data"), object.child("binaryData"));
    let mut size = 0;
    for (key, entry) in data.entries() {
        keys(key, &entry, errors);
        if binary.object().is_some_and(|map| map.contains_key(key)) {
            errors.push(entry.invalid_text(key, "duplicate of key present in binaryData"));
        }
        size += entry.text().len();
    }
    for (key, entry) in binary.entries() {
        keys(key, &entry, errors);
        size += decoded_size(entry.text());
    }
    if size > MAX_SIZE {
        // It is the object as a whole that is too large, which upstream's paths show so.
        errors.push(FieldError::too_long("[]", MAX_SIZE));
    }
}

/// The key of an entry.
pub(super) fn keys(key: &str, entry: &Node<'_>, errors: &mut Errors) {
    errors.extend(config_map_key(key).into_iter().map(|text| entry.invalid_text(key, text)));
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    if old.at(&["immutable"]) == Some(&Value::Bool(true)) {
        unchanged(object, old, &["data", "binaryData"], errors);
    }
    validate_again(object, true, NameRule::Subdomain, errors);
    create(object, errors);
}
