//! Nodes: each kubelet its own.

use std::collections::BTreeSet;

use keelson_apimachinery::{Map, Status};

use super::super::Operation;
use super::{Request, differ};

/// Labels that no kubelet may set begin so, or are of a subdomain of it.
const RESTRICTED: &str = "node-restriction.kubernetes.io";

/// Labels of Kubernetes that kubelets set.
const KUBELET_LABELS: [&str; 12] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "node.kubernetes.io/windows-build",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Domains whose labels kubelets set, with their subdomains.
const KUBELET_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// A kubelet keeps its own node, but not what decides which pods come there.
pub(super) fn write(request: Request<'_>) -> Result<(), Status> {
    let (node, name) = (request.node, request.name());
    if name != node {
        return request.refuse(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let Some(new) = request.object else { return Ok(()) };
    // What a node names as the source of its configuration it may read.
    let has_source = new.at(&["spec", "configSource"]).is_some_and(|source| !source.is_null());
    match (request.attributes.operation, request.attributes.old) {
        (Operation::Create, _) => {
            if has_source {
                return request.refuse(format!(
                    "node {node:?} is not allowed to create pods with a non-nil configSource"
                ));
            }
            match forbidden_labels(new.labels(), None) {
                labels if labels.is_empty() => Ok(()),
                labels => request
                    .refuse(format!("node {node:?} is not allowed to set the following labels: {labels}")),
            }
        }
        (Operation::Update, Some(old)) => {
            if has_source && differ(new, old, &["spec", "configSource"]) {
                return request.refuse(format!(
                    "node {node:?} is not allowed to update configSource to a new non-nil configSource"
                ));
            }
            if differ(new, old, &["spec", "taints"]) {
                return request.refuse(format!("node {node:?} is not allowed to modify taints"));
            }
            if differ(new, old, &["metadata", "ownerReferences"]) {
                return request.refuse(format!("node {node:?} is not allowed to modify ownerReferences"));
            }
            match forbidden_labels(new.labels(), old.labels()) {
                labels if labels.is_empty() => Ok(()),
                labels => request.refuse(format!("is not allowed to modify labels: {labels}")),
            }
        }
        _ => Ok(()),
    }
}

/// The labels that differ and that no kubelet may change.
fn forbidden_labels(new: Option<&Map>, old: Option<&Map>) -> String {
    let value = |labels: Option<&Map>, key: &str| labels.and_then(|labels| labels.get(key)).cloned();
    let keys: BTreeSet<&str> = [new, old].into_iter().flatten().flat_map(Map::keys).collect();
    let changed = keys.into_iter().filter(|key| value(new, key) != value(old, key));
    changed.filter(|key| is_forbidden(key)).collect::<Vec<_>>().join(", ")
}

fn is_forbidden(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let within = |of: &str| domain == of || domain.strip_suffix(of).is_some_and(|rest| rest.ends_with('.'));
    let kubernetes = within("kubernetes.io") || within("k8s.io");
    let kubelets = KUBELET_LABELS.contains(&label) || KUBELET_DOMAINS.iter().any(|of| within(of));
    within(RESTRICTED) || (kubernetes && !kubelets)
}
