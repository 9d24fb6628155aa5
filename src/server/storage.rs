//! Opens the store that the configuration names.

use std::path::Path;
use std::sync::Arc;

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
}

/// Opens the store: the embedded one below the data directory, as others keep files there, too.
pub(super) async fn open(config: &config::Storage, data_dir: &Path) -> Result<Opened, StorageError> {
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
            let store = Etcd::connect(options).await?;
            Ok(Opened { storage: store.clone(), prefix: config.prefix.clone(), kind: Kind::Etcd(store) })
        }
    }
}

impl Opened {
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
