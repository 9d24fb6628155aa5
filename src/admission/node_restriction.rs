//! NodeRestriction: a kubelet changes its own node, and what belongs to the pods that run there.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

use super::certificate_subject_restriction::subject;
use super::objects::{
    CSI_DRIVERS, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, SERVICE_ACCOUNTS,
};
use crate::authz::node::visit_secrets;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};
use crate::authz::{self, Authorizer, Decision};

const USER: &str = "system:node:";
const GROUP: &str = "system:nodes";

/// Where kubelets renew their leases.
const LEASES: &str = "kube-node-lease";

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
        attributes.operation != Operation::Connect
            && attributes.user.name.starts_with(USER)
            && attributes.user.in_group(GROUP)
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let object = object.as_deref();
        let name = &attributes.user.name;
        let node = name.strip_prefix(USER).unwrap_or_default();
        if node.is_empty() {
            let why = format!("could not determine node from user {name:?}");
            return Err(attributes.forbidden(object, why));
        }
        let request = Request { attributes, object, node };
        match (attributes.group, attributes.resource, attributes.subresource) {
            ("", "pods", "") => self.pod(request).await,
            ("", "pods", "status") => pod_status(request),
            ("", "pods", "eviction") => self.eviction(request).await,
            ("", "pods", subresource) => request.refuse(format!(
                "unexpected pod subresource {subresource:?}, only 'status' and 'eviction' are allowed"
            )),
            ("", "nodes", _) => node_object(request),
            ("", "persistentvolumeclaims", "status") => claim_status(request),
            ("", "persistentvolumeclaims", _) => request.refuse("may only update PVC status"),
            ("", "serviceaccounts", "token") => self.token(request).await,
            ("certificates.k8s.io", "podcertificaterequests", _) => self.pod_certificate(request).await,
            ("certificates.k8s.io", "certificatesigningrequests", _) => signing_request(request),
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
    async fn pod(&self, request: Request<'_>) -> Result<(), Status> {
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

    async fn existing_pod(&self, request: Request<'_>, name: &str) -> Result<Arc<Object>, Status> {
        let found = self.objects.get_now(PODS, request.attributes.namespace, name).await;
        let found = found.map_err(|status| request.attributes.forbidden(request.object, status))?;
        found.ok_or_else(|| Status::not_found("", "pod", name))
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

    async fn eviction(&self, request: Request<'_>) -> Result<(), Status> {
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

    async fn token(&self, request: Request<'_>) -> Result<(), Status> {
        let (Operation::Create, Some(object)) = (request.attributes.operation, request.object) else {
            return Ok(());
        };
        let bound = object.at(&["spec", "boundObjectRef"]).filter(|bound| !bound.is_null());
        let text = |key| bound.map_or("", |bound| bound.str_at(&[key]));
        if (text("apiVersion"), text("kind")) != ("v1", "Pod") || text("name").is_empty() {
            return request.refuse("node requested token not bound to a pod");
        }
        let uid = text("uid");
        if uid.is_empty() {
            return request.refuse("node requested token with a pod binding without a uid");
        }
        let pod = self.existing_pod(request, text("name")).await?;
        if pod.uid() != uid {
            return request.refuse(format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might \
                 have been deleted and then recreated"
            ));
        }
        if pod.str_at(&["spec", "nodeName"]) != request.node {
            return request.refuse("node requested token bound to a pod scheduled on a different node");
        }
        self.audience(request, object, &pod).await
    }

    /// The token must be for something that the pod mounts, unless the node may ask for others.
    async fn audience(&self, request: Request<'_>, asked: &Object, pod: &Object) -> Result<(), Status> {
        let audience = match pod::spec_list(asked, "audiences") {
            [] => "",
            [one] => one.as_str().unwrap_or_default(),
            _ => return request.refuse("node may only request 0 or 1 audiences"),
        };
        for volume in pod::spec_list(pod, "volumes") {
            let mounts = |source: &Value| {
                let token = source.get("serviceAccountToken");
                token.is_some_and(|token| token.str_at(&["audience"]) == audience)
            };
            if pod::list(volume.get("projected"), "sources").iter().any(mounts) {
                return Ok(());
            }
            let Some(driver) = self.driver(pod, volume).await? else { continue };
            let Some(driver) = self.objects.get(CSI_DRIVERS, "", &driver).await? else { continue };
            let wanted = pod::spec_list(&driver, "tokenRequests");
            if wanted.iter().any(|wanted| wanted.str_at(&["audience"]) == audience) {
                return Ok(());
            }
        }
        let user = &request.attributes.user;
        let attributes = authz::Attributes {
            version: "v1",
            resource: audience,
            namespace: request.attributes.namespace,
            name: request.attributes.name,
            ..authz::Attributes::on_resources(user, "request-serviceaccounts-token-audience")
        };
        let missing = format!("audience {audience:?} not found in pod spec volume");
        let verdict = self.authorizer.authorize(&attributes).await;
        match verdict.error {
            _ if verdict.decision == Decision::Allow => Ok(()),
            None => {
                let name = &user.name;
                let why = format!("{missing}, {name} is not authorized to request tokens for this audience");
                request.refuse(why)
            }
            Some(error) => {
                let name = &user.name;
                let why = format!(
                    "{missing}, error authorizing {name} to request tokens for this audience: {error}"
                );
                request.refuse(why)
            }
        }
    }

    /// The CSI driver of a volume.
    async fn driver(&self, pod: &Object, volume: &Value) -> Result<Option<String>, Status> {
        if let Some(csi) = volume.get("csi") {
            return Ok(Some(csi.str_at(&["driver"]).to_owned()));
        }
        let claim =
            match (volume.at(&["ephemeral", "volumeClaimTemplate"]), volume.get("persistentVolumeClaim")) {
                (Some(_), _) => format!("{}-{}", pod.name(), volume.str_at(&["name"])),
                (None, Some(claim)) => claim.str_at(&["claimName"]).to_owned(),
                (None, None) => return Ok(None),
            };
        let claim = self.objects.get_now(PERSISTENT_VOLUME_CLAIMS, pod.namespace(), &claim).await?;
        let Some(claim) = claim else { return Ok(None) };
        let name = claim.str_at(&["spec", "volumeName"]);
        let Some(volume) = self.objects.get(PERSISTENT_VOLUMES, "", name).await? else { return Ok(None) };
        Ok(volume.at(&["spec", "csi"]).map(|csi| csi.str_at(&["driver"]).to_owned()))
    }

    async fn pod_certificate(&self, request: Request<'_>) -> Result<(), Status> {
        let attributes = request.attributes;
        if attributes.operation != Operation::Create {
            return request.refuse(format!("unexpected operation {}", attributes.operation));
        }
        if !attributes.subresource.is_empty() {
            return request.refuse(format!("unexpected subresource {}", attributes.subresource));
        }
        let Some(object) = request.object else { return Ok(()) };
        let text = |key| object.str_at(&["spec", key]);
        let node = text("nodeName");
        if node != request.node {
            return request.refuse(format!(
                "PodCertificateRequest.Spec.NodeName={node:?}, which is not the requesting node {:?}",
                request.node
            ));
        }
        // What may be a matter of time is no refusal: the client tries again.
        let later = |why: String| Err(Status::opaque(why));
        let of_node = format!("while retrieving node {node:?} named in the PodCertificateRequest");
        let Some(found) = self.objects.get(NODES, "", node).await? else {
            return later(format!("{of_node}: node {node:?} not found"));
        };
        let namespace = attributes.namespace;
        let pod_name = format!("{namespace}/{}", text("podName"));
        if found.uid() != text("nodeUID") {
            return later(format!(
                "PodCertificateRequest for pod {pod_name:?} names node UID {:?}, inconsistent with the running node \
                 ({:?})",
                text("nodeUID"),
                found.uid()
            ));
        }
        let Some(pod) = self.objects.get_now(PODS, namespace, text("podName")).await? else {
            return later(format!(
                "while retrieving pod {pod_name:?} named in the PodCertificateRequest: pod {:?} not found",
                text("podName")
            ));
        };
        if pod.uid() != text("podUID") {
            return later(format!(
                "PodCertificateRequest for pod {pod_name:?} contains pod UID ({:?}) which differs from running pod \
                 {:?}",
                text("podUID"),
                pod.uid()
            ));
        }
        if pod.str_at(&["spec", "nodeName"]) != node {
            return request.refuse(format!(
                "pod {pod_name:?} is not running on node {node:?} named in the PodCertificateRequest"
            ));
        }
        if pod.annotation(pod::MIRROR).is_some() {
            return request.refuse(format!("pod {pod_name:?} is a mirror pod"));
        }
        let (account, running) = (text("serviceAccountName"), pod.str_at(&["spec", "serviceAccountName"]));
        if account != running {
            return request.refuse(format!(
                "PodCertificateRequest for pod {pod_name:?} contains serviceAccountName ({account:?}) that differs \
                 from running pod ({running:?})"
            ));
        }
        let account_name = format!("{namespace}/{account}");
        let Some(found) = self.objects.get(SERVICE_ACCOUNTS, namespace, account).await? else {
            return later(format!(
                "while retrieving service account {account_name:?} named in the PodCertificateRequest: \
                 serviceaccount {account:?} not found"
            ));
        };
        if found.uid() == text("serviceAccountUID") {
            return Ok(());
        }
        later(format!(
            "PodCertificateRequest for pod {pod_name:?} names service account UID {:?}, which differs from the \
             running service account ({:?})",
            text("serviceAccountUID"),
            found.uid()
        ))
    }
}

/// Whether anything differs at these paths.
fn differ(new: &Object, old: &Object, paths: &[&[&str]]) -> bool {
    let empty = |value: &&Value| match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Null => false,
        _ => true,
    };
    paths.iter().any(|path| new.at(path).filter(empty) != old.at(path).filter(empty))
}

fn pod_status(request: Request<'_>) -> Result<(), Status> {
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
    if differ(new, old, &[&["metadata", "labels"]]) {
        return request.refuse(format!("node {node:?} cannot update labels through pod status"));
    }
    if differ(new, old, &[&["status", "resourceClaimStatuses"]]) {
        return request.refuse(format!("node {node:?} cannot update resource claim statues"));
    }
    if differ(new, old, &[&["status", "extendedResourceClaimStatus"]]) {
        return request.refuse(format!("node {node:?} cannot update extended resource claim status"));
    }
    Ok(())
}

fn claim_status(request: Request<'_>) -> Result<(), Status> {
    let (Operation::Update, Some(new), Some(old)) =
        (request.attributes.operation, request.object, request.attributes.old)
    else {
        return request.refuse(request.operation());
    };
    let bare = |claim: &Object| {
        let mut claim = claim.clone();
        claim.set_resource_version("");
        claim.set_managed_fields(Vec::new());
        let status = pod::member_mut(claim.members_mut(), "status");
        for key in ["capacity", "conditions", "allocatedResourceStatuses", "allocatedResources"] {
            status.remove(key);
        }
        claim
    };
    let (new, old) = (bare(new), bare(old));
    if new == old {
        return Ok(());
    }
    let changed: Vec<&str> = new.members().keys().filter(|key| new.get(key) != old.get(key)).collect();
    let node = request.node;
    request.refuse(format!(
        "node {node:?} is not allowed to update fields other than status.quantity and status.conditions: {}",
        changed.join(", ")
    ))
}

fn node_object(request: Request<'_>) -> Result<(), Status> {
    let (node, name) = (request.node, request.name());
    if name != node {
        return request.refuse(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let Some(new) = request.object else { return Ok(()) };
    let source = |object: &Object| object.at(&["spec", "configSource"]).cloned();
    match (request.attributes.operation, request.attributes.old) {
        (Operation::Create, _) => {
            if source(new).is_some() {
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
            if source(new).is_some() && source(new) != source(old) {
                return request.refuse(format!(
                    "node {node:?} is not allowed to update configSource to a new non-nil configSource"
                ));
            }
            if differ(new, old, &[&["spec", "taints"]]) {
                return request.refuse(format!("node {node:?} is not allowed to modify taints"));
            }
            if differ(new, old, &[&["metadata", "ownerReferences"]]) {
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

fn signing_request(request: Request<'_>) -> Result<(), Status> {
    let (Operation::Create, Some(object)) = (request.attributes.operation, request.object) else {
        return Ok(());
    };
    let signers = ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];
    if !signers.contains(&object.str_at(&["spec", "signerName"])) {
        return Ok(());
    }
    let wanted = format!("{USER}{}", request.node);
    match subject(object) {
        Err(why) => request.refuse(format!("unable to parse csr: {why}")),
        Ok(subject) if subject.common_name == wanted => Ok(()),
        Ok(_) => request.refuse(format!("can only create a node CSR with CN={wanted}")),
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
    if names_config_maps(pod) {
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

fn names_config_maps(pod: &Object) -> bool {
    let in_container = |container: &Value| {
        let from = |source: &Value| source.get("configMapRef").is_some();
        let variable = |variable: &Value| variable.at(&["valueFrom", "configMapKeyRef"]).is_some();
        pod::list(Some(container), "envFrom").iter().any(from)
            || pod::list(Some(container), "env").iter().any(variable)
    };
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let mut containers = lists.iter().flat_map(|list| pod::spec_list(pod, list));
    let in_volume = |volume: &Value| {
        let projected = pod::list(volume.get("projected"), "sources").iter();
        volume.get("configMap").is_some() || projected.into_iter().any(|s| s.get("configMap").is_some())
    };
    containers.any(in_container) || pod::spec_list(pod, "volumes").iter().any(in_volume)
}
