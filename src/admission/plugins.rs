//! All plugins, in their order.

use std::sync::Arc;

use keelson_apimachinery::Value;
use keelson_base::metrics::Registry;

use super::always_deny::AlwaysDeny;
use super::always_pull_images::AlwaysPullImages;
use super::certificate_approval::CertificateApproval;
use super::certificate_signing::CertificateSigning;
use super::certificate_subject_restriction::CertificateSubjectRestriction;
use super::chain::{Chain, Plugin};
use super::cluster_trust_bundle_attest::ClusterTrustBundleAttest;
use super::config::{Config, ConfigError, PluginConfigs};
use super::default_ingress_class::DefaultIngressClass;
use super::default_storage_class::DefaultStorageClass;
use super::default_toleration_seconds::DefaultTolerationSeconds;
use super::deny_service_external_ips::DenyServiceExternalIps;
use super::event_rate_limit::EventRateLimit;
use super::extended_resource_toleration::ExtendedResourceToleration;
use super::image_policy_webhook::ImagePolicyWebhook;
use super::limit_pod_hard_anti_affinity_topology::LimitPodHardAntiAffinityTopology;
use super::limit_ranger::LimitRanger;
use super::namespace_auto_provision::NamespaceAutoProvision;
use super::namespace_exists::NamespaceExists;
use super::namespace_lifecycle::NamespaceLifecycle;
use super::node_declared_feature_validator::NodeDeclaredFeatureValidator;
use super::node_restriction::NodeRestriction;
use super::not_honoured::NotHonoured;
use super::objects::Objects;
use super::owner_references_permission_enforcement::OwnerReferencesPermissionEnforcement;
use super::persistent_volume_claim_resize::PersistentVolumeClaimResize;
use super::pod_node_selector::PodNodeSelector;
use super::pod_resize_validator::PodResizeValidator;
use super::pod_security::PodSecurity;
use super::pod_toleration_restriction::PodTolerationRestriction;
use super::pod_topology_labels::PodTopologyLabels;
use super::priority::Priority;
use super::resource_quota::ResourceQuota;
use super::runtime_class::RuntimeClass;
use super::service_account::ServiceAccount;
use super::storage_object_in_use_protection::StorageObjectInUseProtection;
use super::taint_nodes_by_condition::TaintNodesByCondition;
use crate::authz::Authorizer;

/// A plugin in the table.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Whether it is on by default.
    pub on: bool,
    /// Whether it may change objects.
    pub admits: bool,
    /// Whether it validates.
    pub validates: bool,
    build: fn(&Parts<'_>) -> Built,
}

/// What the plugins are made of.
#[derive(Clone)]
pub struct Dependencies {
    /// Other objects.
    pub objects: Arc<dyn Objects>,
    /// Judges what users may do.
    pub authorizer: Arc<dyn Authorizer>,
    /// Takes the metrics.
    pub metrics: Registry,
}

/// What one plugin is made of.
struct Parts<'a> {
    dependencies: &'a Dependencies,
    config: &'a Config,
    /// Its own configuration.
    own: Option<&'a Value>,
}

impl Parts<'_> {
    fn objects(&self) -> Arc<dyn Objects> {
        self.dependencies.objects.clone()
    }

    fn authorizer(&self) -> Arc<dyn Authorizer> {
        self.dependencies.authorizer.clone()
    }
}

/// `None` for plugins that do nothing, as the feature that they are for is off or not there yet.
type Built = Result<Option<Arc<dyn Plugin>>, String>;

fn some(plugin: impl Plugin + 'static) -> Built {
    Ok(Some(Arc::new(plugin)))
}

fn nothing(_: &Parts<'_>) -> Built {
    Ok(None)
}

const fn entry(name: &'static str, on: bool, phases: &str, build: fn(&Parts<'_>) -> Built) -> Entry {
    let phases = phases.as_bytes();
    let (mut admits, mut validates, mut at) = (false, false, 0);
    while at < phases.len() {
        admits |= phases[at] == b'a';
        validates |= phases[at] == b'v';
        at += 1;
    }
    Entry { name, on, admits, validates, build }
}

/// All plugins in their order; those that admit (`a`), validate (`v`) or do both.
///
/// Source: kube-apiserver's recommended order, and its set of default plugins.
pub static PLUGINS: &[Entry] = &[
    entry("AlwaysAdmit", false, "av", nothing),
    entry("NamespaceAutoProvision", false, "a", |p| some(NamespaceAutoProvision { objects: p.objects() })),
    entry("NamespaceLifecycle", true, "a", |p| some(NamespaceLifecycle::new(p.objects()))),
    entry("NamespaceExists", false, "v", |p| some(NamespaceExists { objects: p.objects() })),
    entry("LimitPodHardAntiAffinityTopology", false, "v", |_| some(LimitPodHardAntiAffinityTopology)),
    entry("LimitRanger", true, "av", |p| some(LimitRanger { objects: p.objects() })),
    entry("ServiceAccount", true, "av", |p| some(ServiceAccount { objects: p.objects() })),
    entry("NodeRestriction", false, "a", |p| {
        some(NodeRestriction { objects: p.objects(), authorizer: p.authorizer() })
    }),
    entry("TaintNodesByCondition", true, "a", |_| some(TaintNodesByCondition)),
    entry("AlwaysPullImages", false, "av", |_| some(AlwaysPullImages)),
    entry("ImagePolicyWebhook", false, "v", |p| {
        some(ImagePolicyWebhook::new(p.own, &p.dependencies.metrics)?)
    }),
    entry("PodSecurity", true, "v", |p| {
        let metrics = &p.dependencies.metrics;
        some(PodSecurity::new(p.objects(), p.own, metrics)?)
    }),
    entry("PodNodeSelector", false, "av", |p| some(PodNodeSelector::new(p.objects(), p.own)?)),
    entry("Priority", true, "av", |p| some(Priority { objects: p.objects() })),
    entry("DefaultTolerationSeconds", true, "a", |p| {
        let (not_ready, unreachable) = (p.config.not_ready_seconds, p.config.unreachable_seconds);
        some(DefaultTolerationSeconds { not_ready, unreachable })
    }),
    entry("PodTolerationRestriction", false, "av", |p| {
        some(PodTolerationRestriction::new(p.objects(), p.own)?)
    }),
    entry("EventRateLimit", false, "v", |p| some(EventRateLimit::new(p.own)?)),
    entry("ExtendedResourceToleration", false, "a", |_| some(ExtendedResourceToleration)),
    entry("DefaultStorageClass", true, "a", |p| some(DefaultStorageClass { objects: p.objects() })),
    entry("StorageObjectInUseProtection", true, "a", |_| some(StorageObjectInUseProtection)),
    // For PodGroups, whose feature is off by default.
    entry("PodGroupProtection", true, "a", nothing),
    entry("OwnerReferencesPermissionEnforcement", false, "v", |p| {
        some(OwnerReferencesPermissionEnforcement { authorizer: p.authorizer() })
    }),
    entry("PersistentVolumeClaimResize", true, "v", |p| {
        some(PersistentVolumeClaimResize { objects: p.objects() })
    }),
    entry("RuntimeClass", true, "av", |p| some(RuntimeClass { objects: p.objects() })),
    entry("CertificateApproval", true, "v", |p| some(CertificateApproval { authorizer: p.authorizer() })),
    entry("CertificateSigning", true, "v", |p| some(CertificateSigning { authorizer: p.authorizer() })),
    entry("ClusterTrustBundleAttest", true, "v", |p| {
        some(ClusterTrustBundleAttest { authorizer: p.authorizer() })
    }),
    entry("CertificateSubjectRestriction", true, "v", |_| some(CertificateSubjectRestriction)),
    entry("DefaultIngressClass", true, "a", |p| some(DefaultIngressClass { objects: p.objects() })),
    entry("DenyServiceExternalIPs", false, "v", |_| some(DenyServiceExternalIps)),
    entry("PodTopologyLabels", true, "a", |p| some(PodTopologyLabels { objects: p.objects() })),
    // For workloads, whose feature is off by default.
    entry("PodGroupWorkloadExists", true, "v", nothing),
    entry("NodeDeclaredFeatureValidator", true, "v", |p| {
        some(NodeDeclaredFeatureValidator { objects: p.objects() })
    }),
    // For jobs of workloads, too.
    entry("JobValidation", true, "v", nothing),
    entry("PodResizeValidator", true, "v", |p| some(PodResizeValidator { objects: p.objects() })),
    // See NOT_YET.
    entry("MutatingAdmissionPolicy", true, "a", |_| some(NotHonoured("mutatingadmissionpolicybindings"))),
    entry("MutatingAdmissionWebhook", true, "a", |_| some(NotHonoured("mutatingwebhookconfigurations"))),
    entry("ValidatingAdmissionPolicy", true, "v", |_| some(NotHonoured("validatingadmissionpolicybindings"))),
    entry("ValidatingAdmissionWebhook", true, "v", |_| some(NotHonoured("validatingwebhookconfigurations"))),
    entry("ResourceQuota", true, "v", |p| some(ResourceQuota::new(p.objects(), p.own)?)),
    entry("AlwaysDeny", false, "av", |_| some(AlwaysDeny)),
];

/// Plugins of the default set that do nothing in this version: who asks for one by name is refused.
pub const NOT_YET: [&str; 4] = [
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
];

/// The plugins that are on where these are enabled and disabled beside the default, in their order.
pub fn select(enabled: &[String], disabled: &[String]) -> Vec<&'static str> {
    let names = |list: &[String], entry: &Entry| list.iter().any(|name| name == entry.name);
    PLUGINS
        .iter()
        .filter(|entry| names(enabled, entry) || (entry.on && !names(disabled, entry)))
        .map(|entry| entry.name)
        .collect()
}

/// Makes the chain of the plugins that are on.
///
/// # Errors
/// Where the configuration is wrong, or a plugin is on that this version doesn't have.
pub fn build(config: &Config, dependencies: &Dependencies) -> Result<Chain, ConfigError> {
    let own = match &config.file {
        Some(file) => PluginConfigs::read(file)?,
        None => PluginConfigs::default(),
    };
    let mut plugins: Vec<(&'static Entry, Arc<dyn Plugin>)> = Vec::new();
    for entry in PLUGINS.iter().filter(|entry| config.plugins.contains(&entry.name)) {
        let parts = Parts { dependencies, config, own: own.of(entry.name) };
        let built =
            (entry.build)(&parts).map_err(|reason| ConfigError::Plugin { plugin: entry.name, reason })?;
        plugins.extend(built.map(|plugin| (entry, plugin)));
    }
    Ok(Chain::new(plugins, &dependencies.metrics)?)
}
