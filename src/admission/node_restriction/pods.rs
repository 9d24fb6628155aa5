//! Pods: a kubelet mirrors what it runs on its own, reports of the pods of its node, and evicts them.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::super::objects::NODES;
use super::super::{Operation, pod};
use super::{NodeRestriction, Request, differ};
use crate::authz::node::{visit_config_maps, visit_secrets};

impl NodeRestriction {
    pub(super) async fn pod(&self, request: Request<'_>) -> Result<(), Status> {
        let Request { attributes, node, .. } = request;
        match attributes.operation {
            Operation::Create => self.new_pod(request).await,
            Operation::Delete => {
                let pod = self.existing_pod(request, attributes.name).await?;
                if pod.str_at(&["spec", "nodeName"]) == node {
                    return Ok(());
                }
                request.refuse(format!("node {node:?} can only delete pods with spec.nodeName set to itself"))
            }
            _ => request.refuse(format!(
                "{}, node {node:?} can only create and delete mirror pods",
                request.operation()
            )),
        }
    }

    async fn new_pod(&self, request: Request<'_>) -> Result<(), Status> {
        let (node, Some(object)) = (request.node, request.object) else { return Ok(()) };
        if object.annotation(pod::MIRROR).is_none() {
            let mirror = pod::MIRROR;
            return request.refuse(format!(
                "pod does not have {mirror:?} annotation, node {node:?} can only create mirror pods"
            ));
        }
        if object.str_at(&["spec", "nodeName"]) != node {
            return request
                .refuse(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
        }
        let only = format!("node {node:?} can only create pods with");
        let owner = match object.owner_references() {
            [] => return request.refuse(format!("{only} an owner reference set to itself")),
            [owner] => owner,
            _ => return request.refuse(format!("{only} a single owner reference set to itself")),
        };
        let text = |key| owner.str_at(&[key]);
        if (text("apiVersion"), text("kind"), text("name")) != ("v1", "Node", node) {
            return request.refuse(format!("{only} an owner reference set to itself"));
        }
        if owner.get("controller").and_then(Value::as_bool) != Some(true) {
            return request.refuse(format!("{only} a controller owner reference set to itself"));
        }
        if owner.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true) {
            return request
                .refuse(format!("node {node:?} must not set blockOwnerDeletion on an owner reference"));
        }
        let found = self.objects.get(NODES, "", node).await?;
        let found = found.ok_or_else(|| Status::not_found("", "node", node))?;
        if text("uid") != found.uid() {
            let (uid, known) = (text("uid"), found.uid());
            return request.refuse(format!("node {node} UID mismatch: expected {uid} got {known}"));
        }
        match referenced(object) {
            Ok(None) => Ok(()),
            Ok(Some(what)) => {
                request.refuse(format!("node {node:?} can not create pods that reference {what}"))
            }
            Err(why) => request.refuse(format!("error checking mirror pod for API references: {why}")),
        }
    }

    pub(super) async fn eviction(&self, request: Request<'_>) -> Result<(), Status> {
        if request.attributes.operation != Operation::Create {
            return request.refuse(format!("unexpected operation {}", request.attributes.operation));
        }
        if request.name().is_empty() {
            return request.refuse("could not determine pod from request data");
        }
        let pod = self.existing_pod(request, request.name()).await?;
        if pod.str_at(&["spec", "nodeName"]) == request.node {
            return Ok(());
        }
        let node = request.node;
        request.refuse(format!("node {node} can only evict pods with spec.nodeName set to itself"))
    }
}

/// A kubelet tells of its own pods, and nothing but how they are.
pub(super) fn status(request: Request<'_>) -> Result<(), Status> {
    let node = request.node;
    let (Operation::Update, Some(new), Some(old)) =
        (request.attributes.operation, request.object, request.attributes.old)
    else {
        return request.refuse(request.operation());
    };
    if old.str_at(&["spec", "nodeName"]) != node {
        return request.refuse(format!(
            "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
        ));
    }
    if differ(new, old, &["metadata", "labels"]) {
        return request.refuse(format!("node {node:?} cannot update labels through pod status"));
    }
    if differ(new, old, &["status", "resourceClaimStatuses"]) {
        return request.refuse(format!("node {node:?} cannot update resource claim statues"));
    }
    if differ(new, old, &["status", "extendedResourceClaimStatus"]) {
        return request.refuse(format!("node {node:?} cannot update extended resource claim status"));
    }
    Ok(())
}

/// What a pod refers to in the API; `None` where nothing.
fn referenced(pod: &Object) -> Result<Option<&'static str>, String> {
    if !pod.str_at(&["spec", "serviceAccountName"]).is_empty() {
        return Ok(Some("serviceaccounts"));
    }
    let mut secrets = false;
    visit_secrets(pod, &mut |_| secrets = true);
    if secrets {
        return Ok(Some("secrets"));
    }
    let mut config_maps = false;
    visit_config_maps(pod, &mut |_| config_maps = true);
    if config_maps {
        return Ok(Some("configmaps"));
    }
    if !pod::spec_list(pod, "resourceClaims").is_empty() {
        return Ok(Some("resourceclaims"));
    }
    for volume in pod::spec_list(pod, "volumes") {
        const IN_THE_API: [(&str, &str); 6] = [
            ("configMap", "configmaps (via configmap volumes)"),
            ("secret", "secrets (via secret volumes)"),
            ("csi", "csidrivers (via CSI volumes)"),
            ("glusterfs", "endpoints (via glusterFS volumes)"),
            ("persistentVolumeClaim", "persistentvolumeclaims"),
            ("ephemeral", "persistentvolumeclaims (via ephemeral volumes)"),
        ];
        if let Some((_, what)) = IN_THE_API.iter().find(|(kind, _)| volume.get(kind).is_some()) {
            return Ok(Some(what));
        }
        if volume.get("azureFile").is_some() {
            return Ok(Some("secrets (via azureFile volumes)"));
        }
        const PROJECTED: [(&str, &str); 5] = [
            ("configMap", "configmaps (via projected volumes)"),
            ("secret", "secrets (via projected volumes)"),
            ("serviceAccountToken", "serviceaccounts (via projected volumes)"),
            ("clusterTrustBundle", "clustertrustbundles"),
            ("podCertificate", "podcertificates"),
        ];
        for source in pod::list(volume.get("projected"), "sources") {
            if let Some((_, what)) = PROJECTED.iter().find(|(kind, _)| source.get(kind).is_some()) {
                return Ok(Some(what));
            }
            if source.get("downwardAPI").is_none() {
                let name = volume.str_at(&["name"]);
                return Err(format!("unknown source for projected volume {name:?}"));
            }
        }
        if volume.as_object().is_none_or(|members| members.len() < 2) {
            let name = volume.str_at(&["name"]);
            return Err(format!("unknown volume type for volume  {name:?}"));
        }
    }
    Ok(None)
}
