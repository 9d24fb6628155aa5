//! TaintNodesByCondition: a new node takes no pods before it is known to be ready.

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, Value};

use super::{Attributes, Operation, Phase, Plugin, pod};

const NOT_READY: &str = "node.kubernetes.io/not-ready";

pub(super) struct TaintNodesByCondition;

#[async_trait]
impl Plugin for TaintNodesByCondition {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create && attributes.is("", "nodes")
    }

    async fn admit(&self, _: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(node) = object else { return Ok(()) };
        let tainted = pod::spec_list(node, "taints")
            .iter()
            .any(|taint| taint.str_at(&["key"]) == NOT_READY && taint.str_at(&["effect"]) == "NoSchedule");
        if !tainted {
            let members: [(&str, Value); 2] = [("effect", "NoSchedule".into()), ("key", NOT_READY.into())];
            let taint = members.into_iter().map(|(k, v)| (Text::const_new(k), v)).collect::<Map>();
            pod::push(pod::spec_mut(node), "taints", taint.into());
        }
        Ok(())
    }
}
