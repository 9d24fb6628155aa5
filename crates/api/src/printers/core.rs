//! The core group's kinds without a file of their own.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, CONTAINERS, IMAGES, NAME, field, integer, string, text};
use super::row::Row;
use super::text::{containers, labels};

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: "",
        kind: "ComponentStatus",
        columns: &[
            NAME,
            string("Status", text("Status of the component conditions")),
            string("Message", text("Message of the component conditions")),
            string("Error", text("Error of the component conditions")),
        ],
        cells: component_status,
    },
    Printer {
        group: "",
        kind: "ConfigMap",
        columns: &[NAME, string("Data", field("core.v1.ConfigMap", "data")), AGE],
        cells: |row| {
            let data = row.count(&["data"]) + row.count(&["binaryData"]);
            vec![row.name().into(), data.into(), row.age().into()]
        },
    },
    Printer {
        group: "",
        kind: "Namespace",
        columns: &[NAME, string("Status", text("The status of the namespace")), AGE],
        cells: |row| vec![row.name().into(), row.str(&["status", "phase"]).into(), row.age().into()],
    },
    Printer {
        group: "",
        kind: "PodTemplate",
        columns: &[
            NAME,
            CONTAINERS.narrow(),
            IMAGES.narrow(),
            string("Pod Labels", text("The labels for the pod template.")),
        ],
        cells: |row| {
            let [names, images] = containers(row.list(&["template", "spec", "containers"]));
            let labels = labels(row.at(&["template", "metadata", "labels"]));
            vec![row.name().into(), names, images, labels.into()]
        },
    },
    Printer {
        group: "",
        kind: "ReplicationController",
        columns: &[
            NAME,
            integer("Desired", field("core.v1.ReplicationControllerSpec", "replicas")),
            integer("Current", field("core.v1.ReplicationControllerStatus", "replicas")),
            integer("Ready", field("core.v1.ReplicationControllerStatus", "readyReplicas")),
            AGE,
            CONTAINERS,
            IMAGES,
            string("Selector", field("core.v1.ReplicationControllerSpec", "selector")).wide(),
        ],
        cells: |row| {
            let [names, images] = containers(row.list(&["spec", "template", "spec", "containers"]));
            vec![
                row.name().into(),
                row.int(&["spec", "replicas"]).into(),
                row.int(&["status", "replicas"]).into(),
                row.int(&["status", "readyReplicas"]).into(),
                row.age().into(),
                names,
                images,
                labels(row.at(&["spec", "selector"])).into(),
            ]
        },
    },
    Printer {
        group: "",
        kind: "ResourceQuota",
        columns: &[
            NAME,
            string(
                "Request",
                text("Request represents a minimum amount of cpu/memory that a container may consume."),
            ),
            string(
                "Limit",
                text(
                    "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
                ),
            ),
            AGE,
        ],
        cells: resource_quota,
    },
    Printer {
        group: "",
        kind: "Secret",
        columns: &[
            NAME,
            string("Type", field("core.v1.Secret", "type")),
            string("Data", field("core.v1.Secret", "data")),
            AGE,
        ],
        cells: |row| {
            let (ty, data) = (row.str(&["type"]), row.count(&["data"]));
            vec![row.name().into(), ty.into(), data.into(), row.age().into()]
        },
    },
    Printer {
        group: "",
        kind: "ServiceAccount",
        columns: &[NAME, AGE],
        cells: |row| vec![row.name().into(), row.age().into()],
    },
];

fn component_status(row: &Row<'_>) -> Vec<Value> {
    let healthy = row.list(&["conditions"]).iter().find(|c| c.str_at(&["type"]) == "Healthy");
    let text = |key: &str| healthy.map(|c| c.str_at(&[key])).unwrap_or_default();
    let status = match (healthy, text("status")) {
        (None, _) => "Unknown",
        (_, "True") => "Healthy",
        _ => "Unhealthy",
    };
    vec![row.name().into(), status.into(), text("message").into(), text("error").into()]
}

/// Used and allowed amounts: those of `limits.…` in the last column, the others before it.
fn resource_quota(row: &Row<'_>) -> Vec<Value> {
    let hard = row.at(&["status", "hard"]).and_then(Value::as_object);
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in hard.into_iter().flat_map(|hard| hard.iter()) {
        let used = row.str_or(&["status", "used", resource], "0");
        let text = format!("{resource}: {used}/{}", hard.as_str().unwrap_or("0"));
        if resource.starts_with("limits.") { limits.push(text) } else { requests.push(text) }
    }
    vec![row.name().into(), requests.join(", ").into(), limits.join(", ").into(), row.age().into()]
}
