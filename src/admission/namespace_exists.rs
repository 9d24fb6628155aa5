//! NamespaceExists: nothing is done in namespaces that don't exist.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::objects::NAMESPACES;
use super::{Attributes, Objects, Operation, Phase, Plugin};

pub(super) struct NamespaceExists {
    pub(super) objects: Arc<dyn Objects>,
}

#[async_trait]
impl Plugin for NamespaceExists {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation != Operation::Connect
            && !attributes.namespace.is_empty()
            && !attributes.is_any("", "namespaces")
    }

    async fn validate(&self, attributes: &Attributes<'_>, _: Option<&Object>) -> Result<(), Status> {
        let name = attributes.namespace;
        if self.objects.get(NAMESPACES, "", name).await?.is_some() {
            return Ok(());
        }
        let found = self.objects.get_now(NAMESPACES, "", name).await.map_err(Status::internal)?;
        found.map(drop).ok_or_else(|| Status::not_found("", "namespaces", name))
    }
}
