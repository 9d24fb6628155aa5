//! Pods, their containers and volumes.

use keelson_apimachinery::{Map, Value};

use super::members::{fill, is_set, items_mut, object_mut, set_empty, text};
use super::{image, pod_resources};

/// What a pod has, and its template has not.
pub(super) fn pod(pod: &mut Map) {
    let Some(spec) = object_mut(pod, "spec") else { return };
    for list in ["containers", "initContainers"] {
        for container in items_mut(spec, list) {
            if let Some(resources) = object_mut(container, "resources") {
                fill(resources, "requests", "limits");
            }
        }
    }
    pod_resources::set(spec);
    if spec.get("hostNetwork").and_then(Value::as_bool) == Some(true) {
        expose(spec);
    }
    if spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds < 0) {
        spec.insert("terminationGracePeriodSeconds", 1);
    }
}

/// On the host's network, ports of containers are the host's.
fn expose(spec: &mut Map) {
    for list in ["containers", "initContainers"] {
        for container in items_mut(spec, list) {
            for port in items_mut(container, "ports") {
                let host = port.get("hostPort").and_then(Value::as_i64).unwrap_or(0);
                let own = port.get("containerPort").and_then(Value::as_i64).unwrap_or(0);
                if host == 0 && own != 0 {
                    port.insert("hostPort", own);
                }
            }
        }
    }
}

/// An image that may change is always pulled.
pub(super) fn pull_policy(container: &mut Map) {
    if text(container, "imagePullPolicy").is_empty() {
        let policy = policy_for(text(container, "image"));
        set_empty(container, "imagePullPolicy", policy);
    }
}

fn policy_for(image: &str) -> &'static str {
    if image::is_latest(image) { "Always" } else { "IfNotPresent" }
}

/// A volume without a source is an empty directory; an image is pulled as those of containers are.
pub(super) fn volume(volume: &mut Map) {
    if !volume.iter().any(|(key, value)| key != "name" && !value.is_null()) {
        volume.insert("emptyDir", Map::new());
    }
    if is_set(volume, "image")
        && let Some(image) = object_mut(volume, "image")
        && text(image, "pullPolicy").is_empty()
    {
        let policy = policy_for(text(image, "reference"));
        set_empty(image, "pullPolicy", policy);
    }
}
