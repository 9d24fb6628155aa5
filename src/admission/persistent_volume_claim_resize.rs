//! PersistentVolumeClaimResize: a claim grows only where its class allows that.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::scalar::Quantity;
use keelson_apimachinery::{Status, Value};

use super::default_storage_class::class_of;
use super::objects::STORAGE_CLASSES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};

pub(super) struct PersistentVolumeClaimResize {
    pub(super) objects: Arc<dyn Objects>,
}

fn size(claim: &Object) -> Quantity {
    claim.at(&["spec", "resources", "requests", "storage"]).map(pod::quantity).unwrap_or_default()
}

#[async_trait]
impl Plugin for PersistentVolumeClaimResize {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Update && attributes.is("", "persistentvolumeclaims")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let (Some(claim), Some(old)) = (object, attributes.old) else { return Ok(()) };
        if size(claim) <= size(old) {
            return Ok(());
        }
        if old.str_at(&["status", "phase"]) != "Bound" {
            return Err(attributes.forbidden(object, "Only bound persistent volume claims can be expanded"));
        }
        let class = class_of(claim);
        let allows = |class: Arc<Object>| class.get("allowVolumeExpansion").and_then(Value::as_bool);
        if !class.is_empty()
            && class == class_of(old)
            && self.objects.get(STORAGE_CLASSES, "", class).await?.and_then(allows) == Some(true)
        {
            return Ok(());
        }
        let why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc \
                   must support resize";
        Err(attributes.forbidden(object, why))
    }
}
