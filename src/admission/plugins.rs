//! All plugins, in their order.

use std::sync::Arc;

use keelson_apimachinery::Value;
use keelson_base::metrics::Registry;

use super::chain::{Chain, Plugin};
use super::config::{Config, ConfigError, PluginConfigs};
use super::default_toleration_seconds::DefaultTolerationSeconds;
use super::limit_ranger::LimitRanger;
use super::namespace_lifecycle::NamespaceLifecycle;
use super::objects::Objects;
use super::priority::Priority;
use super::service_account::ServiceAccount;
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
}

/// `None` for plugins that do nothing, as the feature that they are for is off or not there yet.
type Built = Result<Option<Arc<dyn Plugin>>, String>;

fn some(plugin: impl Plugin + 'static) -> Built {
    Ok(Some(Arc::new(plugin)))
}

fn nothing(_: &Parts<'_>) -> Built {
    Ok(None)
}

fn missing(_: &Parts<'_>) -> Built {
    Err("not supported by this version of Keelson".into())
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
    entry("NamespaceAutoProvision", false, "a", missing),
    entry("NamespaceLifecycle", true, "a", |p| some(NamespaceLifecycle::new(p.objects()))),
    entry("NamespaceExists", false, "v", missing),
    entry("LimitPodHardAntiAffinityTopology", false, "v", missing),
    entry("LimitRanger", true, "av", |p| some(LimitRanger { objects: p.objects() })),
    entry("ServiceAccount", true, "av", |p| some(ServiceAccount { objects: p.objects() })),
    entry("NodeRestriction", false, "a", missing),
    entry("TaintNodesByCondition", true, "a", |_| some(TaintNodesByCondition)),
    entry("AlwaysPullImages", false, "av", missing),
    entry("ImagePolicyWebhook", false, "v", missing),
    entry("PodSecurity", true, "v", nothing),
    entry("PodNodeSelector", false, "av", missing),
    entry("Priority", true, "av", |p| some(Priority { objects: p.objects() })),
    entry("DefaultTolerationSeconds", true, "a", |p| {
        let (not_ready, unreachable) = (p.config.not_ready_seconds, p.config.unreachable_seconds);
        some(DefaultTolerationSeconds { not_ready, unreachable })
    }),
    entry("PodTolerationRestriction", false, "av", missing),
    entry("EventRateLimit", false, "v", missing),
    entry("ExtendedResourceToleration", false, "a", missing),
    entry("DefaultStorageClass", true, "a", nothing),
    entry("StorageObjectInUseProtection", true, "a", nothing),
    // For PodGroups, whose feature is off by default.
    entry("PodGroupProtection", true, "a", nothing),
    entry("OwnerReferencesPermissionEnforcement", false, "v", missing),
    entry("PersistentVolumeClaimResize", true, "v", nothing),
    entry("RuntimeClass", true, "av", nothing),
    entry("CertificateApproval", true, "v", nothing),
    entry("CertificateSigning", true, "v", nothing),
    entry("ClusterTrustBundleAttest", true, "v", nothing),
    entry("CertificateSubjectRestriction", true, "v", nothing),
    entry("DefaultIngressClass", true, "a", nothing),
    entry("DenyServiceExternalIPs", false, "v", missing),
    entry("PodTopologyLabels", true, "a", nothing),
    // Their features are off by default.
    entry("PodGroupWorkloadExists", true, "v", nothing),
    entry("NodeDeclaredFeatureValidator", true, "v", nothing),
    entry("JobValidation", true, "v", nothing),
    entry("PodResizeValidator", true, "v", nothing),
    // Policies and webhooks do nothing as long as their configurations are not honoured.
    entry("MutatingAdmissionPolicy", true, "a", nothing),
    entry("MutatingAdmissionWebhook", true, "a", nothing),
    entry("ValidatingAdmissionPolicy", true, "v", nothing),
    entry("ValidatingAdmissionWebhook", true, "v", nothing),
    entry("ResourceQuota", true, "v", nothing),
    entry("AlwaysDeny", false, "av", missing),
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
