//! NamespaceAutoProvision: a namespace is made when the first object is created in it.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::objects::NAMESPACES;
use super::{Attributes, Objects, Operation, Phase, Plugin};

pub(super) struct NamespaceAutoProvision {
    pub(super) objects: Arc<dyn Objects>,
}

#[async_trait]
impl Plugin for NamespaceAutoProvision {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create
            && !attributes.dry_run
            && !attributes.namespace.is_empty()
            && !attributes.is_any("", "namespaces")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let name = attributes.namespace;
        if self.objects.get(NAMESPACES, "", name).await?.is_some() {
            return Ok(());
        }
        let mut namespace = Object::default();
        namespace.set_type("v1", "Namespace");
        namespace.set_name(name);
        match self.objects.create(NAMESPACES, namespace).await {
            Err(status) if status.reason() != "AlreadyExists" => {
                Err(attributes.forbidden(object.as_deref(), status))
            }
            _ => Ok(()),
        }
    }
}
