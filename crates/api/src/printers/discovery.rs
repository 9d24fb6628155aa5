//! The group `discovery.k8s.io`.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field, string};
use super::row::Row;
use super::text::first_three;

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "discovery.k8s.io",
    kind: "EndpointSlice",
    columns: &[
        NAME,
        string("AddressType", field("discovery.v1.EndpointSlice", "addressType")),
        string("Ports", field("discovery.v1.EndpointSlice", "ports")),
        string("Endpoints", field("discovery.v1.EndpointSlice", "endpoints")),
        AGE,
    ],
    cells: endpoint_slice,
}];

fn endpoint_slice(row: &Row<'_>) -> Vec<Value> {
    let port = |port: &Value| match (port.get("port"), port.get("name")) {
        (Some(Value::Int(number)), _) => number.to_string(),
        (_, Some(Value::String(name))) => name.to_string(),
        _ => "*".to_owned(),
    };
    let endpoints = row.list(&["endpoints"]).iter();
    let addresses = endpoints.filter_map(|e| e.get("addresses")?.as_array()).flatten();
    let addresses = addresses.map(|a| a.as_str().unwrap_or_default().to_owned());
    vec![
        row.name().into(),
        row.str(&["addressType"]).into(),
        first_three(row.list(&["ports"]).iter().map(port)).into(),
        first_three(addresses).into(),
        row.age().into(),
    ]
}
