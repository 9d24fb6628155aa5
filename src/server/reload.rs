//! Follows files that may be exchanged while the server runs: its certificate, and the client authorities.
//! Renews the certificates that the server made itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock;
use keelson_base::shutdown::Signal;
use keelson_base::task::blocking;
use rustls::crypto::CryptoProvider;
use sha2::{Digest, Sha256};
use tracing::{error, info};

use super::certificates::{CertificateDirectory, Names};
use super::config::CertificateFiles;
use super::tls::ServingCertificate;
use crate::authn::ClientAuthorities;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// What is followed.
pub(super) struct Followed {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) serving: Arc<ServingCertificate>,
    pub(super) serving_files: CertificateFiles,
    pub(super) authorities: Arc<ClientAuthorities>,
    pub(super) authorities_file: PathBuf,
    /// Where the serving certificate is renewed, and for whom; `None` where somebody else does.
    pub(super) renewal: Option<(CertificateDirectory, Names)>,
    /// What the files held when they were last taken over.
    pub(super) seen: Seen,
}

/// What files held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    serving: Option<[u8; 32]>,
    authorities: Option<[u8; 32]>,
}

impl Followed {
    /// Follows until the signal comes.
    pub(super) async fn follow(mut self, end: Signal) {
        self.seen = self.now();
        while end.unless_begun(clock::sleep(LOOK_EVERY)).await.is_some() {
            self = blocking(move || {
                self.look();
                self
            })
            .await;
        }
    }

    /// Takes over what changed. What can't be used is logged once, and the old kept.
    pub(super) fn look(&mut self) {
        if let Some((directory, names)) = &self.renewal
            && let Err(failure) = directory.serving(names)
        {
            error!(error = %failure, "the serving certificate can't be renewed");
        }
        let now = self.now();
        if now.serving != self.seen.serving {
            match self.serving.reload(&self.serving_files, &self.provider) {
                Ok(()) => info!("took over a new serving certificate"),
                Err(failure) => error!(error = %failure, "the new serving certificate can't be used"),
            }
        }
        if now.authorities != self.seen.authorities {
            let taken = std::fs::read(&self.authorities_file)
                .map_err(|e| e.to_string())
                .and_then(|pem| self.authorities.replace(&pem).map_err(|e| e.to_string()));
            match taken {
                Ok(()) => info!("took over new client authorities"),
                Err(failure) => error!(error = failure, "the new client authorities can't be used"),
            }
        }
        self.seen = now;
    }

    fn now(&self) -> Seen {
        let digest = |paths: &[&PathBuf]| {
            let mut hash = Sha256::new();
            for path in paths {
                hash.update(std::fs::read(path).ok()?);
            }
            Some(hash.finalize().into())
        };
        Seen {
            serving: digest(&[&self.serving_files.certificate, &self.serving_files.key]),
            authorities: digest(&[&self.authorities_file]),
        }
    }
}
