//! StorageObjectInUseProtection: volumes, claims and attribute classes stay as long as they are used.

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::{Attributes, Operation, Phase, Plugin};

pub(super) struct StorageObjectInUseProtection;

/// The finalizer of a resource.
fn finalizer(attributes: &Attributes<'_>) -> Option<&'static str> {
    match (attributes.group, attributes.resource) {
        ("", "persistentvolumes") => Some("kubernetes.io/pv-protection"),
        ("", "persistentvolumeclaims") => Some("kubernetes.io/pvc-protection"),
        ("storage.k8s.io", "volumeattributesclasses") => Some("kubernetes.io/vac-protection"),
        _ => None,
    }
}

#[async_trait]
impl Plugin for StorageObjectInUseProtection {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create
            && attributes.subresource.is_empty()
            && finalizer(attributes).is_some()
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let (Some(object), Some(finalizer)) = (object, finalizer(attributes)) else { return Ok(()) };
        let mut finalizers: Vec<String> = object.finalizers().map(str::to_owned).collect();
        if !finalizers.iter().any(|f| f == finalizer) {
            finalizers.push(finalizer.to_owned());
            object.set_finalizers(finalizers);
        }
        Ok(())
    }
}
