//! What reading settles: fields with two names, and what is said in old ways.
//!
//! kube-apiserver does this on the way through its internal version, so that it shows in answers and in who owns
//! what, as defaults do.

use keelson_apimachinery::{Map, Text, Value};

use super::members::{has_items, items_mut, made, object, object_mut, text};

/// `serviceAccountName` and its old name, `serviceAccount`.
pub(super) fn service_account(spec: &mut Map) {
    let (new, old) = (text(spec, "serviceAccountName"), text(spec, "serviceAccount"));
    if new == old {
        return;
    }
    let name = Text::from(if new.is_empty() { old } else { new });
    spec.insert("serviceAccountName", name.clone());
    spec.insert("serviceAccount", name);
}

/// `podIP` is the first of `podIPs`; where they differ, old kubelets know only the former.
pub(super) fn pod_ips(status: &mut Map) {
    let first = first(status, "podIPs").and_then(|ip| ip.get("ip")).and_then(Value::as_str);
    let one = text(status, "podIP");
    match first {
        Some(first) if first == one => {}
        Some(first) if one.is_empty() => {
            if !first.is_empty() {
                let first = Text::from(first);
                status.insert("podIP", first);
            }
        }
        _ if one.is_empty() => {}
        _ => {
            let mut ip = Map::new();
            ip.insert("ip", one);
            status.insert("podIPs", vec![Value::Object(ip)]);
        }
    }
}

/// `podCIDR` is the first of `podCIDRs`; where they differ, old clients know only the former.
pub(super) fn pod_cidrs(spec: &mut Map) {
    let first = first(spec, "podCIDRs").and_then(Value::as_str);
    let one = text(spec, "podCIDR");
    match first {
        Some(first) if first == one => {}
        Some(first) if one.is_empty() => {
            if !first.is_empty() {
                let first = Text::from(first);
                spec.insert("podCIDR", first);
            }
        }
        _ if one.is_empty() => {}
        _ => {
            let one = Value::from(one);
            spec.insert("podCIDRs", vec![one]);
        }
    }
}

fn first<'a>(map: &'a Map, list: &str) -> Option<&'a Value> {
    map.get(list)?.as_array()?.first()
}

/// Init containers once stood in annotations, which old kubelets would still obey.
pub(super) fn old_annotations(pod: &mut Map) {
    const GONE: [&str; 4] = [
        "pod.alpha.kubernetes.io/init-container-statuses",
        "pod.alpha.kubernetes.io/init-containers",
        "pod.beta.kubernetes.io/init-container-statuses",
        "pod.beta.kubernetes.io/init-containers",
    ];
    let Some(metadata) = object_mut(pod, "metadata") else { return };
    let Some(annotations) = object_mut(metadata, "annotations") else { return };
    if !GONE.iter().any(|key| annotations.contains_key(key)) {
        return;
    }
    for key in GONE {
        annotations.remove(key);
    }
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

/// The generation of a DaemonSet's template lost its field, and has an annotation.
pub(super) fn template_generation(set: &mut Map) {
    const KEY: &str = "deprecated.daemonset.template.generation";
    let said = object(set, "metadata").and_then(|metadata| object(metadata, "annotations"));
    let number = match said.and_then(|annotations| annotations.get(KEY)).and_then(Value::as_str) {
        None => 0,
        // What is no number is refused when the object is validated.
        Some(text) => match text.parse::<i64>() {
            Ok(number) if number.to_string() != text => number,
            _ => return,
        },
    };
    let Some(metadata) = made(set, "metadata") else { return };
    if let Some(annotations) = made(metadata, "annotations") {
        annotations.insert(Text::const_new(KEY), number.to_string());
    }
}

/// Claims in a StatefulSet say what they are.
pub(super) fn claim_templates(spec: &mut Map) {
    if !has_items(spec, "volumeClaimTemplates") {
        return;
    }
    for template in items_mut(spec, "volumeClaimTemplates") {
        template.insert("apiVersion", "v1");
        template.insert("kind", "PersistentVolumeClaim");
    }
}
