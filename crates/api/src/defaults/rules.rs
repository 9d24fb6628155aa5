//! Computed defaults: which functions apply to which types, in order.

use super::plan::Rule;
use super::{aliases, autoscaling, cluster, containers, devices, services, workloads};

/// Types by their full names.
pub(super) const TABLE: &[(&str, Rule)] = &[
    ("io.k8s.api.apps.v1.DaemonSet", aliases::template_generation),
    ("io.k8s.api.apps.v1.DaemonSetSpec", workloads::daemon_set),
    ("io.k8s.api.apps.v1.DeploymentSpec", workloads::deployment),
    ("io.k8s.api.apps.v1.StatefulSetSpec", workloads::stateful_set),
    ("io.k8s.api.apps.v1.StatefulSetSpec", aliases::claim_templates),
    ("io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler", autoscaling::cpu_target),
    ("io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec", autoscaling::metrics),
    ("io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec", autoscaling::behavior),
    ("io.k8s.api.batch.v1.Job", workloads::job),
    ("io.k8s.api.core.v1.Container", containers::pull_policy),
    ("io.k8s.api.core.v1.EphemeralContainerCommon", containers::pull_policy),
    ("io.k8s.api.core.v1.LimitRangeItem", cluster::limit_range_item),
    ("io.k8s.api.core.v1.Namespace", cluster::namespace),
    ("io.k8s.api.core.v1.NodeSpec", aliases::pod_cidrs),
    ("io.k8s.api.core.v1.NodeStatus", cluster::node_status),
    ("io.k8s.api.core.v1.Pod", containers::pod),
    ("io.k8s.api.core.v1.Pod", aliases::old_annotations),
    ("io.k8s.api.core.v1.PodSpec", aliases::service_account),
    ("io.k8s.api.core.v1.PodStatus", aliases::pod_ips),
    ("io.k8s.api.core.v1.PodTemplateSpec", aliases::old_annotations),
    ("io.k8s.api.core.v1.ReplicationController", workloads::replication_controller),
    ("io.k8s.api.core.v1.Service", services::service),
    ("io.k8s.api.core.v1.Volume", containers::volume),
    ("io.k8s.api.networking.v1.NetworkPolicySpec", services::policy_types),
    ("io.k8s.api.rbac.v1.Subject", cluster::subject),
    ("io.k8s.api.resource.v1.Device", devices::device),
    ("io.k8s.api.resource.v1.DeviceSubRequest", devices::count),
    ("io.k8s.api.resource.v1.ExactDeviceRequest", devices::count),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
        cluster::custom_resource_definition,
    ),
];
