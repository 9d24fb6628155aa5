//! DefaultIngressClass: an ingress that names no class gets the default one.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::default_storage_class::newest_default;
use super::objects::INGRESS_CLASSES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};

/// Names the class of an ingress, as `spec.ingressClassName` does.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Marks the default class.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

pub(super) struct DefaultIngressClass {
    pub(super) objects: Arc<dyn Objects>,
}

#[async_trait]
impl Plugin for DefaultIngressClass {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create && attributes.is("networking.k8s.io", "ingresses")
    }

    async fn admit(&self, _: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(ingress) = object else { return Ok(()) };
        if ingress.at(&["spec", "ingressClassName"]).is_some() || ingress.annotation(CLASS).is_some() {
            return Ok(());
        }
        let classes = self.objects.list(INGRESS_CLASSES, "").await?;
        if let Some(class) = newest_default(&classes, &[DEFAULT]) {
            pod::spec_mut(ingress).insert("ingressClassName", class.name());
        }
        Ok(())
    }
}
