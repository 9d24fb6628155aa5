//! Roles and bindings: rules and subjects that are missing are added, others are kept. An object whose
//! annotation says `autoupdate: "false"` is left alone.

use keelson_api::rbac::{Rule, uncovered};
use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;

use super::{Present, Revision, Wanted, add_missing};
use crate::bootstrap::BootstrapError;
use crate::registry::Registry;

const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
const GROUP: &str = "rbac.authorization.k8s.io";

const CLUSTER_ROLES: &str = include_str!("clusterroles.json");
const CLUSTER_ROLE_BINDINGS: &str = include_str!("clusterrolebindings.json");
const ROLES: &str = include_str!("roles.json");
const ROLE_BINDINGS: &str = include_str!("rolebindings.json");

pub(super) async fn ensure(registry: &Registry) -> Result<(), BootstrapError> {
    let read = |plural, table| {
        let label = ("kubernetes.io/bootstrapping", "rbac-defaults");
        Wanted::read(registry, (GROUP, plural), table, Some((AUTO_UPDATE, "true")), Some(label))
    };
    let (roles, bindings) = (read("roles", ROLES)?, read("rolebindings", ROLE_BINDINGS)?);
    let cluster_roles = read("clusterroles", CLUSTER_ROLES)?;
    let cluster_bindings = read("clusterrolebindings", CLUSTER_ROLE_BINDINGS)?;
    futures::future::try_join4(
        ensure_cluster_roles(&cluster_roles),
        ensure_cluster_bindings(&cluster_bindings),
        roles.ensure(revise_role),
        bindings.ensure(revise_binding),
    )
    .await
    .map(|_| ())
}

/// The rules of the role `system:node`: what the Node authorizer lets all nodes do.
pub(in crate::bootstrap) fn node_rules() -> Vec<Rule> {
    let table =
        json::decode_untyped(CLUSTER_ROLES.as_bytes()).expect("the table is JSON: a test reads it").value;
    let roles = table.as_array().unwrap_or_default();
    let node = roles.iter().find(|role| role.str_at(&["metadata", "name"]) == "system:node");
    node.map(Rule::read_all).unwrap_or_default()
}

/// Roles that gather others now: what an administrator added to them before goes where it is gathered from.
const AGGREGATED: [(&str, &str); 3] = [
    ("admin", "system:aggregate-to-admin"),
    ("edit", "system:aggregate-to-edit"),
    ("view", "system:aggregate-to-view"),
];

async fn ensure_cluster_roles(roles: &Wanted<'_>) -> Result<(), BootstrapError> {
    let mut present = roles.present().await?;
    let moved = AGGREGATED.iter().filter_map(|(old, new)| moved_rules(&present, old, new));
    for copy in moved.collect::<Vec<_>>() {
        roles.prime(copy, &mut present).await?;
    }
    roles.ensure_over(&present, revise_role).await
}

pub(super) fn moved_rules(present: &Present, old: &str, new: &str) -> Option<Object> {
    let find = |name: &str| present.get(&(String::new(), name.to_owned()));
    let old = find(old)
        .filter(|old| find(new).is_none() && old.at(&["aggregationRule"]).is_none_or(Value::is_null))?;
    Some(anew(old, new))
}

/// A binding that was split, and what came of it: who was bound to the one is bound to both, and nobody else.
const SPLIT: (&str, &str) = ("system:discovery", "system:public-info-viewer");

async fn ensure_cluster_bindings(bindings: &Wanted<'_>) -> Result<(), BootstrapError> {
    let mut present = bindings.present().await?;
    let template = bindings.objects.iter().find(|binding| binding.name() == SPLIT.1);
    if let Some(copy) = template.and_then(|template| split(&present, template)) {
        bindings.prime(copy, &mut present).await?;
    }
    bindings.ensure_over(&present, revise_binding).await
}

pub(super) fn split(present: &Present, template: &Object) -> Option<Object> {
    let source = present.get(&(String::new(), SPLIT.0.to_owned()))?;
    if present.contains_key(&(String::new(), SPLIT.1.to_owned())) {
        return None;
    }
    let mut copy = anew(source, SPLIT.1);
    let role = template.get("roleRef").cloned().unwrap_or_default();
    copy.members_mut().insert("roleRef", role);
    Some(copy)
}

/// An object like this one by another name, with its labels and annotations and nothing else of its metadata.
fn anew(object: &Object, name: &str) -> Object {
    let mut copy = object.clone();
    copy.members_mut().remove("metadata");
    copy.set_name(name);
    copy.set_labels(object.labels().cloned().unwrap_or_default());
    copy.set_annotations(object.annotations().cloned().unwrap_or_default());
    copy
}

fn is_protected(current: &Object) -> bool {
    current.annotation(AUTO_UPDATE) == Some("false")
}

/// Adds labels and annotations that are missing; whether there were some.
fn add_metadata(object: &mut Object, wanted: &Object) -> bool {
    let mut labels = object.labels().cloned().unwrap_or_default();
    let mut annotations = object.annotations().cloned().unwrap_or_default();
    let changed = add_missing(&mut labels, wanted.labels());
    let changed = add_missing(&mut annotations, wanted.annotations()) || changed;
    if changed {
        object.set_labels(labels);
        object.set_annotations(annotations);
    }
    changed
}

fn list<'a>(object: &'a Object, path: &[&str]) -> &'a [Value] {
    object.at(path).and_then(Value::as_array).unwrap_or_default()
}

pub(super) fn revise_role(current: &Object, wanted: &Object) -> Option<Revision> {
    if is_protected(current) {
        return None;
    }
    let mut object = current.clone();
    let mut changed = add_metadata(&mut object, wanted);
    let selectors = list(wanted, &["aggregationRule", "clusterRoleSelectors"]);
    let is_null = |value: Option<&Value>| value.is_none_or(Value::is_null);
    if is_null(wanted.get("aggregationRule")) && !is_null(current.get("aggregationRule")) {
        // It would gather what nobody meant to be in it.
        object.members_mut().remove("aggregationRule");
        changed = true;
    }
    if selectors.is_empty() {
        let missing = uncovered(&Rule::read_all(current.as_value()), &Rule::read_all(wanted.as_value()));
        if !missing.is_empty() {
            let mut rules = list(current, &["rules"]).to_vec();
            rules.extend(missing.iter().map(Rule::to_value));
            object.members_mut().insert("rules", rules);
            changed = true;
        }
    } else {
        // The rules of an aggregated role are the controller manager's.
        let mut all = list(current, &["aggregationRule", "clusterRoleSelectors"]).to_vec();
        let before = all.len();
        all.extend(selectors.iter().filter(|s| !list_has(current, s)).cloned());
        if all.len() > before {
            let mut rule = keelson_apimachinery::Map::new();
            rule.insert("clusterRoleSelectors", all);
            object.members_mut().insert("aggregationRule", rule);
            changed = true;
        }
    }
    changed.then_some(Revision::Update(object))
}

fn list_has(current: &Object, selector: &Value) -> bool {
    list(current, &["aggregationRule", "clusterRoleSelectors"]).contains(selector)
}

pub(super) fn revise_binding(current: &Object, wanted: &Object) -> Option<Revision> {
    if is_protected(current) {
        return None;
    }
    if current.get("roleRef") != wanted.get("roleRef") {
        return Some(Revision::Recreate);
    }
    let mut object = current.clone();
    let mut changed = add_metadata(&mut object, wanted);
    let mut subjects = list(current, &["subjects"]).to_vec();
    let before = subjects.len();
    for subject in list(wanted, &["subjects"]) {
        if !subjects.contains(subject) {
            subjects.push(subject.clone());
        }
    }
    if subjects.len() > before {
        object.members_mut().insert("subjects", subjects);
        changed = true;
    }
    changed.then_some(Revision::Update(object))
}
