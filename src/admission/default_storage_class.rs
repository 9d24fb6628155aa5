//! DefaultStorageClass: a claim that names no class gets the default one.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::objects::STORAGE_CLASSES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};

/// Names the class of a claim, as `spec.storageClassName` does.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// Mark the default class.
const DEFAULT: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

pub(super) struct DefaultStorageClass {
    pub(super) objects: Arc<dyn Objects>,
}

/// The class that a claim names; empty where it names none.
pub(super) fn class_of(claim: &Object) -> &str {
    claim.annotation(CLASS).unwrap_or_else(|| claim.str_at(&["spec", "storageClassName"]))
}

/// The newest of the objects that have one of these annotations set to `true`; of equally old ones the first
/// by name.
pub(super) fn newest_default(classes: &[Arc<Object>], annotations: &[&str]) -> Option<Arc<Object>> {
    let is_default =
        |class: &&Arc<Object>| annotations.iter().any(|key| class.annotation(key) == Some("true"));
    let newer = |a: &&Arc<Object>, b: &&Arc<Object>| {
        let by_time = a.creation_timestamp().cmp(&b.creation_timestamp());
        by_time.then_with(|| b.name().cmp(a.name()))
    };
    classes.iter().filter(is_default).max_by(newer).cloned()
}

#[async_trait]
impl Plugin for DefaultStorageClass {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create && attributes.is("", "persistentvolumeclaims")
    }

    async fn admit(&self, _: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(claim) = object else { return Ok(()) };
        if claim.annotation(CLASS).is_some() || claim.at(&["spec", "storageClassName"]).is_some() {
            return Ok(());
        }
        let classes = self.objects.list(STORAGE_CLASSES, "").await?;
        if let Some(class) = newest_default(&classes, &DEFAULT) {
            pod::spec_mut(claim).insert("storageClassName", class.name());
        }
        Ok(())
    }
}
