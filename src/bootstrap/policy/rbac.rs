//! Roles and bindings: rules and subjects that are missing are added, others are kept. An object whose
//! annotation says `autoupdate: "false"` is left alone.

use keelson_api::rbac::{Rule, uncovered};
use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;

use super::{Revision, Wanted, add_missing};
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
        cluster_roles.ensure(revise_role),
        cluster_bindings.ensure(revise_binding),
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
