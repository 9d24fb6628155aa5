//! The group `apps`.

use keelson_apimachinery::Value;
use keelson_apimachinery::selector::labels::from_label_selector;

use super::Printer;
use super::column::{AGE, CONTAINERS, IMAGES, NAME, field, integer, string, text};
use super::row::Row;
use super::text::{containers, label_selector, labels};

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: "apps",
        kind: "ControllerRevision",
        columns: &[
            NAME,
            string("Controller", text("Controller of the object")),
            string("Revision", field("apps.v1.ControllerRevision", "revision")),
            AGE,
        ],
        cells: |row| {
            vec![row.name().into(), controller(row).into(), row.int(&["revision"]).into(), row.age().into()]
        },
    },
    Printer {
        group: "apps",
        kind: "DaemonSet",
        columns: &[
            NAME,
            integer("Desired", field("apps.v1.DaemonSetStatus", "desiredNumberScheduled")),
            integer("Current", field("apps.v1.DaemonSetStatus", "currentNumberScheduled")),
            integer("Ready", field("apps.v1.DaemonSetStatus", "numberReady")),
            integer("Up-to-date", field("apps.v1.DaemonSetStatus", "updatedNumberScheduled")),
            integer("Available", field("apps.v1.DaemonSetStatus", "numberAvailable")),
            string("Node Selector", field("core.v1.PodSpec", "nodeSelector")),
            AGE,
            CONTAINERS,
            IMAGES,
            string("Selector", field("apps.v1.DaemonSetSpec", "selector")).wide(),
        ],
        cells: daemon_set,
    },
    Printer {
        group: "apps",
        kind: "Deployment",
        columns: &[
            NAME,
            string("Ready", text("Number of the pod with ready state")),
            string("Up-to-date", field("apps.v1.DeploymentStatus", "updatedReplicas")),
            string("Available", field("apps.v1.DeploymentStatus", "availableReplicas")),
            AGE,
            CONTAINERS,
            IMAGES,
            string("Selector", field("apps.v1.DeploymentSpec", "selector")).wide(),
        ],
        cells: deployment,
    },
    Printer {
        group: "apps",
        kind: "ReplicaSet",
        columns: &[
            NAME,
            integer("Desired", field("apps.v1.ReplicaSetSpec", "replicas")),
            integer("Current", field("apps.v1.ReplicaSetStatus", "replicas")),
            integer("Ready", field("apps.v1.ReplicaSetStatus", "readyReplicas")),
            AGE,
            CONTAINERS,
            IMAGES,
            string("Selector", field("apps.v1.ReplicaSetSpec", "selector")).wide(),
        ],
        cells: replica_set,
    },
    Printer {
        group: "apps",
        kind: "StatefulSet",
        columns: &[
            NAME,
            string("Ready", text("Number of the pod with ready state")),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
        cells: |row| {
            let [names, images] = template_containers(row);
            vec![row.name().into(), ready(row).into(), row.age().into(), names, images]
        },
    },
];

fn template_containers(row: &Row<'_>) -> [Value; 2] {
    containers(row.list(&["spec", "template", "spec", "containers"]))
}

fn ready(row: &Row<'_>) -> String {
    format!("{}/{}", row.int(&["status", "readyReplicas"]), row.int(&["spec", "replicas"]))
}

fn daemon_set(row: &Row<'_>) -> Vec<Value> {
    let [names, images] = template_containers(row);
    let number = |key| row.int(&["status", key]).into();
    vec![
        row.name().into(),
        number("desiredNumberScheduled"),
        number("currentNumberScheduled"),
        number("numberReady"),
        number("updatedNumberScheduled"),
        number("numberAvailable"),
        labels(row.at(&["spec", "template", "spec", "nodeSelector"])).into(),
        row.age().into(),
        names,
        images,
        label_selector(row.at(&["spec", "selector"])).into(),
    ]
}

fn deployment(row: &Row<'_>) -> Vec<Value> {
    let [names, images] = template_containers(row);
    let selector = from_label_selector(row.at(&["spec", "selector"]).unwrap_or(&Value::Null));
    vec![
        row.name().into(),
        ready(row).into(),
        row.int(&["status", "updatedReplicas"]).into(),
        row.int(&["status", "availableReplicas"]).into(),
        row.age().into(),
        names,
        images,
        selector.map_or_else(|_| "<invalid>".to_owned(), |s| s.to_string()).into(),
    ]
}

fn replica_set(row: &Row<'_>) -> Vec<Value> {
    let [names, images] = template_containers(row);
    vec![
        row.name().into(),
        row.int(&["spec", "replicas"]).into(),
        row.int(&["status", "replicas"]).into(),
        row.int(&["status", "readyReplicas"]).into(),
        row.age().into(),
        names,
        images,
        label_selector(row.at(&["spec", "selector"])).into(),
    ]
}

/// The owner that controls the object, as `kind.group/name`.
fn controller(row: &Row<'_>) -> String {
    let owners = row.list(&["metadata", "ownerReferences"]).iter();
    let controls = |o: &&Value| o.get("controller").and_then(Value::as_bool) == Some(true);
    let Some(owner) = owners.into_iter().find(controls) else {
        return "<none>".to_owned();
    };
    let (kind, name) = (owner.str_at(&["kind"]), owner.str_at(&["name"]));
    let group = owner.str_at(&["apiVersion"]).split_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("", "") => name.to_owned(),
        ("", kind) => format!("{}/{name}", kind.to_lowercase()),
        (group, kind) => format!("{}.{}/{name}", kind.to_lowercase(), group.to_lowercase()),
    }
}
