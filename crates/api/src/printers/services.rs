//! Services and their endpoints.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field, string};
use super::row::Row;
use super::text::{joined, labels, load_balancer};

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: "",
        kind: "Service",
        columns: &[
            NAME,
            string("Type", field("core.v1.ServiceSpec", "type")),
            string("Cluster-IP", field("core.v1.ServiceSpec", "clusterIP")),
            string("External-IP", field("core.v1.ServiceSpec", "externalIPs")),
            string("Port(s)", field("core.v1.ServiceSpec", "ports")),
            AGE,
            string("Selector", field("core.v1.ServiceSpec", "selector")).wide(),
        ],
        cells: service,
    },
    Printer {
        group: "",
        kind: "Endpoints",
        columns: &[NAME, string("Endpoints", field("core.v1.Endpoints", "subsets")), AGE],
        cells: |row| vec![row.name().into(), endpoints(row.list(&["subsets"])).into(), row.age().into()],
    },
];

fn service(row: &Row<'_>) -> Vec<Value> {
    let ip = row.list(&["spec", "clusterIPs"]).first().and_then(Value::as_str).unwrap_or("<none>");
    let ports: Vec<_> = row.list(&["spec", "ports"]).iter().map(port).collect();
    let ports = if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") };
    vec![
        row.name().into(),
        row.str(&["spec", "type"]).into(),
        ip.into(),
        external_ip(row).into(),
        ports.into(),
        row.age().into(),
        labels(row.at(&["spec", "selector"])).into(),
    ]
}

fn port(port: &Value) -> String {
    let number = |key: &str| port.get(key).and_then(Value::as_i64).unwrap_or(0);
    let protocol = port.str_at(&["protocol"]);
    match number("nodePort") {
        node_port @ 1.. => format!("{}:{node_port}/{protocol}", number("port")),
        _ => format!("{}/{protocol}", number("port")),
    }
}

fn external_ip(row: &Row<'_>) -> String {
    let listed = joined(row.list(&["spec", "externalIPs"]).iter().filter_map(Value::as_str));
    match row.str(&["spec", "type"]) {
        "ClusterIP" | "NodePort" if listed.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => listed,
        "LoadBalancer" => match (load_balancer(row.list(&["status", "loadBalancer", "ingress"])), listed) {
            (given, listed) if given.is_empty() && listed.is_empty() => "<pending>".to_owned(),
            (given, listed) => {
                joined([given.as_str(), listed.as_str()].into_iter().filter(|l| !l.is_empty()))
            }
        },
        "ExternalName" => row.str(&["spec", "externalName"]).to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// The first three addresses, each with each of its subset's ports.
fn endpoints(subsets: &[Value]) -> String {
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let (mut shown, mut count) = (Vec::new(), 0);
    for subset in subsets {
        let list = |key: &str| subset.get(key).and_then(Value::as_array).unwrap_or_default();
        let (addresses, ports) = (list("addresses"), list("ports"));
        // A headless service may have no ports.
        let ports: Vec<_> = if ports.is_empty() {
            vec![None]
        } else {
            ports.iter().map(|p| Some(p.get("port").and_then(Value::as_i64).unwrap_or(0))).collect()
        };
        for port in ports {
            count += addresses.len();
            for address in addresses.iter().take(3usize.saturating_sub(shown.len())) {
                shown.push(host_and_port(address.str_at(&["ip"]), port));
            }
        }
    }
    let text = shown.join(",");
    if count > shown.len() { format!("{text} + {} more...", count - shown.len()) } else { text }
}

fn host_and_port(host: &str, port: Option<i64>) -> String {
    match port {
        None => host.to_owned(),
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
    }
}
