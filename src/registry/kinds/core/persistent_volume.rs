//! PersistentVolume.

use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::store::now;
use crate::registry::strategy::member;

const TRANSITION: &str = "lastPhaseTransitionTime";

/// The server notes when the phase changes.
pub(in crate::registry) struct PersistentVolumes;

impl Hooks for PersistentVolumes {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        let status = member(object.members_mut(), "status");
        status.insert("phase", "Pending");
        status.insert(TRANSITION, now());
    }

    fn prepare_subresource(&self, context: &WriteContext<'_>, object: &mut Object, old: &Object) {
        if context.subresource != "status" {
            return;
        }
        let time = |o: &Object| o.at(&["status", TRANSITION]).cloned().filter(|t| !t.is_null());
        let same_phase = object.str_at(&["status", "phase"]) == old.str_at(&["status", "phase"]);
        let noted = match (same_phase, time(object)) {
            (true, None) => time(old),
            (false, sent) if sent.is_none() || sent == time(old) => Some(Value::from(now())),
            _ => return,
        };
        if let Some(noted) = noted {
            member(object.members_mut(), "status").insert(TRANSITION, noted);
        }
    }
}
