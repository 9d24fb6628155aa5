//! NodeRestriction: a kubelet changes its own node, and what belongs to the pods that run there.
//!
//! The Node authorizer judges by what a request names; here it is judged by what it says: the object that is to be
//! written, and the one that is there. A file a kind of object.
//!
//! Source: "NodeRestriction" in the admission controllers reference of the Kubernetes documentation.

mod certificates;
mod claims;
mod nodes;
mod pods;
mod tokens;

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::objects::PODS;
use super::{Attributes, Objects, Operation, Phase, Plugin};
use crate::authz::Authorizer;
use crate::authz::node::identity;

/// Where kubelets renew their leases.
const LEASES: &str = "kube-node-lease";

pub(super) struct NodeRestriction {
    pub(super) objects: Arc<dyn Objects>,
    pub(super) authorizer: Arc<dyn Authorizer>,
}

/// A write by a node.
#[derive(Clone, Copy)]
struct Request<'a> {
    attributes: &'a Attributes<'a>,
    object: Option<&'a Object>,
    node: &'a str,
}

impl Request<'_> {
    fn refuse(&self, why: impl std::fmt::Display) -> Result<(), Status> {
        Err(self.attributes.forbidden(self.object, why))
    }

    /// The name of the object, as the path or the object itself says it.
    fn name(&self) -> &str {
        match self.attributes.name {
            "" => self.object.map_or("", Object::name),
            name => name,
        }
    }

    fn operation(&self) -> String {
        format!("unexpected operation {:?}", self.attributes.operation.as_str())
    }
}

#[async_trait]
impl Plugin for NodeRestriction {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation != Operation::Connect && identity(attributes.user).is_some()
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let object = object.as_deref();
        let node = identity(attributes.user).unwrap_or_default();
        if node.is_empty() {
            let why = format!("could not determine node from user {:?}", attributes.user.name);
            return Err(attributes.forbidden(object, why));
        }
        let request = Request { attributes, object, node };
        match (attributes.group, attributes.resource, attributes.subresource) {
            ("", "pods", "") => self.pod(request).await,
            ("", "pods", "status") => pods::status(request),
            ("", "pods", "eviction") => self.eviction(request).await,
            ("", "pods", subresource) => request.refuse(format!(
                "unexpected pod subresource {subresource:?}, only 'status' and 'eviction' are allowed"
            )),
            ("", "nodes", _) => nodes::write(request),
            ("", "persistentvolumeclaims", "status") => claims::status(request),
            ("", "persistentvolumeclaims", _) => request.refuse("may only update PVC status"),
            ("", "serviceaccounts", "token") => self.token(request).await,
            ("certificates.k8s.io", "podcertificaterequests", _) => self.pod_certificate(request).await,
            ("certificates.k8s.io", "certificatesigningrequests", _) => {
                certificates::signing_request(request)
            }
            ("coordination.k8s.io", "leases", _) => lease(request),
            ("storage.k8s.io", "csinodes", _) if request.name() != node => {
                request.refuse("can only access CSINode with the same name as the requesting node")
            }
            ("resource.k8s.io", "resourceslices", _) => resource_slice(request),
            _ => Ok(()),
        }
    }
}

impl NodeRestriction {
    /// A pod as storage has it; 404 where there is none.
    async fn existing_pod(&self, request: Request<'_>, name: &str) -> Result<Arc<Object>, Status> {
        let found = self.objects.get_now(PODS, request.attributes.namespace, name).await;
        let found = found.map_err(|status| request.attributes.forbidden(request.object, status))?;
        found.ok_or_else(|| Status::not_found("", "pod", name))
    }
}

fn lease(request: Request<'_>) -> Result<(), Status> {
    if request.attributes.namespace != LEASES {
        return request.refuse(format!("can only access leases in the {LEASES:?} system namespace"));
    }
    if request.name() != request.node {
        return request.refuse("can only access node lease with the same name as the requesting node");
    }
    Ok(())
}

fn resource_slice(request: Request<'_>) -> Result<(), Status> {
    let (slice, verb) = match request.attributes.operation {
        Operation::Create => (request.object, "create"),
        Operation::Delete => (request.attributes.old, "delete"),
        _ => return Ok(()),
    };
    if slice.map_or("", |slice| slice.str_at(&["spec", "nodeName"])) == request.node {
        return Ok(());
    }
    request.refuse(format!("can only {verb} ResourceSlice with the same NodeName as the requesting node"))
}

/// Whether two values say the same: what is absent and what is empty do.
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one.filter(|value| !is_empty(value)), other.filter(|value| !is_empty(value))) {
        (None, None) => true,
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let mut keys = one.keys().chain(other.keys());
            keys.all(|key| same(one.get(key), other.get(key)))
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(Some(one), Some(other)))
        }
        (one, other) => one == other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().all(|(_, value)| is_empty(value)),
        Value::Array(list) => list.is_empty(),
        Value::Null => true,
        _ => false,
    }
}

/// Whether something differs at this path.
fn differ(new: &Object, old: &Object, path: &[&str]) -> bool {
    !same(new.at(path), old.at(path))
}
