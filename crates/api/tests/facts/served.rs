//! Which resources are served, and where they are stored.

use std::fs;

use keelson_api::{Resource, facts};
use serde_json::{Value, json};

use crate::{reference, reference_json};

fn put(object: &mut Value, key: &str, value: Value) {
    if value != "" && value != json!([]) {
        object[key] = value;
    }
}

fn response_kind(resource: &Resource, group: &str, version: &str, kind: &str) -> Value {
    if (group, version) == (resource.group.as_str(), resource.version.as_str()) {
        return json!({"group": "", "version": "", "kind": kind});
    }
    json!({"group": group, "version": version, "kind": kind})
}

/// A resource as aggregated discovery shows it.
fn discovered(r: &Resource) -> Value {
    let mut shown = json!({
        "resource": r.plural.as_str(),
        "responseKind": response_kind(r, &r.group, &r.version, &r.kind),
        "scope": if r.namespaced { "Namespaced" } else { "Cluster" },
    });
    put(&mut shown, "singularResource", json!(r.singular.as_str()));
    put(&mut shown, "verbs", json!(r.verbs));
    put(&mut shown, "shortNames", json!(r.short_names));
    put(&mut shown, "categories", json!(r.categories));
    let subresources = r.subresources.iter().map(|s| {
        let mut shown = json!({
            "subresource": s.name.as_str(),
            "responseKind": response_kind(r, &s.group, &s.version, &s.kind),
        });
        put(&mut shown, "verbs", json!(s.verbs));
        shown
    });
    put(&mut shown, "subresources", subresources.collect());
    shown
}

#[test]
fn resources_are_those_of_discovery_in_its_order() {
    let mut expected = Vec::new();
    for file in ["aggregated-api.json", "aggregated-apis.json"] {
        let Some(list) = reference_json(&format!("discovery/{file}")) else { return };
        for item in list["items"].as_array().unwrap() {
            let group = item["metadata"]["name"].as_str().unwrap_or_default();
            for version in item["versions"].as_array().unwrap() {
                for r in version["resources"].as_array().unwrap() {
                    expected.push((
                        group.to_owned(),
                        version["version"].as_str().unwrap().to_owned(),
                        r.clone(),
                    ));
                }
            }
        }
    }
    let found: Vec<_> = facts::resources()
        .iter()
        .map(|r| (r.group.to_string(), r.version.to_string(), discovered(r)))
        .collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn objects_are_stored_where_kube_apiserver_stores_them() {
    let check = |group: &str, version: &str, plural: &str, expected: (&str, &str, &str)| {
        let r = facts::resource(group, version, plural).unwrap_or_else(|| panic!("{group}/{plural}"));
        let (group, version) = &r.storage_version;
        assert_eq!((group.as_str(), version.as_str(), r.storage_path.as_str()), expected, "{plural}");
    };
    check("", "v1", "pods", ("", "v1", "pods"));
    check("", "v1", "nodes", ("", "v1", "minions"));
    check("", "v1", "services", ("", "v1", "services/specs"));
    check("", "v1", "endpoints", ("", "v1", "services/endpoints"));
    check("", "v1", "replicationcontrollers", ("", "v1", "controllers"));
    check("", "v1", "events", ("", "v1", "events"));
    check("events.k8s.io", "v1", "events", ("", "v1", "events"));
    check("apps", "v1", "deployments", ("apps", "v1", "deployments"));
    check("networking.k8s.io", "v1", "ingresses", ("networking.k8s.io", "v1", "ingress"));
    check("networking.k8s.io", "v1", "ipaddresses", ("networking.k8s.io", "v1", "ipaddresses"));
    let autoscaler = ("autoscaling", "v2", "horizontalpodautoscalers");
    check("autoscaling", "v1", "horizontalpodautoscalers", autoscaler);
    check("autoscaling", "v2", "horizontalpodautoscalers", autoscaler);
    // New in v1 with this release: the release before must be able to read what is stored.
    let policies = ("admissionregistration.k8s.io", "v1beta1", "mutatingadmissionpolicies");
    check("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", policies);
    let apiservices = ("apiregistration.k8s.io", "v1", "apiregistration.k8s.io/apiservices");
    check("apiregistration.k8s.io", "v1", "apiservices", apiservices);
    let definitions = ("apiextensions.k8s.io", "v1beta1", "apiextensions.k8s.io/customresourcedefinitions");
    check("apiextensions.k8s.io", "v1", "customresourcedefinitions", definitions);
    // Never stored.
    check("", "v1", "componentstatuses", ("", "", ""));
    check("authentication.k8s.io", "v1", "tokenreviews", ("", "", ""));
}

#[test]
fn every_kind_of_a_resource_has_a_type() {
    for r in facts::resources() {
        assert_eq!(facts::kind(&r.group, &r.version, &r.kind), Some(r.type_id), "{} {}", r.group, r.plural);
        if r.verbs.iter().any(|v| v == "list") {
            let list = format!("{}List", r.kind);
            assert!(facts::kind(&r.group, &r.version, &list).is_some(), "{} {list}", r.group);
        }
        for s in &r.subresources {
            assert!(facts::kind(&s.group, &s.version, &s.kind).is_some(), "{}/{}", r.plural, s.name);
        }
        let (group, version) = &r.storage_version;
        if !version.is_empty() {
            assert!(facts::kind(group, version, &r.kind).is_some(), "{} is stored as {version}", r.plural);
        }
    }
}

#[test]
fn every_fixture_of_a_served_version_has_a_type() {
    let Some(dir) = reference("testdata") else { return };
    let mut checked = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".json") else { continue };
        // `apps.v1.Deployment`, `core.v1.Pod`; some have a note behind: `core.v1.Pod.after_roundtrip`.
        let Some((at, version)) = stem.match_indices(".v").map(|(at, _)| (at, &stem[at + 1..])).next() else {
            panic!("{name}")
        };
        let group = if &stem[..at] == "core" { "" } else { &stem[..at] };
        let mut parts = version.split('.');
        let (version, kind) = (parts.next().unwrap(), parts.next().unwrap());
        if facts::resources().iter().any(|r| r.group == group && r.version == version) {
            assert!(facts::kind(group, version, kind).is_some(), "{name}");
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked} fixtures");
}

#[test]
fn options_exist_in_every_version_and_statuses_in_v1() {
    let id = facts::kind("apps", "v1", "DeleteOptions").expect("a type");
    assert_eq!(facts::kind("", "v1", "DeleteOptions"), Some(id));
    assert_eq!(facts::kind("meta.k8s.io", "v1", "DeleteOptions"), Some(id));
    assert_eq!(facts::kind("example.com", "v1", "DeleteOptions"), None);
    assert!(facts::kinds_of(id).contains(&("apps", "v1beta1", "DeleteOptions")));
    let status = facts::kind("", "v1", "Status").expect("a type");
    assert_eq!(facts::kinds_of(status), [("", "v1", "Status")]);
    assert_eq!(facts::kind("apps", "v1", "Status"), None);
    assert!(facts::kind("meta.k8s.io", "v1", "Table").is_some());
}
