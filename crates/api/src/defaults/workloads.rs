//! What runs pods: deployments, sets, jobs.

use keelson_apimachinery::{Map, Text, Value};

use super::members::{has_items, is_set, made, object, set_absent, set_empty, text};

const ROLLING_UPDATE: &str = "RollingUpdate";

/// A rolling update's share.
pub(super) fn deployment(spec: &mut Map) {
    roll(spec, "strategy", &"25%".into(), &"25%".into());
}

/// One node after the other.
pub(super) fn daemon_set(spec: &mut Map) {
    roll(spec, "updateStrategy", &Value::Int(1), &Value::Int(0));
}

fn roll(spec: &mut Map, strategy: &'static str, unavailable: &Value, surge: &Value) {
    let Some(strategy) = made(spec, strategy) else { return };
    if text(strategy, "type") != ROLLING_UPDATE {
        return;
    }
    if let Some(rolling) = made(strategy, "rollingUpdate") {
        set_absent(rolling, "maxUnavailable", unavailable.clone());
        set_absent(rolling, "maxSurge", surge.clone());
    }
}

/// A rolling update of all pods, unless a strategy is named.
pub(super) fn stateful_set(spec: &mut Map) {
    let Some(strategy) = made(spec, "updateStrategy") else { return };
    if text(strategy, "type").is_empty() {
        set_empty(strategy, "type", ROLLING_UPDATE);
        set_absent(strategy, "rollingUpdate", Map::new());
    }
    if text(strategy, "type") == ROLLING_UPDATE
        && is_set(strategy, "rollingUpdate")
        && let Some(rolling) = made(strategy, "rollingUpdate")
    {
        set_absent(rolling, "partition", Value::Int(0));
    }
}

/// One pod, with six retries, and the template's labels.
pub(super) fn job(job: &mut Map) {
    let Some(spec) = made(job, "spec") else { return };
    if !is_set(spec, "parallelism") {
        set_absent(spec, "completions", Value::Int(1));
        spec.insert("parallelism", 1);
    }
    // Indexes that each have a limit are not to be stopped by one for all.
    let retries = if is_set(spec, "backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
    set_absent(spec, "backoffLimit", Value::Int(retries));
    let replace = if is_set(spec, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set_absent(spec, "podReplacementPolicy", replace);
    if let Some(labels) = template_labels(job) {
        label(job, &labels);
    }
}

/// The template's labels are the controller's, and what it selects.
pub(super) fn replication_controller(controller: &mut Map) {
    let Some(labels) = template_labels(controller) else { return };
    if let Some(spec) = made(controller, "spec")
        && !has_items(spec, "selector")
    {
        spec.insert("selector", labels.clone());
    }
    label(controller, &labels);
}

fn template_labels(of: &Map) -> Option<Map> {
    let metadata = object(object(object(of, "spec")?, "template")?, "metadata")?;
    object(metadata, "labels").filter(|labels| !labels.is_empty()).cloned()
}

fn label(object: &mut Map, labels: &Map) {
    if let Some(metadata) = made(object, "metadata")
        && !has_items(metadata, "labels")
    {
        metadata.insert(Text::const_new("labels"), labels.clone());
    }
}
