//! The group certificates.k8s.io.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Text, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::store::now;
use crate::registry::strategy::member;

/// CertificateSigningRequest: who asks is what the server knows of the sender; who approves changes nothing
/// but conditions.
pub(in crate::registry) struct CertificateSigningRequests;

impl Hooks for CertificateSigningRequests {
    fn prepare_for_create(&self, context: &WriteContext<'_>, object: &mut Object) {
        let user = context.user;
        let texts = |list: &[String]| Value::Array(list.iter().map(|text| text.as_str().into()).collect());
        let spec = member(object.members_mut(), "spec");
        for key in ["username", "uid", "groups", "extra"] {
            spec.remove(key);
        }
        for (key, text) in [("username", &user.name), ("uid", &user.uid)] {
            if !text.is_empty() {
                spec.insert(key, text.as_str());
            }
        }
        if !user.groups.is_empty() {
            spec.insert("groups", texts(&user.groups));
        }
        if !user.extra.is_empty() {
            let extra: Map = user.extra.iter().map(|(key, list)| (key.into(), texts(list))).collect();
            spec.insert("extra", extra);
        }
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        let spec = old.get("spec").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        object.members_mut().insert(Text::const_new("spec"), spec);
    }

    fn prepare_subresource(&self, context: &WriteContext<'_>, object: &mut Object, old: &Object) {
        match context.subresource {
            "status" => {
                keep_verdicts(object, old);
                date_conditions(object, old);
            }
            "approval" => {
                date_conditions(object, old);
                let conditions = object.at(&["status", "conditions"]).cloned();
                for part in ["spec", "status"] {
                    let before = old.get(part).cloned().unwrap_or_else(|| Value::Object(Map::new()));
                    object.members_mut().insert(Text::const_new(part), before);
                }
                let status = member(object.members_mut(), "status");
                match conditions {
                    Some(conditions) => status.insert("conditions", conditions),
                    None => status.remove("conditions"),
                };
            }
            _ => {}
        }
    }
}

fn conditions(object: &Object) -> &[Value] {
    object.at(&["status", "conditions"]).and_then(Value::as_array).unwrap_or_default()
}

/// Where the counts of approvals and denials stay the same, they stay as they were.
fn keep_verdicts(object: &mut Object, old: &Object) {
    for verdict in ["Approved", "Denied"] {
        let is = |c: &&Value| c.str_at(&["type"]) == verdict;
        let before: Vec<Value> = conditions(old).iter().filter(is).cloned().collect();
        if conditions(object).iter().filter(is).count() != before.len() {
            continue;
        }
        let mut before = before.into_iter();
        if let Some(Value::Array(list)) = member(object.members_mut(), "status").get_mut("conditions") {
            for condition in list.iter_mut().filter(|c| c.str_at(&["type"]) == verdict) {
                if let Some(kept) = before.next() {
                    *condition = kept;
                }
            }
        }
    }
}

/// Dates conditions that are sent without a date.
fn date_conditions(object: &mut Object, old: &Object) {
    let (time, before) = (now(), conditions(old).to_vec());
    let Some(Value::Array(list)) = member(object.members_mut(), "status").get_mut("conditions") else {
        return;
    };
    for condition in list.iter_mut() {
        let Value::Object(map) = condition else { continue };
        let unset = |map: &Map, key: &str| map.get(key).is_none_or(Value::is_null);
        let text = |map: &Map, key: &str| map.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        if unset(map, "lastUpdateTime") {
            map.insert("lastUpdateTime", time.as_str());
        }
        if unset(map, "lastTransitionTime") {
            let same = before.iter().find(|c| {
                c.str_at(&["type"]) == text(map, "type") && c.str_at(&["status"]) == text(map, "status")
            });
            let since = same.and_then(|c| c.get("lastTransitionTime")).filter(|t| !t.is_null()).cloned();
            map.insert("lastTransitionTime", since.unwrap_or_else(|| time.as_str().into()));
        }
    }
}
