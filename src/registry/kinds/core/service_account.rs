//! ServiceAccount.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Text, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;

/// Its secrets are references by name alone.
pub(in crate::registry) struct ServiceAccounts;

impl Hooks for ServiceAccounts {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        keep_names(object);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, _: &Object) {
        keep_names(object);
    }
}

fn keep_names(object: &mut Object) {
    if let Some(Value::Array(secrets)) = object.members_mut().get_mut("secrets") {
        for secret in secrets {
            if let Value::Object(reference) = secret {
                reference.retain(|key, _| key == Text::const_new("name").as_str());
            }
        }
    }
}
