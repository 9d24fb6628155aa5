//! HorizontalPodAutoscalers.

use keelson_apimachinery::{Map, Text, Value};

use super::members::{has_items, is_set, made, object, set_absent};

/// What is aimed at where no metric is named: percent of the CPU that pods request.
const CPU_UTILIZATION: i64 = 80;

/// `v1`: a target, unless the annotation that stands for `v2`'s metrics names others.
pub(super) fn cpu_target(autoscaler: &mut Map) {
    const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
    let annotations = object(autoscaler, "metadata").and_then(|metadata| object(metadata, "annotations"));
    if annotations.is_some_and(|annotations| annotations.contains_key(METRICS)) {
        return;
    }
    if let Some(spec) = made(autoscaler, "spec") {
        set_absent(spec, "targetCPUUtilizationPercentage", Value::Int(CPU_UTILIZATION));
    }
}

/// `v2`: one metric at least.
pub(super) fn metrics(spec: &mut Map) {
    if has_items(spec, "metrics") {
        return;
    }
    let target =
        members([("averageUtilization", Value::Int(CPU_UTILIZATION)), ("type", "Utilization".into())]);
    let resource = members([("name", "cpu".into()), ("target", target)]);
    let metric = members([("resource", resource), ("type", "Resource".into())]);
    spec.insert("metrics", vec![metric]);
}

/// `v2`: whoever says something of the behaviour gets all of it.
pub(super) fn behavior(spec: &mut Map) {
    if !is_set(spec, "behavior") {
        return;
    }
    let Some(behavior) = made(spec, "behavior") else { return };
    if let Some(up) = made(behavior, "scaleUp") {
        set_absent(up, "stabilizationWindowSeconds", Value::Int(0));
        rules(up, &[("Pods", 4), ("Percent", 100)]);
    }
    // How long to wait before scaling down is the controller's to know.
    if let Some(down) = made(behavior, "scaleDown") {
        rules(down, &[("Percent", 100)]);
    }
}

fn rules(direction: &mut Map, policies: &[(&'static str, i64)]) {
    set_absent(direction, "selectPolicy", "Max");
    if !is_set(direction, "policies") {
        let policy = |(kind, value): &(&'static str, i64)| {
            members([
                ("periodSeconds", Value::Int(15)),
                ("type", (*kind).into()),
                ("value", Value::Int(*value)),
            ])
        };
        direction.insert("policies", policies.iter().map(policy).collect::<Vec<_>>());
    }
}

fn members<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Object(members.map(|(key, value)| (Text::const_new(key), value)).into_iter().collect())
}
