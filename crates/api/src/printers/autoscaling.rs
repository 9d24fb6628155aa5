//! The group `autoscaling`: horizontal pod autoscalers (of version v2) and scales.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, NAME_DESCRIPTION, field, integer, string};
use super::row::Row;
use super::text::quantity;

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: "autoscaling",
        kind: "HorizontalPodAutoscaler",
        columns: &[
            NAME,
            string("Reference", field("autoscaling.v2.HorizontalPodAutoscalerSpec", "scaleTargetRef")),
            string("Targets", field("autoscaling.v2.HorizontalPodAutoscalerSpec", "metrics")),
            string("MinPods", field("autoscaling.v2.HorizontalPodAutoscalerSpec", "minReplicas")),
            string("MaxPods", field("autoscaling.v2.HorizontalPodAutoscalerSpec", "maxReplicas")),
            string("Replicas", field("autoscaling.v2.HorizontalPodAutoscalerStatus", "currentReplicas")),
            AGE,
        ],
        cells: autoscaler,
    },
    Printer {
        group: "autoscaling",
        kind: "Scale",
        columns: &[
            string("Name", NAME_DESCRIPTION),
            integer("Desired", field("autoscaling.v1.ScaleSpec", "replicas")),
            integer("Available", field("autoscaling.v1.ScaleStatus", "replicas")),
            AGE,
        ],
        cells: |row| {
            let (desired, available) = (row.int(&["spec", "replicas"]), row.int(&["status", "replicas"]));
            vec![row.name().into(), desired.into(), available.into(), row.age().into()]
        },
    },
];

fn autoscaler(row: &Row<'_>) -> Vec<Value> {
    let target = |key| row.str(&["spec", "scaleTargetRef", key]);
    let min = row.at(&["spec", "minReplicas"]).and_then(Value::as_i64);
    vec![
        row.name().into(),
        format!("{}/{}", target("kind"), target("name")).into(),
        metrics(row.list(&["spec", "metrics"]), row.list(&["status", "currentMetrics"])).into(),
        min.map_or_else(|| "<unset>".to_owned(), |min| min.to_string()).into(),
        row.int(&["spec", "maxReplicas"]).into(),
        row.int(&["status", "currentReplicas"]).into(),
        row.age().into(),
    ]
}

/// The first two metrics, each as current value and target.
fn metrics(specs: &[Value], statuses: &[Value]) -> String {
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let shown: Vec<_> =
        specs.iter().take(2).enumerate().map(|(i, spec)| metric(spec, statuses.get(i))).collect();
    let text = shown.join(", ");
    match specs.len() - shown.len() {
        0 => text,
        more => format!("{text} + {more} more..."),
    }
}

fn metric(spec: &Value, status: Option<&Value>) -> String {
    let member = match spec.str_at(&["type"]) {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let target = |key: &str| spec.at(&[member, "target", key]);
    // Present where the status is of the same type, whatever it says.
    let status = status.and_then(|s| s.get(member));
    let current = |key: &str| status.and_then(|s| s.at(&["current", key]));
    let average = target("averageValue").is_some();
    match member {
        "external" | "object" if average => {
            let now = current("averageValue").map_or("<unknown>", |v| quantity(Some(v)));
            format!("{now}/{} (avg)", quantity(target("averageValue")))
        }
        "external" | "object" => {
            let now = status.map_or("<unknown>", |_| quantity(current("value")));
            format!("{now}/{}", quantity(target("value")))
        }
        "pods" => {
            let now = status.map_or("<unknown>", |_| quantity(current("averageValue")));
            format!("{now}/{}", quantity(target("averageValue")))
        }
        _ => {
            let name = spec.str_at(&[member, "name"]);
            if average {
                let now = status.map_or("<unknown>", |_| quantity(current("averageValue")));
                return format!("{name}: {now}/{}", quantity(target("averageValue")));
            }
            let percent = |value: Option<&Value>, absent: &str| {
                value.and_then(Value::as_i64).map_or_else(|| absent.to_owned(), |v| format!("{v}%"))
            };
            let now = percent(current("averageUtilization"), "<unknown>");
            format!("{name}: {now}/{}", percent(target("averageUtilization"), "<auto>"))
        }
    }
}
