//! Node.

use keelson_apimachinery::meta::Object;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

/// Dynamic configuration of kubelets is gone: what still has it keeps it, nothing gets it.
pub(in crate::registry) struct Nodes;

impl Hooks for Nodes {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        drop_member(object, "spec", "configSource");
        drop_member(object, "status", "config");
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        if old.at(&["spec", "configSource"]).is_none() {
            drop_member(object, "spec", "configSource");
        }
    }

    fn prepare_subresource(&self, context: &WriteContext<'_>, object: &mut Object, old: &Object) {
        if context.subresource == "status" && old.at(&["status", "config"]).is_none() {
            drop_member(object, "status", "config");
        }
    }
}

fn drop_member(object: &mut Object, of: &'static str, name: &str) {
    if object.at(&[of, name]).is_some() {
        member(object.members_mut(), of).remove(name);
    }
}
