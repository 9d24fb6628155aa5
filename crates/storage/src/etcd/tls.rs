//! The files of TLS to etcd.

use std::path::PathBuf;

use etcd_client::{Certificate, Identity, TlsOptions};
use keelson_base::task::blocking;

use crate::etcd::options::{ConnectError, Options, TlsFiles};

/// Their PEM texts.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Tls {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    /// What a client is set up with.
    pub(super) fn options(&self) -> TlsOptions {
        let config = match &self.ca {
            Some(ca) => TlsOptions::new().ca_certificate(Certificate::from_pem(ca)),
            None => TlsOptions::new().with_native_roots(),
        };
        match &self.identity {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
            None => config,
        }
    }
}

/// Reads the files; `None` where no endpoint speaks TLS.
pub(super) async fn read(options: &Options) -> Result<Option<Tls>, ConnectError> {
    let secure = options.endpoints.iter().any(|url| url.starts_with("https://"));
    if !secure && options.tls.is_empty() {
        return Ok(None);
    }
    let TlsFiles { ca, certificate, key } = options.tls.clone();
    blocking(move || {
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((file(certificate)?, file(key)?)),
            _ => return Err(ConnectError::HalfAPair),
        };
        Ok(Some(Tls { ca: ca.map(file).transpose()?, identity }))
    })
    .await
}

fn file(path: PathBuf) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(&path).map_err(|source| ConnectError::File { path, source })
}
