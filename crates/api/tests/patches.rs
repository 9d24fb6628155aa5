//! Patches of recorded scenarios, applied to the built-in kinds, against what a real kube-apiserver answered.
//!
//! Objects here lack what defaults and the server add, so an answer must hold all that the patched object
//! holds, and its lists must have the same elements in the same order.

use std::fs;
use std::path::PathBuf;

use keelson_api::{Resource, resources, schema};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::patch::{
    PatchError, check_merge_patch, json_patch, json_patch_strict_errors, merge_patch, strategic,
};
use keelson_apimachinery::{Status, Value};

fn parse(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}")).value
}

/// The recorded scenarios about machinery, where they are beside the source. In others, what a kind's own
/// strategy does after a patch would stand in the way.
fn scenarios() -> Vec<Value> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/recordings");
    let Ok(entries) = fs::read_dir(&directory) else {
        println!("skipped: no recordings at {}", directory.display());
        return Vec::new();
    };
    let mut scenarios = Vec::new();
    for entry in entries.map(|e| e.expect("a readable directory")) {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with("mach-") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable file");
        match parse(&text.replace("{{ns}}", "<ns>")) {
            Value::Array(list) => scenarios.extend(list),
            other => panic!("{}: {other:?}", path.display()),
        }
    }
    scenarios
}

/// The built-in resource that a path of objects in a namespace is of, and the object's name.
fn target(path: &str) -> Option<(&'static Resource, &str)> {
    let path = path.split('?').next()?;
    let mut parts = path.strip_prefix('/')?.split('/');
    let group = if parts.next()? == "api" { "" } else { parts.next()? };
    let (version, scope, _) = (parts.next()?, parts.next()?, parts.next()?);
    let (plural, name) = (parts.next()?, parts.next().unwrap_or_default());
    if scope != "namespaces" || parts.next().is_some() {
        return None;
    }
    let found =
        resources().iter().find(|r| r.group == group && r.version == version && r.plural == plural)?;
    Some((found, name))
}

fn canonical(resource: &Resource, object: Value) -> Option<Value> {
    json::canonicalize(schema(), resource.type_id, object).ok().map(|decoded| decoded.value)
}

fn apply(resource: &Resource, kind: &str, object: Value, patch: Value) -> Result<Value, PatchError> {
    match kind {
        "application/json-patch+json" => {
            // Field validation is Warn where a request says nothing.
            json_patch_strict_errors(&patch)?;
            json_patch(object, &patch)
        }
        "application/strategic-merge-patch+json" => strategic(schema(), resource.type_id, object, patch),
        _ => {
            check_merge_patch(&patch, true)?;
            Ok(merge_patch(object, patch))
        }
    }
}

/// Whether `whole` has all that `part` has, but for what is hidden in recordings.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, part)| {
            part.is_null()
                || key == "creationTimestamp"
                || whole.get(key).is_some_and(|whole| holds(whole, part))
        }),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        // A zero is where a default goes.
        (_, Value::Int(0)) => true,
        (whole, part) => whole == part || part.as_object().is_some_and(|p| p.is_empty()) && whole.is_null(),
    }
}

/// Checks what the server answered with against the patched object. Answers are whole objects, or some
/// members by their paths.
fn compare(resource: &Resource, answer: &Value, patched: &Value, what: &str) -> usize {
    if let Some(kind) = answer.get("kind").and_then(Value::as_str) {
        if kind != resource.kind {
            // It asked for a table or for metadata alone.
            return 0;
        }
        for part in ["data", "spec", "immutable", "type"] {
            if let (Some(part), whole) = (patched.get(part), answer.get(part).unwrap_or(&Value::Null)) {
                assert!(holds(whole, part), "{what}\n{part:?}\n{whole:?}");
            }
        }
        for part in ["labels", "annotations", "finalizers"] {
            let (whole, part) = (answer.at(&["metadata", part]), patched.at(&["metadata", part]));
            if let Some(part) = part {
                assert!(holds(whole.unwrap_or(&Value::Null), part), "{what}\n{part:?}\n{whole:?}");
            }
        }
        return 1;
    }
    let members = answer.as_object().into_iter().flat_map(|a| a.iter());
    let mut compared = 0;
    for (path, whole) in members.filter(|(path, _)| path.starts_with("spec")) {
        let path: Vec<&str> = path.split('.').collect();
        if let Some(part) = patched.at(&path) {
            assert!(holds(whole, part), "{what}\n{part:?}\n{whole:?}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn patches_do_what_upstream_does() {
    let scenarios = scenarios();
    let (mut compared, mut refused) = (0, 0);
    for scenario in &scenarios {
        let list = |key: &str| scenario.get(key).and_then(Value::as_array).unwrap_or_default();
        let mut objects: Vec<(&Resource, Value)> = Vec::new();
        for (step, answer) in list("steps").iter().zip(list("answers")) {
            let (method, path) = step.str_at(&["do"]).split_once(' ').unwrap_or_default();
            let Some((resource, name)) = target(path) else { continue };
            let status = answer.get("status").and_then(Value::as_i64).unwrap_or(0);
            let is = |(r, o): &(&Resource, Value)| {
                r.plural == resource.plural && o.str_at(&["metadata", "name"]) == name
            };
            let found = objects.iter().position(is);
            match (method, found) {
                ("POST", _) if status == 201 && !path.contains("dryRun") => {
                    let body = step.get("body").cloned().unwrap_or_default();
                    objects.extend(canonical(resource, body).map(|object| (resource, object)));
                }
                ("PATCH", Some(i)) => {
                    let kind = step.str_at(&["headers", "Content-Type"]);
                    let raw = step.str_at(&["raw"]);
                    let patch = match step.get("body") {
                        Some(body) => body.clone(),
                        None => match json::decode_untyped(raw.as_bytes()) {
                            Ok(decoded) => decoded.value,
                            // Text that is no JSON is not this code's concern.
                            Err(_) => continue,
                        },
                    };
                    if kind.contains("apply-patch") || kind.contains("yaml") || raw.contains("{{") {
                        continue;
                    }
                    let what = format!("{}: {path} {patch:?}", scenario.str_at(&["name"]));
                    let object = objects[i].1.clone();
                    match apply(resource, kind, object, patch) {
                        Ok(patched) if status == 200 => {
                            let patched = canonical(resource, patched).unwrap_or_else(|| panic!("{what}"));
                            compared += compare(
                                resource,
                                answer.get("body").unwrap_or(&Value::Null),
                                &patched,
                                &what,
                            );
                            objects[i].1 = patched;
                        }
                        // Validation and others may refuse what the patch made.
                        Ok(_) => {}
                        // It names something that a default would have added.
                        Err(PatchError::Inapplicable(_)) if status == 200 => {
                            objects.remove(i);
                        }
                        Err(error) => {
                            let got = Status::from(error);
                            assert_eq!(i64::from(got.code()), status, "{what}: {got}");
                            let want = answer.str_at(&["body", "message"]);
                            assert!(want.is_empty() || want == got.message(), "{what}\n{got}\n{want}");
                            refused += 1;
                        }
                    }
                }
                // What else happens to an object is not followed.
                ("PUT" | "DELETE", Some(i)) => {
                    objects.remove(i);
                }
                _ => {}
            }
        }
    }
    println!("{compared} patches compared, {refused} refused");
    assert!(scenarios.is_empty() || compared > 30 && refused > 5, "{compared} compared, {refused} refused");
}
