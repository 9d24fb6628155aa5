//! CSIDriver.

use keelson_apimachinery::meta::Object;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

/// What a gate that is off keeps from drivers that don't have it yet (`VolumeLimitScaling`).
const GATED: &str = "preventPodSchedulingIfMissing";

/// Drivers have no member whose gate is off.
pub(in crate::registry) struct CsiDrivers;

impl Hooks for CsiDrivers {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        drop_gated(object);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        if old.at(&["spec", GATED]).is_none() {
            drop_gated(object);
        }
    }
}

fn drop_gated(object: &mut Object) {
    if object.at(&["spec", GATED]).is_some() {
        member(object.members_mut(), "spec").remove(GATED);
    }
}
