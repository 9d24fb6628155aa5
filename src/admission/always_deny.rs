//! AlwaysDeny: nothing may be written.

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::{Attributes, Phase, Plugin};

const WHY: &str = "admission control is denying all modifications";

pub(super) struct AlwaysDeny;

#[async_trait]
impl Plugin for AlwaysDeny {
    fn concerns(&self, _: Phase, _: &Attributes<'_>) -> bool {
        true
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        Err(attributes.forbidden(object.as_deref(), WHY))
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        Err(attributes.forbidden(object, WHY))
    }
}
