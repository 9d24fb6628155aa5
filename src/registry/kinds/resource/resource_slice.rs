//! ResourceSlice.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::store::now;
use crate::registry::strategy::member;

/// A taint of a device counts from when it is first written.
pub(in crate::registry) struct ResourceSlices;

impl Hooks for ResourceSlices {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        date_taints(object);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, _: &Object) {
        date_taints(object);
    }
}

fn date_taints(object: &mut Object) {
    for device in list(member(object.members_mut(), "spec"), "devices") {
        for taint in list(device, "taints") {
            if taint.get("timeAdded").is_none_or(Value::is_null) {
                taint.insert("timeAdded", now());
            }
        }
    }
}

fn list<'a>(map: &'a mut Map, key: &str) -> impl Iterator<Item = &'a mut Map> {
    let items = match map.get_mut(key) {
        Some(Value::Array(items)) => items.as_mut_slice(),
        _ => &mut [],
    };
    items.iter_mut().filter_map(Value::as_object_mut)
}
