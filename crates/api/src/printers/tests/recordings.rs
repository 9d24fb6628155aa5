//! Tables that a real kube-apiserver answered with: the headings of every kind, and the rows of objects that
//! the recorded scenarios made. What ages is not compared.

use std::fs;
use std::path::PathBuf;

use keelson_apimachinery::codec::yaml;
use keelson_apimachinery::patch::merge_patch;

use super::*;
use crate::{Resource, resources, schema};

/// What stands for a scenario's namespace.
const NAMESPACE: &str = "ns";

/// The recorded scenarios, where they are beside the source.
fn scenarios() -> Vec<Value> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/recordings");
    let Ok(entries) = fs::read_dir(&directory) else {
        println!("skipped: no recordings at {}", directory.display());
        return Vec::new();
    };
    let mut scenarios = Vec::new();
    for path in entries.map(|e| e.expect("a readable directory").path()) {
        match parse(&fs::read_to_string(&path).expect("a readable file")) {
            Value::Array(list) => scenarios.extend(list),
            other => panic!("{}: {other:?}", path.display()),
        }
    }
    scenarios
}

fn steps(scenario: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let list = |key: &str| scenario.get(key).and_then(Value::as_array).unwrap_or_default();
    list("steps").iter().zip(list("answers"))
}

/// The built-in resource, the object's name and the subresource of a path.
fn target(path: &str) -> Option<(&'static Resource, &str, &str)> {
    let mut parts = path.split('?').next()?.strip_prefix('/')?.split('/');
    let group = match parts.next()? {
        "api" => "",
        "apis" => parts.next()?,
        _ => return None,
    };
    let version = parts.next()?;
    let mut plural = parts.next()?;
    let mut name = parts.next().unwrap_or_default();
    if plural == "namespaces"
        && let Some(namespaced) = parts.next()
    {
        (plural, name) = (namespaced, parts.next().unwrap_or_default());
    }
    let found =
        resources().iter().find(|r| r.group == group && r.version == version && r.plural == plural)?;
    Some((found, name, parts.next().unwrap_or_default()))
}

/// Group and kind of the tables at a path.
fn kind_at(resource: &'static Resource, subresource: &str) -> (&'static str, &'static str) {
    if subresource == "scale" { ("autoscaling", "Scale") } else { (&resource.group, &resource.kind) }
}

#[test]
fn headings_are_those_of_upstream() {
    let mut compared = 0;
    let scenarios = scenarios();
    for scenario in &scenarios {
        for (step, answer) in steps(scenario) {
            let Some(definitions) = answer.at(&["body", "columnDefinitions"]) else { continue };
            let path = step.str_at(&["do"]).split(' ').nth(1).unwrap_or_default();
            let Some((resource, _, subresource)) = target(path) else { continue };
            let (group, kind) = kind_at(resource, subresource);
            let column = |column: &Column| {
                let members: [(keelson_apimachinery::Text, Value); 5] = [
                    ("name".into(), column.name.into()),
                    ("type".into(), column.ty.into()),
                    ("format".into(), column.format.into()),
                    ("description".into(), (&*column.description).into()),
                    ("priority".into(), i64::from(column.priority).into()),
                ];
                Value::Object(members.into_iter().collect())
            };
            let got: Vec<_> = columns(group, kind).iter().map(column).collect();
            assert_eq!(Value::Array(got), *definitions, "{path}");
            if let Some(Value::Null) = answer.at(&["body", "rows"]) {
                assert!(!has_own_columns(group, kind), "{path}");
            } else if answer.at(&["body", "rows"]) == Some(&Value::Array(Vec::new())) {
                assert!(has_own_columns(group, kind), "{path}");
            }
            compared += 1;
        }
    }
    assert!(scenarios.is_empty() || compared > 50, "{compared} tables compared");
}

/// Objects that a scenario has made.
#[derive(Default)]
struct Made(Vec<(&'static Resource, Value)>);

impl Made {
    /// Adds an object, as the server would store it as far as its row is concerned.
    fn add(&mut self, resource: &'static Resource, object: Value) {
        // What defaults and strategies add.
        let added = match resource.kind.as_str() {
            "Pod" => r#"{"status":{"phase":"Pending"}}"#,
            "CertificateSigningRequest" => r#"{"spec":{"username":"admin"}}"#,
            "HorizontalPodAutoscaler" => r#"{"spec":{"minReplicas":1}}"#,
            "PriorityClass" => r#"{"preemptionPolicy":"PreemptLowerPriority"}"#,
            _ => "{}",
        };
        let object = merge_patch(parse(added), object);
        let decoded =
            json::canonicalize(schema(), resource.type_id, object).expect("an object that upstream took");
        self.0.push((resource, decoded.value));
    }

    fn find(&mut self, resource: &Resource, name: &str) -> Option<&mut Value> {
        let mut made = self.0.iter_mut();
        let same =
            |r: &Resource, o: &Value| r.kind == resource.kind && o.str_at(&["metadata", "name"]) == name;
        made.find(|(r, o)| same(r, o)).map(|(_, o)| o)
    }
}

/// A cell as the recordings show it: ages and times are hidden.
fn hidden(cell: &Value) -> Value {
    let is_age = |text: &str| {
        let (first, last) = (text.bytes().next(), text.bytes().last());
        first.is_some_and(|b| b.is_ascii_digit())
            && last.is_some_and(|b| b"smhdy".contains(&b))
            && text.bytes().all(|b| b.is_ascii_digit() || b"smhdy".contains(&b))
    };
    match cell.as_str() {
        Some(text) if is_age(text) => "<hidden>".into(),
        Some("<unknown>" | "0001-01-01T00:00:00Z" | "<age>" | "<time>") => "<hidden>".into(),
        _ => cell.clone(),
    }
}

#[test]
fn rows_are_those_of_upstream() {
    let mut compared = 0;
    let scenarios = scenarios();
    for scenario in &scenarios {
        let mut made = Made::default();
        for (step, answer) in steps(scenario) {
            let (method, path) = step.str_at(&["do"]).split_once(' ').unwrap_or_default();
            let Some((resource, name, subresource)) = target(path) else { continue };
            if method == "POST" && name.is_empty() && answer.get("status") == Some(&Value::Int(201)) {
                made.add(resource, step.get("body").cloned().unwrap_or_default());
            }
            let Some(body) = answer.get("body") else { continue };
            let (group, kind) = kind_at(resource, subresource);
            for row in body.get("rows").and_then(Value::as_array).unwrap_or_default() {
                let want = row.get("cells").and_then(Value::as_array).expect("cells");
                let named = want.first().and_then(Value::as_str).unwrap_or_default();
                let Some(object) = made.find(resource, named) else { continue };
                let got = cells(group, kind, object, NOW);
                let (got, want): (Vec<_>, Vec<_>) =
                    (got.iter().map(hidden).collect(), want.iter().map(hidden).collect());
                assert_eq!(got, want, "{path}");
                compared += 1;
            }
            for (key, want) in body.as_object().into_iter().flat_map(|b| b.iter()) {
                let Some(i) = key.strip_prefix("rows[0].cells[").and_then(|k| k.strip_suffix(']')) else {
                    continue;
                };
                let (_, object) = made.0.first().expect("the scenario made an object");
                let got = &cells(group, kind, object, NOW)[i.parse::<usize>().expect("an index")];
                assert_eq!(hidden(got), hidden(want), "{path} {key}");
                compared += 1;
            }
        }
    }
    assert!(scenarios.is_empty() || compared > 20, "{compared} rows and cells compared");
}

fn resource_called(name: &str) -> &'static Resource {
    let called =
        |r: &&Resource| r.plural == name || r.singular == name || r.short_names.iter().any(|s| s == name);
    resources().iter().find(called).unwrap_or_else(|| panic!("no resource called {name}"))
}

/// What `kubectl get` prints of objects, with two spaces between cells that are not empty.
fn printed(resource: &Resource, objects: &[Value], wide: bool) -> String {
    let columns = columns(&resource.group, &resource.kind);
    let shown = |(column, _): &(&Column, String)| wide || column.priority == 0;
    let line = |texts: Vec<String>| {
        let texts = columns.iter().zip(texts).filter(shown).map(|(_, text)| text).filter(|t| !t.is_empty());
        texts.collect::<Vec<_>>().join("  ") + "\n"
    };
    let text = |cell: &Value| match hidden(cell) {
        Value::String(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        other => panic!("a cell that is {other:?}"),
    };
    let mut out = line(columns.iter().map(|c| c.name.to_uppercase()).collect());
    for object in objects {
        out += &line(cells(&resource.group, &resource.kind, object, NOW).iter().map(text).collect());
    }
    out
}

#[test]
fn what_kubectl_prints_is_that_of_upstream() {
    let mut compared = 0;
    let scenarios = scenarios();
    for scenario in &scenarios {
        let mut made = Made::default();
        for (step, answer) in steps(scenario) {
            let arguments = step.get("kubectl").and_then(Value::as_array).unwrap_or_default();
            let arguments: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
            let arguments = arguments.strip_prefix(&["-n", "{{ns}}"]).unwrap_or(&arguments);
            match arguments {
                ["create", "-f", "-"] if answer.get("exit") == Some(&Value::Int(0)) => {
                    let stdin = step.str_at(&["stdin"]).replace("{{ns}}", NAMESPACE);
                    for document in stdin.split("\n---\n") {
                        let object = yaml::decode_untyped(document.as_bytes()).expect("YAML").value;
                        let version = object.str_at(&["apiVersion"]).to_owned();
                        let (group, version) = version.split_once('/').unwrap_or(("", &version));
                        let kind = object.str_at(&["kind"]).to_owned();
                        let same = |r: &&Resource| r.group == group && r.version == version && r.kind == kind;
                        if let Some(resource) = resources().iter().find(same) {
                            made.add(resource, object);
                        }
                    }
                }
                ["run", name, image] if image.starts_with("--image=") => {
                    let pod = format!(
                        r#"{{"metadata":{{"name":"{name}"}},"spec":{{"containers":[{{"name":"{name}"}}]}}}}"#
                    );
                    made.add(resource_called("pods"), parse(&pod));
                }
                ["patch", kind, name, "--subresource=status", "--type=merge", "-p", patch] => {
                    if let Some(object) = made.find(resource_called(kind), name) {
                        *object = merge_patch(std::mem::take(object), parse(patch));
                    }
                }
                ["get", kind, rest @ ..] if step.get("table") == Some(&Value::Bool(true)) => {
                    let wide = rest.ends_with(&["-o", "wide"]);
                    let names: Vec<&str> = rest.iter().copied().take_while(|a| !a.starts_with('-')).collect();
                    let resource = resource_called(kind);
                    let objects: Vec<Value> = match names.as_slice() {
                        [] => made
                            .0
                            .iter()
                            .filter(|(r, _)| r.kind == resource.kind)
                            .map(|(_, o)| o.clone())
                            .collect(),
                        names => names
                            .iter()
                            .filter_map(|n| made.find(resource, &n.replace("{{ns}}", NAMESPACE)).cloned())
                            .collect(),
                    };
                    if objects.is_empty() || objects.len() < names.len() {
                        continue;
                    }
                    let want = answer
                        .str_at(&["out"])
                        .replace("<ns>", NAMESPACE)
                        .replace("<age>", "<hidden>")
                        .replace("<time>", "<hidden>");
                    assert_eq!(printed(resource, &objects, wide), want, "{arguments:?}");
                    compared += 1;
                }
                ["get" | "describe", ..] | [] => {}
                // Whatever else it does may change objects.
                _ => made = Made::default(),
            }
        }
    }
    assert!(scenarios.is_empty() || compared > 30, "{compared} tables compared");
}
