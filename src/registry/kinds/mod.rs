//! What is special about single kinds: one file each, in its group's folder.

pub mod apiextensions;
pub mod apiregistration;
pub mod apps;
pub mod batch;
pub mod certificates;
pub mod coordination;
pub mod core;
pub mod discovery;
pub mod resource;
pub mod scheduling;
pub mod storage;

use std::sync::Arc;

use super::{Hooks, Registry};

/// The hooks of all kinds that have some, by the group and plural name that paths have.
pub(super) fn all(registry: &Registry) -> Vec<(&'static str, &'static str, Arc<dyn Hooks>)> {
    let mut all: Vec<(&str, &str, Arc<dyn Hooks>)> = vec![
        ("", "limitranges", Arc::new(core::limit_range::LimitRanges)),
        ("", "namespaces", Arc::new(core::namespace::Namespaces)),
        ("", "nodes", Arc::new(core::node::Nodes)),
        ("", "persistentvolumeclaims", Arc::new(core::persistent_volume_claim::PersistentVolumeClaims)),
        ("", "persistentvolumes", Arc::new(core::persistent_volume::PersistentVolumes)),
        ("", "pods", Arc::new(core::pod::Pods)),
        ("", "podtemplates", Arc::new(core::pod_template::Templates(&["template"]))),
        ("", "replicationcontrollers", Arc::new(core::pod_template::Templates(&["spec", "template"]))),
        ("", "secrets", Arc::new(core::secret::Secrets)),
        ("", "serviceaccounts", Arc::new(core::service_account::ServiceAccounts)),
        (
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            Arc::new(apiextensions::CustomResourceDefinitions),
        ),
        ("apiregistration.k8s.io", "apiservices", Arc::new(apiregistration::ApiServices)),
        ("apps", "daemonsets", Arc::new(apps::daemon_set::DaemonSets)),
        ("apps", "statefulsets", Arc::new(apps::stateful_set::StatefulSets)),
        ("batch", "jobs", Arc::new(batch::job::Jobs)),
        ("coordination.k8s.io", "leases", Arc::new(coordination::Leases)),
        ("discovery.k8s.io", "endpointslices", Arc::new(discovery::EndpointSlices)),
        (
            "certificates.k8s.io",
            "certificatesigningrequests",
            Arc::new(certificates::CertificateSigningRequests),
        ),
        ("scheduling.k8s.io", "priorityclasses", Arc::new(scheduling::priority_class::PriorityClasses)),
        ("storage.k8s.io", "csidrivers", Arc::new(storage::csi_driver::CsiDrivers)),
        ("resource.k8s.io", "resourceslices", Arc::new(resource::resource_slice::ResourceSlices)),
    ];
    if let Some(services) = core::service::Services::new(registry) {
        all.push(("", "services", Arc::new(services)));
    }
    all
}
