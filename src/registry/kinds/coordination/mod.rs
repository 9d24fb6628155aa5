//! The group coordination.k8s.io.

use keelson_apimachinery::meta::Object;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

/// Members of a feature that is off by default: coordinated leader election.
const COORDINATED: [&str; 2] = ["strategy", "preferredHolder"];

/// Lease: what coordinated leader election adds is dropped, unless it is there already.
pub(in crate::registry) struct Leases;

impl Hooks for Leases {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        drop_coordination(object, None);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        drop_coordination(object, Some(old));
    }
}

fn drop_coordination(object: &mut Object, old: Option<&Object>) {
    let had = |name: &str| old.is_some_and(|old| old.at(&["spec", name]).is_some_and(|v| !v.is_null()));
    for name in COORDINATED {
        if object.at(&["spec", name]).is_some() && !had(name) {
            member(object.members_mut(), "spec").remove(name);
        }
    }
}
