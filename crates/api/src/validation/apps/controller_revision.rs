//! ControllerRevision: a snapshot that never changes.

use keelson_apimachinery::Value;

use super::super::shared::{immutable::immutable, numbers::non_negative};
use super::super::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("apps", "controllerrevisions", create, update);

fn create(object: &Node<'_>, errors: &mut Errors) {
    non_negative(&object.child("revision"), errors);
    let data = object.child("data");
    match data.value() {
        None => errors.push(data.required("data is mandatory")),
        Some(Value::Raw(text)) if text.as_str() == "null" => errors.push(data.required("data is mandatory")),
        Some(Value::Raw(text)) if text.starts_with('{') => {}
        Some(Value::Object(_)) => {}
        Some(_) => errors.push(data.required("data must be a valid JSON object")),
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    non_negative(&object.child("revision"), errors);
    immutable(&object.child("data"), &old.child("data"), errors);
}
