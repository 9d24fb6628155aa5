//! The division between an object's status and the rest of it.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Text, Value};

use super::StatusMetadata;

/// Empties the status of a new object; `zero` is the canonical tree of no status.
pub(super) fn reset(object: &mut Object, zero: &Value) {
    object.members_mut().insert(Text::const_new("status"), zero.clone());
}

/// Sets a member as `old` has it.
pub(super) fn copy_member(object: &mut Object, old: &Object, member: &'static str) {
    match old.get(member) {
        Some(value) => object.members_mut().insert(Text::const_new(member), value.clone()),
        None => object.members_mut().remove(member),
    };
}

/// Sets all members but the metadata and the status as `old` has them.
pub(super) fn keep_all_but_status(object: &mut Object, old: &Object) {
    let own = |key: &str| matches!(key, "metadata" | "status" | "apiVersion" | "kind");
    let members = object.members_mut();
    members.retain(|key, _| own(key));
    for (key, value) in old.members().iter().filter(|(key, _)| !own(key)) {
        members.insert(key, value.clone());
    }
}

/// Sets the metadata that a status write may not change as `old` has it.
pub(super) fn keep_metadata(object: &mut Object, old: &Object, rule: StatusMetadata) {
    let kept: &[&'static str] = match rule {
        StatusMetadata::AsSent => return,
        StatusMetadata::KeepLabels => &["labels"],
        StatusMetadata::KeepAll => {
            &["deletionTimestamp", "labels", "annotations", "finalizers", "ownerReferences"]
        }
        StatusMetadata::Keep => {
            let resource_version = object.resource_version().to_owned();
            let managed_fields = object.managed_fields().to_vec();
            copy_member(object, old, "metadata");
            object.set_resource_version(&resource_version);
            object.set_managed_fields(managed_fields);
            return;
        }
    };
    for key in kept {
        let before = old.metadata().and_then(|m| m.get(key)).cloned();
        let metadata = object.metadata_mut();
        match before {
            Some(value) => metadata.insert(Text::const_new(key), value),
            None => metadata.remove(key),
        };
    }
}
