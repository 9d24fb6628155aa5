//! PodTopologyLabels: a pod that is bound to a node gets the node's zone and region as labels.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::objects::NODES;
use super::{Attributes, Objects, Operation, Phase, Plugin};

const LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];

pub(super) struct PodTopologyLabels {
    pub(super) objects: Arc<dyn Objects>,
}

#[async_trait]
impl Plugin for PodTopologyLabels {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create
            && attributes.is_any("", "pods")
            && matches!(attributes.subresource, "" | "binding")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(object) = object else { return Ok(()) };
        let node = match attributes.subresource {
            "" => object.str_at(&["spec", "nodeName"]),
            _ if object.str_at(&["target", "kind"]) == "Node" => object.str_at(&["target", "name"]),
            _ => "",
        };
        if node.is_empty() {
            return Ok(());
        }
        let Some(node) = self.objects.get(NODES, "", node).await? else { return Ok(()) };
        let copied = LABELS.into_iter().filter_map(|key| Some((key, node.label(key)?)));
        let mut labels = None;
        for (key, value) in copied {
            labels.get_or_insert_with(|| object.labels().cloned().unwrap_or_default()).insert(key, value);
        }
        if let Some(labels) = labels {
            object.set_labels(labels);
        }
        Ok(())
    }
}
