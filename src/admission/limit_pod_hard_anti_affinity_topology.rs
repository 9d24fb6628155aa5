//! LimitPodHardAntiAffinityTopology: pods keep others off single nodes at most.

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::{Attributes, Phase, Plugin, pod};

const HOSTNAME: &str = "kubernetes.io/hostname";

pub(super) struct LimitPodHardAntiAffinityTopology;

#[async_trait]
impl Plugin for LimitPodHardAntiAffinityTopology {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes() && attributes.is("", "pods")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let terms = pod.at(&["spec", "affinity", "podAntiAffinity"]);
        for term in pod::list(terms, "requiredDuringSchedulingIgnoredDuringExecution") {
            let key = term.str_at(&["topologyKey"]);
            if key != HOSTNAME {
                let why = format!(
                    "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey {key} but only key \
                     {HOSTNAME} is allowed"
                );
                return Err(attributes.forbidden(object, why));
            }
        }
        Ok(())
    }
}
