//! Nodes.

use std::collections::BTreeSet;

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field, string, text};
use super::row::Row;
use super::text::joined;

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "",
    kind: "Node",
    columns: &[
        NAME,
        string("Status", text("The status of the node")),
        string("Roles", text("The roles of the node")),
        AGE,
        string("Version", field("core.v1.NodeSystemInfo", "kubeletVersion")),
        string("Internal-IP", field("core.v1.NodeStatus", "addresses")).wide(),
        string("External-IP", field("core.v1.NodeStatus", "addresses")).wide(),
        string("OS-Image", field("core.v1.NodeSystemInfo", "osImage")).wide(),
        string("Kernel-Version", field("core.v1.NodeSystemInfo", "kernelVersion")).wide(),
        string("Container-Runtime", field("core.v1.NodeSystemInfo", "containerRuntimeVersion")).wide(),
    ],
    cells: node,
}];

fn node(row: &Row<'_>) -> Vec<Value> {
    let info = |key| row.filled_or(&["status", "nodeInfo", key], "<unknown>");
    let architecture = row.str(&["status", "nodeInfo", "architecture"]);
    let kernel = match architecture {
        "" => info("kernelVersion").to_owned(),
        architecture => format!("{} ({architecture})", info("kernelVersion")),
    };
    vec![
        row.name().into(),
        status(row).into(),
        roles(row).into(),
        row.age().into(),
        row.str(&["status", "nodeInfo", "kubeletVersion"]).into(),
        address(row, "InternalIP").into(),
        address(row, "ExternalIP").into(),
        info("osImage").into(),
        kernel.into(),
        info("containerRuntimeVersion").into(),
    ]
}

fn status(row: &Row<'_>) -> String {
    let ready = row.list(&["status", "conditions"]).iter().rfind(|c| c.str_at(&["type"]) == "Ready");
    let ready = match ready.map(|c| c.str_at(&["status"])) {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    };
    if row.bool(&["spec", "unschedulable"]) {
        format!("{ready},SchedulingDisabled")
    } else {
        ready.to_owned()
    }
}

/// The roles that labels name, sorted.
fn roles(row: &Row<'_>) -> String {
    let labels = row.at(&["metadata", "labels"]).and_then(Value::as_object);
    let named = labels.into_iter().flat_map(|l| l.keys());
    let mut roles: BTreeSet<&str> =
        named.filter_map(|k| k.strip_prefix("node-role.kubernetes.io/")).collect();
    roles.insert(row.label("kubernetes.io/role"));
    roles.remove("");
    if roles.is_empty() { "<none>".to_owned() } else { joined(roles) }
}

fn address<'a>(row: &Row<'a>, ty: &str) -> &'a str {
    let address = row.list(&["status", "addresses"]).iter().find(|a| a.str_at(&["type"]) == ty);
    address.map_or("<none>", |a| a.str_at(&["address"]))
}
