//! Stands where webhooks and policies will: says in the log that what configures them does nothing yet.

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use tracing::warn;

use super::{Attributes, Operation, Phase, Plugin};

/// For the resource of `admissionregistration.k8s.io` with this plural.
pub(super) struct NotHonoured(pub(super) &'static str);

impl NotHonoured {
    fn tell(&self, attributes: &Attributes<'_>) {
        warn!(
            resource = self.0,
            name = attributes.name,
            "this is stored, but not honoured by this version: it changes and refuses no request"
        );
    }
}

#[async_trait]
impl Plugin for NotHonoured {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create && attributes.is("admissionregistration.k8s.io", self.0)
    }

    async fn admit(&self, attributes: &Attributes<'_>, _: Option<&mut Object>) -> Result<(), Status> {
        self.tell(attributes);
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, _: Option<&Object>) -> Result<(), Status> {
        self.tell(attributes);
        Ok(())
    }
}
