//! Opens the store that the configuration names.

use std::path::Path;
use std::sync::Arc;

use keelson_base::metrics::{Histogram, MetricError, Registry as MetricRegistry, Spec, Stability};
use keelson_base::task::Unfinished;
use keelson_storage::Storage;
use keelson_storage::embedded::{self, Embedded};
use keelson_storage::etcd::{self, Etcd};
use tracing::warn;

use super::config;

/// An open store.
pub(super) struct Opened {
    pub(super) storage: Arc<dyn Storage>,
    /// What keys start with, as texts show it.
    pub(super) prefix: String,
    kind: Kind,
}

/// Says how large the databases of etcd are.
pub(super) struct DatabaseSizes(Option<Arc<Etcd>>);

impl DatabaseSizes {
    /// The bytes that each takes on its disk, by endpoint; of those that answer.
    pub(super) async fn read(&self) -> Vec<(String, u64)> {
        match &self.0 {
            Some(etcd) => etcd.database_sizes().await,
            None => Vec::new(),
        }
    }
}

enum Kind {
    Embedded(Arc<Embedded>),
    Etcd(Arc<Etcd>),
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The embedded one can't be opened.
    #[error("--data-dir: {0}")]
    Embedded(#[from] embedded::OpenError),
    /// There is no connection to etcd.
    #[error("--etcd-servers: {0}")]
    Etcd(#[from] etcd::ConnectError),
    /// It can't be counted.
    #[error("metrics: {0}")]
    Metrics(#[from] MetricError),
}

/// Opens the store: the embedded one below the data directory, as others keep files there, too.
pub(super) async fn open(
    config: &config::Storage,
    data_dir: &Path,
    metrics: &MetricRegistry,
) -> Result<Opened, StorageError> {
    match config {
        config::Storage::Embedded => {
            let store = Embedded::open(embedded::Options::new(data_dir.join("store"))).await?;
            let prefix = "/registry".to_owned();
            Ok(Opened { storage: store.clone(), prefix, kind: Kind::Embedded(store) })
        }
        config::Storage::Etcd(config) => {
            let mut options = etcd::Options::new(config.servers.iter().cloned());
            options.prefix.clone_from(&config.prefix);
            options.lease_reuse = config.lease_reuse;
            options.tls = etcd::TlsFiles {
                ca: config.ca_file.clone(),
                certificate: config.client.as_ref().map(|c| c.certificate.clone()),
                key: config.client.as_ref().map(|c| c.key.clone()),
            };
            options.lease_keys = Some(lease_keys(metrics)?);
            let store = Etcd::connect(options).await?;
            Ok(Opened { storage: store.clone(), prefix: config.prefix.clone(), kind: Kind::Etcd(store) })
        }
    }
}

/// How many keys had each lease.
fn lease_keys(metrics: &MetricRegistry) -> Result<Histogram, MetricError> {
    let spec = Spec {
        name: "etcd_lease_object_counts",
        help: "How many objects one lease of etcd was for.",
        stability: Stability::Alpha,
        labels: &[],
    };
    let family = metrics.histogram(&spec, &[10.0, 50.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0])?;
    Ok(family.with_label_values::<&str>(&[]))
}

impl Opened {
    /// What says how large the databases are.
    pub(super) fn database_sizes(&self) -> DatabaseSizes {
        match &self.kind {
            Kind::Embedded(_) => DatabaseSizes(None),
            Kind::Etcd(etcd) => DatabaseSizes(Some(etcd.clone())),
        }
    }

    /// Whether other servers may have it while this one has not.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.kind, Kind::Etcd(_))
    }

    /// Finishes what was begun, and lets go of the directory or the connections.
    pub(super) async fn close(self) {
        let closed: Result<(), Unfinished> = match self.kind {
            Kind::Embedded(store) => store.close().await,
            Kind::Etcd(store) => store.close().await,
        };
        if let Err(unfinished) = closed {
            warn!(%unfinished, "the store did not close in time");
        }
    }
}
