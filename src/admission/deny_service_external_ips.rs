//! DenyServiceExternalIPs: services get no external addresses that they don't have already.

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::{Attributes, Phase, Plugin, pod};

pub(super) struct DenyServiceExternalIps;

#[async_trait]
impl Plugin for DenyServiceExternalIps {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes() && attributes.is("", "services")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(service) = object else { return Ok(()) };
        let old = attributes.old.map(|old| pod::spec_list(old, "externalIPs")).unwrap_or_default();
        if pod::spec_list(service, "externalIPs").iter().all(|address| old.contains(address)) {
            return Ok(());
        }
        Err(attributes.forbidden(object, "Use of external IPs is denied by admission control"))
    }
}
