//! The group `apiregistration.k8s.io`.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, string, text};
use super::row::Row;

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "apiregistration.k8s.io",
    kind: "APIService",
    columns: &[
        NAME,
        string("Service", text("The reference to the service that hosts this API endpoint.")),
        string("Available", text("Whether this service is available.")),
        AGE,
    ],
    cells: api_service,
}];

fn api_service(row: &Row<'_>) -> Vec<Value> {
    let service = row.at(&["spec", "service"]);
    let service = service.map(|s| format!("{}/{}", s.str_at(&["namespace"]), s.str_at(&["name"])));
    let available = row.list(&["status", "conditions"]).iter().find(|c| c.str_at(&["type"]) == "Available");
    let available = available.map(|c| match (c.str_at(&["status"]), c.str_at(&["reason"])) {
        (status @ "True", _) | (status, "") => status.to_owned(),
        (status, reason) => format!("{status} ({reason})"),
    });
    vec![
        row.name().into(),
        service.unwrap_or_else(|| "Local".to_owned()).into(),
        available.unwrap_or_else(|| "Unknown".to_owned()).into(),
        row.age().into(),
    ]
}
