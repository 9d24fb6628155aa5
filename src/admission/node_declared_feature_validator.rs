//! NodeDeclaredFeatureValidator: a bound pod is changed only in ways that its node declares to know of.
//!
//! Source: KEP-5328, "Node Declared Features".

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::objects::NODES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};

/// Whether a change from an old to a new pod needs a feature.
type Needs = fn(&Object, &Object) -> bool;

/// Features that nodes declare, by name, and what needs them. Others matter when
/// a pod is scheduled alone: what they are about can't be changed.
const FEATURES: [(&str, Needs); 3] = [
    ("GuaranteedQoSPodCPUResize", resizes_guaranteed_cpu),
    ("InPlacePodLevelResourcesVerticalScaling", resizes_pod),
    ("InPlacePodVerticalScalingInitContainers", resizes_init_containers),
];

pub(super) struct NodeDeclaredFeatureValidator {
    pub(super) objects: Arc<dyn Objects>,
}

#[async_trait]
impl Plugin for NodeDeclaredFeatureValidator {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Update
            && attributes.is_any("", "pods")
            && matches!(attributes.subresource, "" | "resize")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let (Some(new), Some(old)) = (object, attributes.old) else { return Ok(()) };
        let name = new.str_at(&["spec", "nodeName"]);
        // The generation rises with the spec alone.
        if name.is_empty() || new.generation() == old.generation() {
            return Ok(());
        }
        let needed = FEATURES.iter().filter(|(_, needs)| needs(old, new)).map(|(feature, _)| *feature);
        let needed: Vec<&str> = needed.collect();
        if needed.is_empty() {
            return Ok(());
        }
        // Rare enough to ask storage: the snapshot has no status of nodes.
        let Some(node) = self.objects.get_now(NODES, "", name).await? else {
            return Err(attributes.forbidden(object, format!("node {name:?} not found")));
        };
        let declared = pod::list(node.get("status"), "declaredFeatures");
        let is_missing = |feature: &&str| !declared.iter().any(|known| known.as_str() == Some(feature));
        let missing: Vec<&str> = needed.into_iter().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        let why = format!("pod update requires features {missing} which are not available on node {name:?}");
        Err(attributes.forbidden(object, why))
    }
}

/// Containers of a list, before and after; they are as many, in the same order.
fn pairs<'a>(old: &'a Object, new: &'a Object, key: &str) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    pod::spec_list(old, key).iter().zip(pod::spec_list(new, key))
}

fn resizes_guaranteed_cpu(old: &Object, new: &Object) -> bool {
    let cpu = |container: &Value| pod::amounts(container.at(&["resources", "requests"])).remove("cpu");
    let cpu = |container| cpu(container).unwrap_or_default();
    old.str_at(&["status", "qosClass"]) == "Guaranteed"
        && pairs(old, new, "containers").any(|(old, new)| cpu(old) != cpu(new))
}

fn resizes_pod(old: &Object, new: &Object) -> bool {
    differ(old.at(&["spec", "resources"]), new.at(&["spec", "resources"]))
}

/// Sidecars (those that are always restarted) are resized as containers are.
fn resizes_init_containers(old: &Object, new: &Object) -> bool {
    pairs(old, new, "initContainers").any(|(old, new)| {
        old.str_at(&["restartPolicy"]) != "Always" && differ(old.get("resources"), new.get("resources"))
    })
}

/// Whether resources differ.
fn differ(old: Option<&Value>, new: Option<&Value>) -> bool {
    let claims = |resources| pod::list(resources, "claims");
    let amounts = |resources: Option<&Value>, kind| pod::amounts(resources.and_then(|all| all.get(kind)));
    ["requests", "limits"].iter().any(|kind| amounts(old, kind) != amounts(new, kind))
        || claims(old) != claims(new)
}
