//! StatefulSet.

use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;

const ROLLING_UPDATE: [&str; 3] = ["spec", "updateStrategy", "rollingUpdate"];

/// How many pods may be unavailable while it rolls is a feature that is off by default: it is dropped, unless it
/// is there already.
pub(in crate::registry) struct StatefulSets;

impl Hooks for StatefulSets {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        drop_max_unavailable(object);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        let before = old.at(&ROLLING_UPDATE).and_then(|rolling| rolling.get("maxUnavailable"));
        if before.is_none_or(Value::is_null) {
            drop_max_unavailable(object);
        }
    }
}

fn drop_max_unavailable(object: &mut Object) {
    let mut at = Some(object.members_mut());
    for name in ROLLING_UPDATE {
        at = at.and_then(|map| map.get_mut(name)).and_then(Value::as_object_mut);
    }
    if let Some(rolling) = at {
        rolling.remove("maxUnavailable");
    }
}
