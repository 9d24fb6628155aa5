//! Pods, and the templates that workloads make them of.
//!
//! Source: upstream's `core/validation`, `api/pod` and `registry/core/pod`, with the features of 1.36 as they
//! are by default.

mod annotations;
mod claims;
mod containers;
mod environment;
mod internal;
mod mounts;
mod network;
mod options;
mod os;
mod overlaps;
mod pod_resources;
mod probes;
mod qos;
mod resize;
mod scheduling;
mod security;
pub(in crate::validation) mod signer;
mod spec;
mod spread;
mod status;
mod template;
mod update;
mod volumes;
mod warnings;
mod windows;

#[cfg(test)]
mod tests;

use crate::validation::{Errors, Node, Rules};

pub(in crate::validation) use options::PodOptions;
pub use qos::qos_class;
pub(in crate::validation) use scheduling::tolerations;
pub use security::allow_privileged;
pub(in crate::validation) use template::template;
pub(in crate::validation) use warnings::warnings;

pub(super) const RULES: Rules = Rules::new("", "pods", create, update::update)
    .subresources(&[
        ("status", status::status),
        ("ephemeralcontainers", update::ephemeral_containers),
        ("resize", resize::resize),
    ])
    .warnings(warnings::of_pod)
    .status_warnings(warnings::of_status);

/// What is checked of a pod's spec and annotations, whatever is done with it.
fn whole(pod: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let (metadata, of_pod) = (pod.child("metadata"), pod.child("spec"));
    annotations::of_pod(&metadata.child("annotations"), &of_pod, options, errors);
    spec::spec(&of_pod, Some(&metadata), options, errors);
    if of_pod.child("serviceAccountName").text().is_empty() {
        for volume in of_pod.child("volumes").items() {
            let projected = volume.child("projected");
            for source in projected.child("sources").items() {
                let token = source.child("serviceAccountToken");
                if token.is_set() {
                    errors.push(token.forbidden("must not be specified when serviceAccountName is not set"));
                }
            }
        }
    }
    for list in ["containers", "initContainers"] {
        of_pod.child(list).items().for_each(|container| containers::image_spaces(&container, errors));
    }
}

fn create(pod: &Node<'_>, errors: &mut Errors) {
    whole(pod, &PodOptions::pod(None), errors);
    let (metadata, spec) = (pod.child("metadata"), pod.child("spec"));
    let ephemeral = spec.child("ephemeralContainers");
    if !ephemeral.array().is_empty() {
        errors.push(ephemeral.forbidden("cannot be set on create"));
    }
    let node = spec.child("nodeName");
    if !node.text().is_empty() && !spec.child("schedulingGates").array().is_empty() {
        errors.push(node.forbidden("cannot be set until all schedulingGates have been cleared"));
    }
    annotations::match_fields(&metadata.child("annotations"), &spec, errors);
}
