//! Conversion between the versions of a built-in kind, through its stored version.
//!
//! It loses nothing: what a version can't say travels in annotations, as it does upstream. Most kinds have one
//! version, and most versions are alike; what is not stands in a file a kind. Objects go in and come out
//! canonical: the versions differ in which zero fields their JSON shows.

pub(crate) mod custom_resource_definition;
mod event;
mod horizontal_pod_autoscaler;

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;

use crate::facts;

/// Why an object can't be converted.
#[derive(Debug, PartialEq, Eq)]
pub struct ConversionError(String);

impl std::fmt::Display for ConversionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConversionError {}

/// Converts an object between two versions (group and version each) of its kind, and sets its `apiVersion`.
///
/// # Errors
/// Where the kind has no such pair of versions, and for an object that is none of its kind.
pub fn convert(mut object: Object, from: (&str, &str), to: (&str, &str)) -> Result<Object, ConversionError> {
    match (from, to) {
        _ if from == to => return Ok(object),
        // Alike but for their names.
        (
            ("admissionregistration.k8s.io", "v1" | "v1beta1"),
            ("admissionregistration.k8s.io", "v1" | "v1beta1"),
        ) => {}
        (("apiextensions.k8s.io", "v1"), ("apiextensions.k8s.io", "v1beta1")) => {
            custom_resource_definition::to_v1beta1(&mut object);
        }
        (("apiextensions.k8s.io", "v1beta1"), ("apiextensions.k8s.io", "v1")) => {
            custom_resource_definition::to_v1(&mut object);
        }
        (("", "v1"), ("events.k8s.io", "v1")) => event::to_events(&mut object),
        (("events.k8s.io", "v1"), ("", "v1")) => event::to_core(&mut object),
        (("autoscaling", "v2"), ("autoscaling", "v1")) => horizontal_pod_autoscaler::to_v1(&mut object),
        (("autoscaling", "v1"), ("autoscaling", "v2")) => horizontal_pod_autoscaler::to_v2(&mut object),
        _ => {
            let text =
                format!("{} can't be converted from {} to {}", object.kind(), joined(from), joined(to));
            return Err(ConversionError(text));
        }
    }
    if !object.api_version().is_empty() {
        object.members_mut().insert("apiVersion", joined(to));
    }
    canonical(object, to)
}

/// The object as JSON of its new version shows it.
fn canonical(object: Object, (group, version): (&str, &str)) -> Result<Object, ConversionError> {
    let kind = object.kind().to_owned();
    let Some(ty) = facts::kind(group, version, &kind) else {
        return Err(ConversionError(format!("{} has no kind {kind:?}", joined((group, version)))));
    };
    let decoded = json::canonicalize(crate::schema(), ty, Value::from(object));
    let value = decoded.map_err(|error| ConversionError(error.to_string()))?.value;
    Object::try_from(value).map_err(|_| ConversionError(format!("{kind} became no object")))
}

fn joined((group, version): (&str, &str)) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

#[cfg(test)]
mod tests;
