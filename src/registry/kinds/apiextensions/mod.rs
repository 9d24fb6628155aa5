//! The group apiextensions.k8s.io.

use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

/// CustomResourceDefinition: it remembers which versions were ever stored.
pub(in crate::registry) struct CustomResourceDefinitions;

impl Hooks for CustomResourceDefinitions {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        remember_stored_version(object);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, _: &Object) {
        remember_stored_version(object);
    }
}

fn remember_stored_version(object: &mut Object) {
    let versions = object.at(&["spec", "versions"]).and_then(Value::as_array).unwrap_or_default();
    let stored = versions.iter().find(|v| v.get("storage").and_then(Value::as_bool) == Some(true));
    let Some(name) = stored.map(|v| v.str_at(&["name"]).to_owned()) else { return };
    let status = member(object.members_mut(), "status");
    let list = status.entry("storedVersions", || Value::Array(Vec::new()));
    if !matches!(list, Value::Array(_)) {
        *list = Value::Array(Vec::new());
    }
    if let Value::Array(list) = list
        && !list.iter().any(|v| v.as_str() == Some(&name))
    {
        list.push(name.into());
    }
}
