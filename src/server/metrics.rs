//! The server's registry of metrics, what is constant in it, and what is looked at from time to time: how large the
//! store is, and how many objects are in it.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock;
use keelson_base::metrics::{
    HistogramVec, IntGaugeVec, MetricError, Registry as MetricRegistry, Spec, Stability,
};
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use keelson_storage::Storage;
use tracing::debug;

use super::StartError;
use super::config::{Feature, MetricIntervals, Metrics};
use super::storage::DatabaseSizes;
use crate::config_file::{self, ConfigFileError};
use crate::endpoints::version;
use crate::registry::{ObjectCounts, Registry};
use crate::telemetry::read_allowed_labels;

/// The registry of a server, which shows what the configuration says.
///
/// # Errors
/// Where the file of allowed labels can't be used.
pub(super) fn registry(config: &Metrics) -> Result<MetricRegistry, StartError> {
    let mut exposure = config.exposure.clone();
    if let Some(path) = &config.allowed_labels_file {
        let read = config_file::read_bytes(path).and_then(|bytes| {
            read_allowed_labels(&bytes).map_err(|reason| ConfigFileError::wrong(path, reason))
        });
        exposure.allowed_labels = read.map_err(StartError::AllowedLabels)?;
    }
    let registry = MetricRegistry::exposing(exposure)?;
    note_version(&registry)?;
    note_features(&registry, &config.features)?;
    Ok(registry)
}

/// Says which features are on.
fn note_features(registry: &MetricRegistry, features: &[Feature]) -> Result<(), MetricError> {
    let family = registry.gauge(&Spec {
        name: "kubernetes_feature_enabled",
        help: "Whether a feature is on: 1 for yes, 0 for no; with how far it has come.",
        stability: Stability::Beta,
        labels: &["name", "stage"],
    })?;
    for Feature { name, stage, enabled } in features {
        family.with_label_values(&[*name, *stage]).set((*enabled).into());
    }
    Ok(())
}

/// Says which version this is.
fn note_version(registry: &MetricRegistry) -> Result<(), MetricError> {
    let fields = version::fields();
    let field =
        |name: &str| fields.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str());
    let build = [
        ("build_date", field("buildDate")),
        ("compiler", field("compiler")),
        ("git_commit", field("gitCommit")),
        ("git_tree_state", field("gitTreeState")),
        ("git_version", field("gitVersion")),
        ("go_version", field("goVersion")),
        ("major", field("major")),
        ("minor", field("minor")),
        ("platform", field("platform")),
    ];
    let help =
        "Always 1, with the version of Kubernetes that is served and the platform that the server runs on.";
    let (stability, labels) = (Stability::Beta, &build.map(|(name, _)| name));
    let family = registry.gauge(&Spec { name: "kubernetes_build_info", help, stability, labels })?;
    family.with_label_values(&build.map(|(_, value)| value)).set(1);
    let minor = |major: &str, minor: &str| format!("{}.{}", field(major), field(minor));
    let binary = minor("major", "minor");
    let (emulation, compatible) =
        (minor("emulationMajor", "emulationMinor"), minor("minCompatibilityMajor", "minCompatibilityMinor"));
    let help = "Always 1, with the versions that the server is, behaves as, and is compatible with.";
    let (stability, labels) = (Stability::Alpha, &["binary", "component", "emulation", "min_compat"]);
    let family = registry.gauge(&Spec { name: "version_info", help, stability, labels })?;
    family.with_label_values(&[binary.as_str(), "kube", emulation.as_str(), compatible.as_str()]).set(1);
    Ok(())
}

/// How long reads waited for watch caches.
pub(super) fn read_waits(registry: &MetricRegistry) -> Result<HistogramVec, MetricError> {
    let spec = Spec {
        name: "apiserver_watch_cache_read_wait_seconds",
        help: "How long reads waited for a watch cache to be as new as they need, in seconds.",
        stability: Stability::Alpha,
        labels: &["group", "resource"],
    };
    let bounds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0];
    registry.histogram(&spec, &bounds)
}

/// How long whoever reads the metrics waits for the store's size.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the label `storage_cluster_id` says: there is one cluster.
const CLUSTER: &str = "etcd-0";

/// The bytes that the store takes on its disk, looked at when metrics are read.
pub(super) struct StorageSize {
    storage: Arc<dyn Storage>,
    gauge: IntGaugeVec,
}

impl StorageSize {
    /// The family, in `metrics`.
    pub(super) fn new(storage: Arc<dyn Storage>, metrics: &MetricRegistry) -> Result<Self, MetricError> {
        let gauge = metrics.gauge(&Spec {
            name: "apiserver_storage_size_bytes",
            help: "Bytes that the database of the store takes on its disk.",
            stability: Stability::Stable,
            labels: &["storage_cluster_id"],
        })?;
        Ok(StorageSize { storage, gauge })
    }

    /// Looks again. Where the store does not answer in a second, nothing is shown.
    pub(super) async fn look(&self) {
        match tokio::time::timeout(PATIENCE, self.storage.size_bytes()).await {
            Ok(Ok(size)) => {
                self.gauge.with_label_values(&[CLUSTER]).set(i64::try_from(size).unwrap_or(i64::MAX));
            }
            failed => {
                debug!(?failed, "the store does not say how large it is");
                // Where it was not there it need not go.
                let _ = self.gauge.remove_label_values(&[CLUSTER]);
            }
        }
    }
}

/// Looks from time to time, until the signal comes.
pub(super) fn follow(
    intervals: MetricIntervals,
    registry: &Arc<Registry>,
    sizes: DatabaseSizes,
    metrics: &MetricRegistry,
    tasks: &TaskGroup,
    end: &Signal,
) -> Result<(), MetricError> {
    if !intervals.object_counts.is_zero() {
        let (counts, registry, end) = (ObjectCounts::new(metrics)?, registry.clone(), end.clone());
        tasks.spawn("object-counts", async move {
            end.unless_begun(counts.follow(&registry, intervals.object_counts)).await;
        });
    }
    let spec = Spec {
        name: "apiserver_storage_db_total_size_in_bytes",
        help: "Bytes that the database of an endpoint takes on its disk.",
        stability: Stability::Alpha,
        labels: &["endpoint"],
    };
    let gauge = metrics.gauge(&spec)?;
    // Nobody is asked for what nobody sees.
    if !intervals.database_sizes.is_zero() && metrics.shows(&spec) {
        let end = end.clone();
        tasks.spawn("database-sizes", async move {
            let look = async {
                loop {
                    for (endpoint, size) in sizes.read().await {
                        let size = i64::try_from(size).unwrap_or(i64::MAX);
                        gauge.with_label_values(&[endpoint.as_str()]).set(size);
                    }
                    clock::sleep(intervals.database_sizes).await;
                }
            };
            end.unless_begun(look).await;
        });
    }
    Ok(())
}
