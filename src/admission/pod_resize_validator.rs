//! PodResizeValidator: a running pod asks for no more than its node can give.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::status::{Cause, Details};

use super::objects::NODES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};

pub(super) struct PodResizeValidator {
    pub(super) objects: Arc<dyn Objects>,
}

#[async_trait]
impl Plugin for PodResizeValidator {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Update
            && attributes.is_any("", "pods")
            && attributes.subresource == "resize"
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let (Some(pod), Some(old)) = (object, attributes.old) else { return Ok(()) };
        let name = pod.str_at(&["spec", "nodeName"]);
        // The generation rises with the spec alone.
        if name.is_empty() || pod.generation() == old.generation() {
            return Ok(());
        }
        let Some(node) = self.objects.get_now(NODES, "", name).await? else {
            return Err(attributes.forbidden(object, format!("node {name:?} not found")));
        };
        let refuse = |why: String, reason: &str| {
            let refusal = attributes.forbidden(object, why);
            let cause = Cause { reason: reason.into(), ..Cause::default() };
            let details = refusal.details().cloned().unwrap_or_default();
            Err(refusal.with_details(Details { causes: vec![cause], ..details }))
        };
        if let Some(system) = node.label("kubernetes.io/os").filter(|system| *system != "linux") {
            let why = format!("pod resize is only supported on linux nodes, node {name:?} is {system:?}");
            return refuse(why, "UnsupportedPlatform");
        }
        let mut requests = pod::total(pod, "requests", pod::is_pod_level);
        pod::add(&mut requests, &pod::amounts(pod.at(&["spec", "overhead"])));
        let allocatable = pod::amounts(node.at(&["status", "allocatable"]));
        let mut lacking = Vec::new();
        for resource in ["cpu", "memory"] {
            let of = |amounts: &pod::Amounts| amounts.get(resource).cloned().unwrap_or_default();
            let (wanted, there) = (of(&requests), of(&allocatable));
            if wanted > there {
                let number = |quantity: &keelson_apimachinery::scalar::Quantity| match resource {
                    "cpu" => quantity.milli_value(),
                    _ => quantity.value(),
                };
                let (wanted, there) = (number(&wanted), number(&there));
                lacking.push(format!("{resource}, requested: {wanted}, allocatable: {there}"));
            }
        }
        if lacking.is_empty() {
            return Ok(());
        }
        let why = format!("node didn't have enough allocatable resources: {}", lacking.join("; "));
        refuse(why, "NodeCapacity")
    }
}
