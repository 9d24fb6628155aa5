//! Events: `events.k8s.io/v1` and `v1` of the core group say the same with other names.

use keelson_apimachinery::meta::Object;

/// Members by their names in the core group and in `events.k8s.io`.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

pub(super) fn to_events(object: &mut Object) {
    NAMES.iter().for_each(|(core, events)| rename(object, core, events));
}

pub(super) fn to_core(object: &mut Object) {
    NAMES.iter().for_each(|(core, events)| rename(object, events, core));
}

fn rename(object: &mut Object, from: &str, to: &'static str) {
    if let Some(value) = object.members_mut().remove(from) {
        object.members_mut().insert(to, value);
    }
}
