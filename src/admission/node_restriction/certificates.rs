//! Certificates: of the kubelet itself, and of pods on its node.

use keelson_apimachinery::Status;

use super::super::certificate_subject_restriction::subject;
use super::super::objects::{NODES, PODS, SERVICE_ACCOUNTS};
use super::super::{Operation, pod};
use super::{NodeRestriction, Request};
use crate::authz::node::USER_PREFIX;

impl NodeRestriction {
    pub(super) async fn pod_certificate(&self, request: Request<'_>) -> Result<(), Status> {
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

/// A kubelet asks for certificates of its own name.
pub(super) fn signing_request(request: Request<'_>) -> Result<(), Status> {
    let (Operation::Create, Some(object)) = (request.attributes.operation, request.object) else {
        return Ok(());
    };
    let signers = ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];
    if !signers.contains(&object.str_at(&["spec", "signerName"])) {
        return Ok(());
    }
    let wanted = format!("{USER_PREFIX}{}", request.node);
    match subject(object) {
        Err(why) => request.refuse(format!("unable to parse csr: {why}")),
        Ok(subject) if subject.common_name == wanted => Ok(()),
        Ok(_) => request.refuse(format!("can only create a node CSR with CN={wanted}")),
    }
}
