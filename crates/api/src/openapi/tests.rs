//! The documents against those of a kube-apiserver, and against themselves.

use std::path::PathBuf;

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;

use crate::Resource;
use crate::openapi_schema::Undescribed;

fn all() -> Vec<&'static Resource> {
    crate::resources().iter().collect()
}

/// Recorded documents without prose, where they are present.
fn reference(name: &str) -> Option<serde_json::Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/openapi").join(name);
    let text = std::fs::read(&path).ok()?;
    Some(serde_json::from_slice(&text).expect("recorded documents are JSON"))
}

/// A document as serde's JSON without its prose.
fn plain(document: &Value) -> serde_json::Value {
    let mut text = Vec::new();
    json::encode_untyped(document, &mut text);
    let mut value = serde_json::from_slice(&text).expect("what is encoded is JSON");
    drop_prose(&mut value, false);
    value
}

/// Removes descriptions; below `properties` the keys are names of fields.
fn drop_prose(value: &mut serde_json::Value, names: bool) {
    match value {
        serde_json::Value::Object(members) => {
            if !names {
                members.remove("description");
            }
            for (key, member) in members.iter_mut() {
                let names = !names && matches!(key.as_str(), "properties" | "definitions" | "schemas");
                drop_prose(member, names);
            }
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(|member| drop_prose(member, false)),
        _ => {}
    }
}

/// The first place where two documents differ.
fn difference(path: &str, want: &serde_json::Value, have: &serde_json::Value) -> Option<String> {
    use serde_json::Value::{Array, Object};
    match (want, have) {
        (Object(w), Object(h)) => {
            let mut keys: Vec<_> = w.keys().chain(h.keys()).collect();
            keys.sort();
            keys.dedup();
            keys.into_iter().find_map(|key| match (w.get(key), h.get(key)) {
                (Some(w), Some(h)) => difference(&format!("{path}[{key}]"), w, h),
                (w, h) => Some(format!("{path}[{key}]: want {w:?}, have {h:?}")),
            })
        }
        (Array(w), Array(h)) if w.len() == h.len() => {
            w.iter().zip(h).enumerate().find_map(|(i, (w, h))| difference(&format!("{path}[{i}]"), w, h))
        }
        _ => (want != have).then(|| format!("{path}: want {want}, have {have}")),
    }
}

#[test]
fn every_v3_document_equals_the_recorded_one() {
    if reference("v2.json").is_none() {
        println!("skipped: no recorded documents");
        return;
    }
    for path in super::v3_paths(&all()) {
        let name = format!("v3/{}.json", path.replace('/', "__"));
        let want = reference(&name).unwrap_or_else(|| panic!("{path} is not a document of upstream's"));
        let have = plain(&super::v3(&path, &all(), &Undescribed).expect("listed documents exist"));
        assert_eq!(difference("", &want, &have), None, "{path}");
    }
}

#[test]
fn the_v2_document_equals_the_recorded_one() {
    let Some(want) = reference("v2.json") else {
        println!("skipped: no recorded documents");
        return;
    };
    assert_eq!(difference("", &want, &plain(&super::v2(&all(), &Undescribed))), None);
}

#[test]
fn every_reference_leads_to_a_schema_and_operation_ids_are_unique() {
    let mut ids = std::collections::BTreeSet::new();
    for path in super::v3_paths(&all()) {
        let document = plain(&super::v3(&path, &all(), &Undescribed).expect("listed documents exist"));
        let text = document.to_string();
        for target in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = target.split('"').next().unwrap_or_default();
            assert!(!document["components"]["schemas"][name].is_null(), "{path}: {name} is missing");
        }
        for id in text.split("\"operationId\":\"").skip(1) {
            let id = id.split('"').next().unwrap_or_default().to_owned();
            assert!(ids.insert(id.clone()), "{path}: {id} is there twice");
        }
    }
    assert!(ids.len() > 800, "{} operations", ids.len());
    let without_apps: Vec<_> = all().into_iter().filter(|r| r.group != "apps").collect();
    assert!(!super::v3_paths(&without_apps).iter().any(|path| path.starts_with("apis/apps")));
    assert!(super::v3("apis/apps/v1", &without_apps, &Undescribed).is_none());
    let v2 = plain(&super::v2(&without_apps, &Undescribed)).to_string();
    assert!(!v2.contains("\"/apis/apps/") && !v2.contains("api.apps.v1") && v2.contains("\"/apis/batch/"));
    assert!(
        super::v3("apis/none", &all(), &Undescribed).is_none()
            && super::v3("apis/apps/v9", &all(), &Undescribed).is_none()
    );
}
