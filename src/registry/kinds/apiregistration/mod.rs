//! The group apiregistration.k8s.io.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Text, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::store::now;
use crate::registry::strategy::member;

/// APIService: one without a service is served here, and so available from the start.
pub(in crate::registry) struct ApiServices;

impl Hooks for ApiServices {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        if object.at(&["spec", "service"]).is_some_and(|service| !service.is_null()) {
            return;
        }
        let texts = [
            ("type", "Available"),
            ("status", "True"),
            ("reason", "Local"),
            ("message", "Local APIServices are always available"),
        ];
        let mut condition: Map =
            texts.into_iter().map(|(key, text)| (Text::const_new(key), Value::from(text))).collect();
        condition.insert("lastTransitionTime", now());
        member(object.members_mut(), "status").insert("conditions", vec![Value::Object(condition)]);
    }
}
