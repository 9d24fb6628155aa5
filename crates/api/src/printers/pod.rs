//! Pods: how ready they are, what they are doing, and how often they have restarted.

use keelson_apimachinery::{Map, Value};

use super::Printer;
use super::column::{AGE, NAME, field, string, text};
use super::row::{Row, condition, micros};

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "",
    kind: "Pod",
    columns: &[
        NAME,
        string("Ready", text("The aggregate readiness state of this pod for accepting traffic.")),
        string("Status", text("The aggregate status of the containers in this pod.")),
        string(
            "Restarts",
            text(
                "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
            ),
        ),
        AGE,
        string("IP", field("core.v1.PodStatus", "podIP")).wide(),
        string("Node", field("core.v1.PodSpec", "nodeName")).wide(),
        string("Nominated Node", field("core.v1.PodStatus", "nominatedNodeName")).wide(),
        string("Readiness Gates", field("core.v1.PodSpec", "readinessGates")).wide(),
    ],
    cells,
}];

/// What the containers' states add up to.
#[derive(Default)]
struct Summary {
    ready: usize,
    reason: String,
    restarts: i64,
    /// When a container last ended before it was restarted, in microseconds.
    last_restart: Option<i64>,
}

impl Summary {
    fn restarted(&mut self, container: &Value) {
        self.restarts += container.get("restartCount").and_then(Value::as_i64).unwrap_or(0);
        let ended = micros(container.str_at(&["lastState", "terminated", "finishedAt"]));
        self.last_restart = self.last_restart.max(ended);
    }
}

fn cells(row: &Row<'_>) -> Vec<Value> {
    let containers = row.list(&["spec", "containers"]).len();
    let sidecars = row.list(&["spec", "initContainers"]).iter().filter(|c| is_sidecar(c)).count();
    let summary = summarize(row);
    let restarts = match summary.last_restart {
        Some(last) if summary.restarts != 0 => {
            let ago = row.since_micros(last);
            format!("{} ({ago} ago)", summary.restarts)
        }
        _ => summary.restarts.to_string(),
    };
    let ip = match row.list(&["status", "podIPs"]) {
        [first, ..] if !first.str_at(&["ip"]).is_empty() => first.str_at(&["ip"]),
        _ => "<none>",
    };
    vec![
        row.name().into(),
        format!("{}/{}", summary.ready, containers + sidecars).into(),
        summary.reason.into(),
        restarts.into(),
        row.age().into(),
        ip.into(),
        row.filled_or(&["spec", "nodeName"], "<none>").into(),
        row.filled_or(&["status", "nominatedNodeName"], "<none>").into(),
        readiness_gates(row).into(),
    ]
}

/// Whether an init container keeps running beside the containers.
fn is_sidecar(container: &Value) -> bool {
    container.str_at(&["restartPolicy"]) == "Always"
}

fn summarize(row: &Row<'_>) -> Summary {
    let conditions = row.list(&["status", "conditions"]);
    let phase = row.str(&["status", "phase"]);
    let mut reason = row.filled_or(&["status", "reason"], "").to_owned();
    if reason.is_empty() {
        reason = phase.to_owned();
    }
    let gated =
        |c: &Value| c.str_at(&["type"]) == "PodScheduled" && c.str_at(&["reason"]) == "SchedulingGated";
    if conditions.iter().any(gated) {
        reason = "SchedulingGated".to_owned();
    }
    let (mut summary, sidecars, blocked) = init_containers(row);
    summary.reason = blocked.clone().unwrap_or(reason);
    if blocked.is_none() || condition(conditions, "Initialized") == Some("True") {
        (summary.restarts, summary.last_restart) = (sidecars.restarts, sidecars.last_restart);
        main_containers(row, &mut summary);
    }
    if row.is_deleted() {
        if row.str(&["status", "reason"]) == "NodeLost" {
            summary.reason = "Unknown".to_owned();
        } else if !matches!(phase, "Succeeded" | "Failed") {
            summary.reason = "Terminating".to_owned();
        }
    }
    summary
}

/// Looks at init containers up to the first that has yet to end: gives what they add up to, what those that
/// keep running add up to, and why the pod is still initializing, where it is.
fn init_containers(row: &Row<'_>) -> (Summary, Summary, Option<String>) {
    let specs = row.list(&["spec", "initContainers"]);
    let (mut all, mut sidecars) = (Summary::default(), Summary::default());
    for (i, status) in row.list(&["status", "initContainerStatuses"]).iter().enumerate() {
        let name = status.str_at(&["name"]);
        let sidecar = specs.iter().rfind(|c| c.str_at(&["name"]) == name).is_some_and(is_sidecar);
        all.restarted(status);
        if sidecar {
            sidecars.restarted(status);
        }
        let terminated = state(status, "terminated");
        if terminated.is_some_and(|t| exit_code(t) == 0) {
            continue;
        }
        let is = |key: &str| status.get(key).and_then(Value::as_bool) == Some(true);
        if sidecar && is("started") {
            all.ready += usize::from(is("ready"));
            continue;
        }
        let waiting = state(status, "waiting").map(|w| w.str_at(&["reason"])).unwrap_or_default();
        let why = match (terminated, waiting) {
            (Some(terminated), _) => format!("Init:{}", end_of(terminated)),
            (None, "" | "PodInitializing") => format!("Init:{i}/{}", specs.len()),
            (None, waiting) => format!("Init:{waiting}"),
        };
        return (all, sidecars, Some(why));
    }
    (all, sidecars, None)
}

fn main_containers(row: &Row<'_>, summary: &mut Summary) {
    let (mut running, mut error) = (false, None);
    for status in row.list(&["status", "containerStatuses"]).iter().rev() {
        summary.restarted(status);
        let waiting = state(status, "waiting").map(|w| w.str_at(&["reason"])).unwrap_or_default();
        if !waiting.is_empty() {
            summary.reason = waiting.to_owned();
        } else if let Some(terminated) = state(status, "terminated") {
            summary.reason = end_of(terminated);
            if exit_code(terminated) != 0 {
                error = Some(summary.reason.clone());
            }
        } else if status.get("ready").and_then(Value::as_bool) == Some(true)
            && state(status, "running").is_some()
        {
            running = true;
            summary.ready += 1;
        }
    }
    // A pod whose last container has ended well still runs while another one does.
    if summary.reason == "Completed" {
        let ready = row.list(&["status", "conditions"]).iter();
        let ready =
            ready.into_iter().any(|c| c.str_at(&["type"]) == "Ready" && c.str_at(&["status"]) == "True");
        if running && ready {
            summary.reason = "Running".to_owned();
        } else if let Some(error) = error {
            summary.reason = error;
        } else if running {
            summary.reason = "NotReady".to_owned();
        }
    }
}

fn state<'a>(status: &'a Value, which: &str) -> Option<&'a Value> {
    status.at(&["state", which]).filter(|s| !s.is_null())
}

fn exit_code(terminated: &Value) -> i64 {
    terminated.get("exitCode").and_then(Value::as_i64).unwrap_or(0)
}

/// Why a container ended.
fn end_of(terminated: &Value) -> String {
    let signal = terminated.get("signal").and_then(Value::as_i64).unwrap_or(0);
    match (terminated.str_at(&["reason"]), signal) {
        ("", 0) => format!("ExitCode:{}", exit_code(terminated)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn readiness_gates(row: &Row<'_>) -> String {
    let gates = row.list(&["spec", "readinessGates"]);
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let conditions = row.list(&["status", "conditions"]);
    let passed = |gate: &&Value| condition(conditions, gate.str_at(&["conditionType"])) == Some("True");
    format!("{}/{}", gates.iter().filter(passed).count(), gates.len())
}

/// The conditions of the row of a pod that has ended.
pub(super) fn conditions(pod: &Value) -> Option<Value> {
    let (reason, message) = match pod.str_at(&["status", "phase"]) {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    let members = [("type", "Completed"), ("status", "True"), ("reason", reason), ("message", message)];
    let condition: Map = members.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
    Some(Value::Array(vec![condition.into()]))
}
