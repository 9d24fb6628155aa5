//! HorizontalPodAutoscalers: `autoscaling/v2` has metrics where `v1` has one target for CPU. What `v1` has no
//! field for travels in its annotations, with the names and the form that kube-apiserver gives it.

use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const ANNOTATIONS: [&str; 6] = [
    METRICS,
    CURRENT_METRICS,
    CONDITIONS,
    BEHAVIOR,
    "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
];
/// What a `v1` object without any metric asks for.
const DEFAULT_CPU_UTILIZATION: i64 = 80;

/// A member in `v1`, and its path in `v2`.
type Move = (&'static str, &'static [&'static str]);

/// A type of metric: its name, its member, and the moves of its source and of its status, in the order of
/// `v1`'s fields.
struct Metric {
    name: &'static str,
    member: &'static str,
    source: &'static [Move],
    status: &'static [Move],
    /// The member of `v1`'s source that is a quantity without a pointer: absent reads and writes `"0"`.
    source_zero: &'static str,
    /// The same of the status.
    status_zero: &'static str,
}

const METRIC_TYPES: [Metric; 5] = [
    Metric {
        name: "Object",
        member: "object",
        source: &[
            ("target", &["describedObject"]),
            ("metricName", &["metric", "name"]),
            ("targetValue", &["target", "value"]),
            ("selector", &["metric", "selector"]),
            ("averageValue", &["target", "averageValue"]),
        ],
        status: &[
            ("target", &["describedObject"]),
            ("metricName", &["metric", "name"]),
            ("currentValue", &["current", "value"]),
            ("selector", &["metric", "selector"]),
            ("averageValue", &["current", "averageValue"]),
        ],
        source_zero: "targetValue",
        status_zero: "currentValue",
    },
    Metric {
        name: "Pods",
        member: "pods",
        source: &[
            ("metricName", &["metric", "name"]),
            ("targetAverageValue", &["target", "averageValue"]),
            ("selector", &["metric", "selector"]),
        ],
        status: &[
            ("metricName", &["metric", "name"]),
            ("currentAverageValue", &["current", "averageValue"]),
            ("selector", &["metric", "selector"]),
        ],
        source_zero: "targetAverageValue",
        status_zero: "currentAverageValue",
    },
    Metric {
        name: "Resource",
        member: "resource",
        source: &[
            ("name", &["name"]),
            ("targetAverageUtilization", &["target", "averageUtilization"]),
            ("targetAverageValue", &["target", "averageValue"]),
        ],
        status: &[
            ("name", &["name"]),
            ("currentAverageUtilization", &["current", "averageUtilization"]),
            ("currentAverageValue", &["current", "averageValue"]),
        ],
        source_zero: "",
        status_zero: "currentAverageValue",
    },
    Metric {
        name: "ContainerResource",
        member: "containerResource",
        source: &[
            ("name", &["name"]),
            ("targetAverageUtilization", &["target", "averageUtilization"]),
            ("targetAverageValue", &["target", "averageValue"]),
            ("container", &["container"]),
        ],
        status: &[
            ("name", &["name"]),
            ("currentAverageUtilization", &["current", "averageUtilization"]),
            ("currentAverageValue", &["current", "averageValue"]),
            ("container", &["container"]),
        ],
        source_zero: "",
        status_zero: "currentAverageValue",
    },
    Metric {
        name: "External",
        member: "external",
        source: &[
            ("metricName", &["metric", "name"]),
            ("metricSelector", &["metric", "selector"]),
            ("targetValue", &["target", "value"]),
            ("targetAverageValue", &["target", "averageValue"]),
        ],
        status: &[
            ("metricName", &["metric", "name"]),
            ("metricSelector", &["metric", "selector"]),
            ("currentValue", &["current", "value"]),
            ("currentAverageValue", &["current", "averageValue"]),
        ],
        source_zero: "",
        status_zero: "currentValue",
    },
];

/// Members of the behavior's rules. Upstream writes them without names of their own, in this order.
const RULES: [(&str, &str); 4] = [
    ("StabilizationWindowSeconds", "stabilizationWindowSeconds"),
    ("SelectPolicy", "selectPolicy"),
    ("Policies", "policies"),
    ("Tolerance", "tolerance"),
];
const POLICY: [(&str, &str); 3] = [("Type", "type"), ("Value", "value"), ("PeriodSeconds", "periodSeconds")];
const DIRECTIONS: [(&str, &str); 2] = [("ScaleUp", "scaleUp"), ("ScaleDown", "scaleDown")];

/// From `v2` to `v1`.
pub(super) fn to_v1(object: &mut Object) {
    let mut spec = taken(object, "spec");
    let mut status = taken(object, "status");
    drop_annotations(object);

    let metrics = list(spec.remove("metrics"));
    let first_cpu = metrics.iter().find_map(cpu_utilization);
    let others: Vec<&Value> = metrics.iter().filter(|m| cpu_utilization(m).is_none()).collect();
    annotate(object, METRICS, &others, |metric| metric_to_v1(metric, false));
    if let Some(utilization) = first_cpu {
        spec.insert("targetCPUUtilizationPercentage", utilization);
    }
    if let Some(behavior) = spec.remove("behavior").filter(|b| !b.is_null()) {
        object.set_annotation(BEHAVIOR, Some(&behavior_to_text(&behavior)));
    }

    let current = list(status.remove("currentMetrics"));
    // The last one wins, as upstream.
    if let Some(utilization) = current.iter().filter_map(cpu_utilization_now).next_back() {
        status.insert("currentCPUUtilizationPercentage", utilization);
    }
    annotate(object, CURRENT_METRICS, &current.iter().collect::<Vec<_>>(), |metric| {
        metric_to_v1(metric, true)
    });
    let conditions = list(status.remove("conditions"));
    annotate(object, CONDITIONS, &conditions.iter().collect::<Vec<_>>(), |condition| {
        ordered(
            ["type", "status", "lastTransitionTime", "reason", "message"]
                .map(|key| (key, condition.get(key).cloned())),
        )
    });
    object.members_mut().insert("spec", spec);
    object.members_mut().insert("status", status);
}

/// From `v1` to `v2`.
pub(super) fn to_v2(object: &mut Object) {
    let mut spec = taken(object, "spec");
    let mut status = taken(object, "status");
    let annotated = |key| {
        object.annotation(key).and_then(|text| json::decode_untyped(text.as_bytes()).ok()).map(|d| d.value)
    };
    let (metrics, current) = (annotated(METRICS), annotated(CURRENT_METRICS));
    let (conditions, behavior) = (annotated(CONDITIONS), annotated(BEHAVIOR));
    drop_annotations(object);

    let mut all: Vec<Value> = list(metrics).iter().filter_map(|m| metric_to_v2(m, false)).collect();
    if let Some(utilization) = spec.remove("targetCPUUtilizationPercentage").filter(|u| !u.is_null()) {
        all.push(cpu_metric(utilization));
    }
    if all.is_empty() {
        all.push(cpu_metric(DEFAULT_CPU_UTILIZATION.into()));
    }
    spec.insert("metrics", all);
    if let Some(behavior) = behavior.and_then(|b| behavior_to_v2(&b)) {
        spec.insert("behavior", behavior);
    }

    let utilization = status.remove("currentCPUUtilizationPercentage").filter(|u| !u.is_null());
    let current = match (current, utilization) {
        (Some(current), _) => list(Some(current)).iter().filter_map(|m| metric_to_v2(m, true)).collect(),
        (None, Some(utilization)) => {
            let now = tree([("averageUtilization", utilization)]);
            let resource = tree([("name", "cpu".into()), ("current", now)]);
            vec![tree([("type", "Resource".into()), ("resource", resource)])]
        }
        (None, None) => Vec::new(),
    };
    let current_member = if current.is_empty() { Value::Null } else { Value::Array(current) };
    status.insert("currentMetrics", current_member);
    let conditions = list(conditions);
    if !conditions.is_empty() {
        status.insert("conditions", conditions);
    }
    object.members_mut().insert("spec", spec);
    object.members_mut().insert("status", status);
}

fn taken(object: &mut Object, key: &str) -> Map {
    match object.members_mut().remove(key) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn tree<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

fn drop_annotations(object: &mut Object) {
    ANNOTATIONS.iter().for_each(|key| object.set_annotation(key, None));
}

/// Sets an annotation to a JSON list, where there is anything to list.
fn annotate(object: &mut Object, key: &str, list: &[&Value], write: impl Fn(&Value) -> String) {
    if !list.is_empty() {
        let items: Vec<String> = list.iter().map(|item| write(item)).collect();
        object.set_annotation(key, Some(&format!("[{}]", items.join(","))));
    }
}

fn is_cpu(metric: &Value) -> bool {
    metric.str_at(&["type"]) == "Resource" && metric.str_at(&["resource", "name"]) == "cpu"
}

fn cpu_utilization(metric: &Value) -> Option<i64> {
    is_cpu(metric).then(|| metric.at(&["resource", "target", "averageUtilization"])?.as_i64())?
}

fn cpu_utilization_now(metric: &Value) -> Option<i64> {
    is_cpu(metric).then(|| metric.at(&["resource", "current", "averageUtilization"])?.as_i64())?
}

fn cpu_metric(utilization: Value) -> Value {
    let target = tree([("type", "Utilization".into()), ("averageUtilization", utilization)]);
    tree([("type", "Resource".into()), ("resource", tree([("name", "cpu".into()), ("target", target)]))])
}

/// A metric's source or status in `v1`, as JSON in the order of `v1`'s fields.
fn metric_to_v1(metric: &Value, status: bool) -> String {
    let mut members = vec![("type", metric.get("type").map(text_of))];
    for kind in &METRIC_TYPES {
        let Some(part) = metric.get(kind.member).filter(|part| !part.is_null()) else { continue };
        let (moves, zero) =
            if status { (kind.status, kind.status_zero) } else { (kind.source, kind.source_zero) };
        let moved = moves.iter().map(|(name, path)| {
            let value = part.at(path).filter(|v| !v.is_null()).map(text_of);
            let missing = (*name == zero).then(|| "\"0\"".to_owned());
            let empty = (*name == "metricName").then(|| "\"\"".to_owned());
            (*name, value.or(missing).or(empty))
        });
        members.push((kind.member, Some(ordered_text(moved))));
    }
    ordered_text(members)
}

/// A metric's source or status in `v2`; `None` where it is no object.
fn metric_to_v2(metric: &Value, status: bool) -> Option<Value> {
    let metric = metric.as_object()?;
    let mut out = Map::new();
    out.insert("type", metric.get("type").cloned().unwrap_or_else(|| "".into()));
    for kind in &METRIC_TYPES {
        let Some(part) = metric.get(kind.member).filter(|part| part.as_object().is_some()) else { continue };
        let mut moved = Map::new();
        let moves = if status { kind.status } else { kind.source };
        for (name, path) in moves {
            if let Some(value) = part.get(name).filter(|v| !v.is_null()) {
                put(&mut moved, path, value.clone());
            }
        }
        if !status {
            let has = |name: &str| part.get(name).is_some_and(|v| !v.is_null());
            let target_type = match kind.name {
                "Resource" | "ContainerResource" if has("targetAverageUtilization") => "Utilization",
                "Object" if !has("averageValue") => "Value",
                "External" if has("targetValue") => "Value",
                _ => "AverageValue",
            };
            put(&mut moved, &["target", "type"], target_type.into());
            let zero = part.str_at(&["targetValue"]) == "0";
            if kind.name == "Object" && target_type == "AverageValue" && zero {
                // `v1` can't leave it out.
                if let Some(target) = moved.get_mut("target").and_then(Value::as_object_mut) {
                    target.remove("value");
                }
            }
        }
        out.insert(kind.member, moved);
    }
    Some(Value::Object(out))
}

fn put(members: &mut Map, path: &[&'static str], value: Value) {
    match path {
        [] => {}
        [key] => {
            members.insert(*key, value);
        }
        [key, rest @ ..] => {
            let inner = members.entry(*key, || Value::Object(Map::new()));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

fn behavior_to_text(behavior: &Value) -> String {
    let null = || Some("null".to_owned());
    let rules = |rules: &Value| {
        ordered_text(RULES.map(|(theirs, ours)| match (ours, rules.get(ours)) {
            ("policies", Some(Value::Array(policies))) => {
                let policies: Vec<String> = policies
                    .iter()
                    .map(|policy| {
                        ordered_text(POLICY.map(|(theirs, ours)| (theirs, policy.get(ours).map(text_of))))
                    })
                    .collect();
                (theirs, Some(format!("[{}]", policies.join(","))))
            }
            (_, value) => (theirs, value.map(text_of).or_else(null)),
        }))
    };
    ordered_text(
        DIRECTIONS.map(|(theirs, ours)| {
            (theirs, behavior.get(ours).filter(|r| !r.is_null()).map(rules).or_else(null))
        }),
    )
}

fn behavior_to_v2(behavior: &Value) -> Option<Value> {
    let mut out = Map::new();
    for (theirs, ours) in DIRECTIONS {
        let Some(rules) = member(behavior, theirs) else { continue };
        let mut moved = Map::new();
        for (theirs, ours) in RULES {
            match (ours, member(rules, theirs)) {
                (_, None) => {}
                ("policies", Some(Value::Array(policies))) => {
                    let policies = policies.iter().map(|policy| {
                        let members = POLICY.iter().filter_map(|(theirs, ours)| {
                            Some(((*ours).into(), member(policy, theirs)?.clone()))
                        });
                        Value::Object(members.collect())
                    });
                    moved.insert(ours, policies.collect::<Vec<_>>());
                }
                (_, Some(value)) => {
                    moved.insert(ours, value.clone());
                }
            }
        }
        out.insert(ours, moved);
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// A member by its name in any case, as Go's decoder finds it; absent where it is null.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    let found = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(found.1).filter(|value| !value.is_null())
}

fn ordered<'a>(members: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> String {
    ordered_text(members.into_iter().map(|(key, value)| (key, value.as_ref().map(text_of))))
}

/// A JSON object with its members in this order; those without a value are left out.
fn ordered_text<'a>(members: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let members: Vec<String> =
        members.into_iter().filter_map(|(key, value)| Some(format!("\"{key}\":{}", value?))).collect();
    format!("{{{}}}", members.join(","))
}

fn text_of(value: &Value) -> String {
    let mut out = Vec::new();
    json::encode_untyped(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
