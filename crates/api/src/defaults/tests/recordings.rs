//! What a real kube-apiserver made of the bodies that recordings hold.

use std::fs;
use std::path::PathBuf;

use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

use super::super::apply;
use super::{parse, text};
use crate::Resource;

/// What others than defaults set or take away, by kind: admission, allocation, strategies.
const NOT_DEFAULTS: [(&str, &[&str]); 10] = [
    ("CertificateSigningRequest", &["spec.extra", "spec.groups", "spec.uid", "spec.username"]),
    ("EndpointSlice", &["endpoints"]),
    ("Job", &["spec.selector", "spec.template.metadata.labels"]),
    ("Namespace", &["spec.finalizers"]),
    ("Node", &["spec.taints"]),
    ("PersistentVolumeClaim", &["spec.dataSource"]),
    (
        "Pod",
        &[
            "spec.containers.resources",
            "spec.containers.volumeMounts",
            "spec.imagePullSecrets",
            "spec.initContainers.resources",
            "spec.initContainers.volumeMounts",
            "spec.preemptionPolicy",
            "spec.priority",
            "spec.serviceAccount",
            "spec.tolerations",
            "spec.volumes",
        ],
    ),
    ("Secret", &["data"]),
    ("Service", &["spec.clusterIP", "spec.healthCheckNodePort", "spec.ipFamil", "spec.ports.nodePort"]),
    // Its feature gate is off.
    ("StatefulSet", &["spec.updateStrategy.rollingUpdate.maxUnavailable"]),
];

/// The resource of a path that objects are posted to.
fn target(path: &str) -> Option<&'static Resource> {
    let mut parts = path.split('?').next()?.trim_start_matches('/').split('/');
    let group = if parts.next()? == "api" { "" } else { parts.next()? };
    let version = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    let plural = match rest.as_slice() {
        [plural] | ["namespaces", _, plural] => plural,
        _ => return None,
    };
    crate::facts::resource(group, version, plural)
}

/// Where two trees differ.
fn differences(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(key)));
            for key in keys {
                let of = |map: &Map| map.get(key).cloned().unwrap_or_default();
                differences(&format!("{path}.{key}"), &of(ours), &of(theirs), found);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (ours, theirs) in ours.iter().zip(theirs) {
                differences(path, ours, theirs, found);
            }
        }
        // Protobuf doesn't tell an empty list from none.
        (Value::Array(ours), Value::Null) if ours.is_empty() => {}
        _ if text(ours) == text(theirs) || theirs.as_str().is_some_and(|text| text.starts_with('<')) => {}
        _ => found.push(format!("{path}: {} is {}", text(ours), text(theirs))),
    }
}

#[test]
fn bodies_become_what_kube_apiserver_made_of_them() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/recordings");
    let Ok(entries) = fs::read_dir(&directory) else {
        println!("skipped: no recordings at {}", directory.display());
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for entry in entries.map(|entry| entry.expect("a readable directory")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Where policies mutate, bodies become what they say.
        if !name.ends_with(".json") || name.starts_with("ext-mutation") {
            continue;
        }
        let recording = fs::read_to_string(entry.path()).expect("a readable file").replace("{{ns}}", "<ns>");
        for scenario in parse(&recording).as_array().unwrap_or_default() {
            let list = |key| scenario.get(key).and_then(Value::as_array).unwrap_or_default();
            for (step, answer) in list("steps").iter().zip(list("answers")) {
                let Some(path) = step.str_at(&["do"]).strip_prefix("POST ") else { continue };
                let partial = ["only", "ignore", "drop"].iter().any(|key| step.get(key).is_some());
                let (Some(resource), Some(body), false) = (target(path), step.get("body"), partial) else {
                    continue;
                };
                let shown = answer.get("body").cloned().unwrap_or_default();
                if answer.get("status") != Some(&Value::Int(201)) || shown.str_at(&["kind"]) != resource.kind
                {
                    continue;
                }
                let schema = crate::schema();
                let Ok(read) = json::canonicalize(schema, resource.type_id, body.clone()) else { continue };
                let Ok(mut object) = Object::try_from(read.value) else { continue };
                apply(resource.type_id, &mut object);
                compared += 1;
                let scenario = scenario.str_at(&["name"]);
                for (key, theirs) in shown.as_object().into_iter().flat_map(Map::iter) {
                    if matches!(key, "apiVersion" | "kind" | "metadata" | "status") {
                        continue;
                    }
                    let ours = object.get(key).cloned().unwrap_or_default();
                    let mut found = Vec::new();
                    differences(key, &ours, theirs, &mut found);
                    let others = NOT_DEFAULTS.iter().find(|(kind, _)| *kind == resource.kind);
                    let others = others.map_or(&[][..], |(_, paths)| paths);
                    found.retain(|text| !others.iter().any(|path| text.starts_with(path)));
                    wrong.extend(
                        found.into_iter().map(|text| format!("{name} {scenario}: {} {text}", resource.kind)),
                    );
                }
            }
        }
    }
    println!("{compared} bodies compared");
    assert!(compared > 100, "only {compared} bodies compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
