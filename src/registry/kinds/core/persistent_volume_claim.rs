//! PersistentVolumeClaim.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

/// A data source stands under two names: the old one takes claims and snapshots alone, and forgets others.
///
/// Source: KEP-1495. Sources of other namespaces are behind a gate that is off.
pub(in crate::registry) struct PersistentVolumeClaims;

impl Hooks for PersistentVolumeClaims {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        settle(object, None);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        settle(object, Some(old));
    }
}

fn source<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.at(&["spec", name]).filter(|value| !value.is_null())
}

fn settle(object: &mut Object, old: Option<&Object>) {
    let had = |name: &str| old.is_some_and(|old| source(old, name).is_some());
    let of_other_namespace =
        |object: &Object| !object.str_at(&["spec", "dataSourceRef", "namespace"]).is_empty();
    if of_other_namespace(object) && !had("dataSourceRef") {
        member(object.members_mut(), "spec").remove("dataSourceRef");
    }
    let has_reference = source(object, "dataSourceRef").is_some();
    let forgotten = source(object, "dataSource").is_some_and(|source| !is_claim_or_snapshot(source));
    if forgotten && !has_reference && !had("dataSource") && !had("dataSourceRef") {
        member(object.members_mut(), "spec").remove("dataSource");
    }
    let (from, to) = match (source(object, "dataSource"), source(object, "dataSourceRef")) {
        (Some(source), None) => (source, "dataSourceRef"),
        (None, Some(reference)) if !of_other_namespace(object) => (reference, "dataSource"),
        _ => return,
    };
    let members = ["apiGroup", "kind", "name"];
    let copy: Map = members.iter().filter_map(|key| Some(((*key).into(), from.get(key)?.clone()))).collect();
    member(object.members_mut(), "spec").insert(to, copy);
}

fn is_claim_or_snapshot(source: &Value) -> bool {
    matches!(
        (source.str_at(&["kind"]), source.str_at(&["apiGroup"])),
        ("PersistentVolumeClaim", "") | ("VolumeSnapshot", "snapshot.storage.k8s.io")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apimachinery::codec::json;

    fn object(spec: &str) -> Object {
        let text = format!(r#"{{"spec":{spec}}}"#);
        Object::try_from(json::decode_untyped(text.as_bytes()).expect("the test's JSON").value)
            .expect("an object")
    }

    #[test]
    fn data_sources_stand_under_both_names() {
        let check = |spec: &str, old: Option<&str>, expected: &str| {
            let mut claim = object(spec);
            settle(&mut claim, old.map(object).as_ref());
            assert_eq!(claim, object(expected), "{spec} {old:?}");
        };
        let claim = r#"{"kind":"PersistentVolumeClaim","name":"a"}"#;
        let both = format!(r#"{{"dataSource":{claim},"dataSourceRef":{claim}}}"#);
        check("{}", None, "{}");
        check(&format!(r#"{{"dataSource":{claim}}}"#), None, &both);
        check(&format!(r#"{{"dataSourceRef":{claim}}}"#), None, &both);
        let other = r#"{"apiGroup":"g","kind":"K","name":"a"}"#;
        let both = format!(r#"{{"dataSource":{other},"dataSourceRef":{other}}}"#);
        check(&format!(r#"{{"dataSource":{other}}}"#), None, "{}");
        check(&format!(r#"{{"dataSource":{other}}}"#), Some(&both), &both);
        check(&format!(r#"{{"dataSourceRef":{other}}}"#), None, &both);
        let far = r#"{"dataSourceRef":{"apiGroup":"g","kind":"K","name":"a","namespace":"n"}}"#;
        check(far, None, "{}");
        check(far, Some(far), far);
    }
}
