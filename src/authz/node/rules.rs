//! What nodes may do, resource by resource.

use std::borrow::Cow;

use keelson_apimachinery::selector::fields::Operator;

use super::super::Attributes;
use super::graph::Kind;

/// Where kubelets renew their leases.
const LEASES: &str = "kube-node-lease";

/// What a rule says of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It is allowed.
    Allow,
    /// It is not, for this reason; may be empty.
    Refuse(Cow<'static, str>),
    /// It is if the object, which is of this kind, has to do with the node.
    IfRelated(Kind),
    /// It is if all nodes may do it.
    AsAllNodes,
}

use Ruling::{Allow, IfRelated};

fn refuse(why: &'static str) -> Ruling {
    Ruling::Refuse(why.into())
}

/// The rule for a request of the node of this name.
pub(super) fn rule(node: &str, attributes: &Attributes<'_>, pod_certificates: bool) -> Ruling {
    if !attributes.is_resource_request {
        return Ruling::AsAllNodes;
    }
    match (attributes.group, attributes.resource) {
        ("", "secrets") => read(attributes, Kind::Secret),
        ("", "configmaps") => read(attributes, Kind::ConfigMap),
        ("", "persistentvolumeclaims") if attributes.subresource == "status" => claim_status(attributes),
        ("", "persistentvolumeclaims") => get(attributes, Kind::PersistentVolumeClaim),
        ("", "persistentvolumes") => get(attributes, Kind::PersistentVolume),
        ("resource.k8s.io", "resourceclaims") => get(attributes, Kind::ResourceClaim),
        ("storage.k8s.io", "volumeattachments") => get(attributes, Kind::VolumeAttachment),
        ("", "serviceaccounts") => service_account(attributes),
        ("coordination.k8s.io", "leases") => lease(node, attributes),
        ("storage.k8s.io", "csinodes") => csi_node(node, attributes),
        ("resource.k8s.io", "resourceslices") => resource_slice(node, attributes),
        ("", "nodes") => node_object(node, attributes),
        ("", "pods") => pod(node, attributes),
        ("certificates.k8s.io", "podcertificaterequests") if pod_certificates => {
            pod_certificate(node, attributes)
        }
        ("certificates.k8s.io", "podcertificaterequests") => refuse(""),
        _ => Ruling::AsAllNodes,
    }
}

/// One object of a namespace is read: by its name, or by a list or watch of that name.
fn read(attributes: &Attributes<'_>, kind: Kind) -> Ruling {
    if !matches!(attributes.verb, "get" | "list" | "watch") {
        return refuse("can only read resources of this type");
    }
    if !attributes.subresource.is_empty() {
        return refuse("cannot read subresource");
    }
    if attributes.namespace.is_empty() {
        return refuse("can only read namespaced object of this type");
    }
    IfRelated(kind)
}

/// One object is read.
fn get(attributes: &Attributes<'_>, kind: Kind) -> Ruling {
    if attributes.verb != "get" {
        return refuse("can only get individual resources of this type");
    }
    if !attributes.subresource.is_empty() {
        return refuse("cannot get subresource");
    }
    IfRelated(kind)
}

fn claim_status(attributes: &Attributes<'_>) -> Ruling {
    match attributes.verb {
        "update" | "patch" => IfRelated(Kind::PersistentVolumeClaim),
        _ => refuse("can only get/update/patch this type"),
    }
}

fn service_account(attributes: &Attributes<'_>) -> Ruling {
    if attributes.verb == "get" && attributes.subresource.is_empty() {
        return read(attributes, Kind::ServiceAccount);
    }
    if attributes.verb != "create" || attributes.name.is_empty() {
        return refuse("can only create tokens for individual service accounts");
    }
    if attributes.subresource != "token" {
        return refuse("can only create token subresource of serviceaccount");
    }
    IfRelated(Kind::ServiceAccount)
}

/// Whether a verb is one of those that nodes have for what is named as they are.
fn is_upkeep(verb: &str) -> bool {
    matches!(verb, "get" | "create" | "update" | "patch" | "delete")
}

/// Of what is created the name is not known here: admission looks at it.
fn is_another(node: &str, attributes: &Attributes<'_>) -> bool {
    attributes.verb != "create" && attributes.name != node
}

fn lease(node: &str, attributes: &Attributes<'_>) -> Ruling {
    if !is_upkeep(attributes.verb) {
        return refuse("can only get, create, update, patch, or delete a node lease");
    }
    if attributes.namespace != LEASES {
        return Ruling::Refuse(format!("can only access leases in the {LEASES:?} system namespace").into());
    }
    if is_another(node, attributes) {
        return refuse("can only access node lease with the same name as the requesting node");
    }
    Allow
}

fn csi_node(node: &str, attributes: &Attributes<'_>) -> Ruling {
    if !is_upkeep(attributes.verb) {
        return refuse("can only get, create, update, patch, or delete a CSINode");
    }
    if !attributes.subresource.is_empty() {
        return refuse("cannot authorize CSINode subresources");
    }
    if is_another(node, attributes) {
        return refuse("can only access CSINode with the same name as the requesting node");
    }
    Allow
}

fn resource_slice(node: &str, attributes: &Attributes<'_>) -> Ruling {
    if !attributes.subresource.is_empty() {
        return refuse("cannot authorize ResourceSlice subresources");
    }
    match attributes.verb {
        // Whose it is to be is seen in admission.
        "create" => Allow,
        "get" | "update" | "patch" | "delete" => IfRelated(Kind::ResourceSlice),
        "watch" | "list" | "deletecollection" if selects(attributes, "spec.nodeName", node) => Allow,
        "watch" | "list" | "deletecollection" => {
            refuse("can only list/watch/deletecollection resourceslices with nodeName field selector")
        }
        _ => refuse(
            "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, \
             delete, deletecollection",
        ),
    }
}

fn pod_certificate(node: &str, attributes: &Attributes<'_>) -> Ruling {
    if !attributes.subresource.is_empty() {
        return refuse("nodes may not access the status subresource of PodCertificateRequests");
    }
    match attributes.verb {
        "create" => Allow,
        "get" => IfRelated(Kind::PodCertificateRequest),
        "list" | "watch" if selects(attributes, "spec.nodeName", node) => Allow,
        "list" | "watch" => refuse("can only list/watch podcertificaterequests with nodeName field selector"),
        verb => Ruling::Refuse(format!("nodes may not {verb} podcertificaterequests").into()),
    }
}

/// By name, not by the graph: a kubelet looks for its node before it is there. What it may change of it is seen in
/// admission.
fn node_object(node: &str, attributes: &Attributes<'_>) -> Ruling {
    match (attributes.subresource, attributes.verb) {
        ("", "create" | "update" | "patch") | ("status", "update" | "patch") => Allow,
        ("", "get" | "list" | "watch") => match attributes.name {
            name if name == node => Allow,
            "" => Ruling::Refuse(
                format!("node '{node}' cannot read all nodes, only its own Node object").into(),
            ),
            name => {
                Ruling::Refuse(format!("node '{node}' cannot read '{name}', only its own Node object").into())
            }
        },
        _ => refuse(""),
    }
}

/// Mirror pods are created and deleted, and pods of the node evicted and reported of: whose they are is seen in
/// admission.
fn pod(node: &str, attributes: &Attributes<'_>) -> Ruling {
    match (attributes.subresource, attributes.verb) {
        ("", "get") => IfRelated(Kind::Pod),
        ("", "list" | "watch") if selects(attributes, "spec.nodeName", node) => Allow,
        ("", "list" | "watch") if !attributes.name.is_empty() => IfRelated(Kind::Pod),
        ("", "list" | "watch") => refuse("can only list/watch pods with spec.nodeName field selector"),
        ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => Allow,
        _ => refuse(""),
    }
}

/// Whether the field selector of a request asks for objects with this value alone.
fn selects(attributes: &Attributes<'_>, field: &str, value: &str) -> bool {
    let demands = &attributes.selectors.fields.requirements;
    demands.iter().any(|term| term.field == field && term.operator == Operator::Equals && term.value == value)
}
