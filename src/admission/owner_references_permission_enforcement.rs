//! OwnerReferencesPermissionEnforcement: who gives an object another owner may delete it, and who keeps the
//! owner from its end may change the owner's finalizers.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::{Attributes, Operation, Phase, Plugin};
use crate::authz::{self, Authorizer};

pub(super) struct OwnerReferencesPermissionEnforcement {
    pub(super) authorizer: Arc<dyn Authorizer>,
}

fn blocks(reference: &Value) -> bool {
    reference.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true)
}

/// The owners that an object newly keeps from their end.
fn newly_blocked<'a>(object: &'a Object, old: Option<&Object>) -> Vec<&'a Value> {
    let was_blocked = |reference: &Value| {
        let uid = reference.str_at(&["uid"]);
        // Of references to the same owner the last one counts.
        let before = old.and_then(|old| old.owner_references().iter().rfind(|r| r.str_at(&["uid"]) == uid));
        before.is_some_and(blocks)
    };
    object.owner_references().iter().filter(|r| blocks(r) && !was_blocked(r)).collect()
}

impl OwnerReferencesPermissionEnforcement {
    /// Why not; `None` where it is allowed.
    async fn refusal(&self, asked: &authz::Attributes<'_>) -> Option<String> {
        let verdict = self.authorizer.authorize(asked).await;
        let error = verdict.error.as_deref().unwrap_or("<nil>");
        (!verdict.is_allowed()).then(|| format!("{}, {error}", verdict.reason))
    }

    async fn check_owner(&self, attributes: &Attributes<'_>, owner: &Value) -> Result<(), String> {
        let (api_version, kind) = (owner.str_at(&["apiVersion"]), owner.str_at(&["kind"]));
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resources = keelson_api::resources().iter();
        let mut known = false;
        for resource in resources.filter(|r| (&*r.group, &*r.version, &*r.kind) == (group, version, kind)) {
            known = true;
            let asked = authz::Attributes {
                verb: "update",
                group,
                version,
                resource: &resource.plural,
                subresource: "finalizers",
                namespace: if resource.namespaced { attributes.namespace } else { "" },
                name: owner.str_at(&["name"]),
                ..on_resources(attributes)
            };
            if let Some(why) = self.refusal(&asked).await {
                return Err(format!(
                    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set \
                     finalizers on: {why}"
                ));
            }
        }
        if known {
            return Ok(());
        }
        Err(format!(
            "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion \
             {api_version} Kind {kind}: no matches for kind {kind:?} in version {api_version:?}"
        ))
    }
}

fn on_resources<'a>(attributes: &Attributes<'a>) -> authz::Attributes<'a> {
    authz::Attributes::on_resources(attributes.user, "")
}

#[async_trait]
impl Plugin for OwnerReferencesPermissionEnforcement {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        // Old kubelets corrupt owners in the status of pods, which is why that can't change them.
        attributes.writes() && !(attributes.is_any("", "pods") && attributes.subresource == "status")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(new) = object else { return Ok(()) };
        let before = attributes.old.map(Object::owner_references).unwrap_or_default();
        if new.owner_references() == before {
            return Ok(());
        }
        // Who creates an object could have left it.
        if attributes.operation != Operation::Create {
            let asked = authz::Attributes {
                verb: "delete",
                group: attributes.group,
                version: attributes.version,
                resource: attributes.resource,
                subresource: attributes.subresource,
                namespace: attributes.namespace,
                name: attributes.name,
                ..on_resources(attributes)
            };
            if let Some(why) = self.refusal(&asked).await {
                let why = format!("cannot set an ownerRef on a resource you can't delete: {why}");
                return Err(attributes.forbidden(object, why));
            }
        }
        let blocked = newly_blocked(new, attributes.old);
        if blocked.is_empty() {
            return Ok(());
        }
        let anything = authz::Attributes {
            verb: "update",
            group: "*",
            version: "*",
            resource: "*",
            subresource: "finalizers",
            name: "*",
            ..on_resources(attributes)
        };
        if self.refusal(&anything).await.is_none() {
            return Ok(());
        }
        for owner in blocked {
            self.check_owner(attributes, owner).await.map_err(|why| attributes.forbidden(object, why))?;
        }
        Ok(())
    }
}
