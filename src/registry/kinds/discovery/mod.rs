//! The group discovery.k8s.io.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;

/// What topology once said of an endpoint's node.
const HOST_NAME: &str = "kubernetes.io/hostname";

/// EndpointSlice: the topology of the first version stays only where endpoints stay as they are.
pub(in crate::registry) struct EndpointSlices;

impl Hooks for EndpointSlices {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        drop_topology(object, &[]);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        if object.get("endpoints") == old.get("endpoints") {
            return;
        }
        let before = old.get("endpoints").and_then(Value::as_array).unwrap_or_default();
        let nodes: Vec<&str> = before
            .iter()
            .map(|e| e.str_at(&["deprecatedTopology", HOST_NAME]))
            .filter(|n| !n.is_empty())
            .collect();
        drop_topology(object, &nodes);
    }
}

/// Drops the topology of all endpoints. One that named a node which the old slice knows names it still.
fn drop_topology(object: &mut Object, nodes: &[&str]) {
    let Some(Value::Array(endpoints)) = object.members_mut().get_mut("endpoints") else { return };
    for endpoint in endpoints.iter_mut().filter_map(Value::as_object_mut) {
        let Some(topology) = endpoint.remove("deprecatedTopology") else { continue };
        let node = topology.as_object().and_then(|map: &Map| map.get(HOST_NAME)).and_then(Value::as_str);
        if let Some(node) = node.filter(|node| nodes.contains(node))
            && endpoint.get("nodeName").is_none_or(Value::is_null)
        {
            endpoint.insert("nodeName", node);
        }
    }
}
