//! Defaults: what an object of a built-in kind has where a client says nothing.
//!
//! They are set when an object is decoded, in the version that the client speaks, before anyone is noted as the
//! owner of its fields. Constant ones are a table (`constants.rs`, and the defaults that the schema declares);
//! computed ones are functions of the member map of their type (`rules.rs` lists them). A plan made once from the
//! schema (`plan.rs`) says where in a type they apply, so that types without any cost nothing.
//!
//! Fields that the API keeps under two names, and notes that it drops when it reads an object, are settled here,
//! too (`aliases.rs`): they are part of what a body becomes when it is read.
//!
//! Source: the `defaults.go` and `conversion.go` files of Kubernetes' API groups, with the feature gates' defaults
//! of v1.36. Knows nothing of requests.

mod aliases;
mod autoscaling;
mod cluster;
mod constants;
mod containers;
mod devices;
mod image;
mod members;
mod plan;
mod pod_resources;
mod quantities;
mod rules;
mod services;
mod stored;
mod workloads;

pub use stored::is_complete;

use keelson_apimachinery::TypeId;
use keelson_apimachinery::meta::Object;

/// Sets the defaults of an object of type `ty`, which is that of a served version. Doing it again changes nothing.
///
/// The object stays canonical where it was. Members of a wrong type are left as they are. One default depends on
/// more than the object, and is the registry's: the time since when a device is tainted.
pub fn apply(ty: TypeId, object: &mut Object) {
    if let Some(plan) = plan::of(ty) {
        plan.apply(object.members_mut());
    }
}

#[cfg(test)]
mod tests;
