//! Follows files that may be exchanged while the server runs: its certificates, and the client authorities.
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
use super::config::{CertificateFiles, NamedCertificate};
use super::serving_certificates::ServingCertificates;
use crate::authn::ClientAuthorities;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// What is followed.
#[derive(Clone)]
pub(super) struct Followed {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) certificates: Arc<ServingCertificates>,
    pub(super) serving_files: CertificateFiles,
    /// Those for other names.
    pub(super) named: Vec<NamedCertificate>,
    pub(super) authorities: Vec<Authorities>,
    /// Where the serving certificate is renewed, and for whom; `None` where somebody else does.
    pub(super) renewal: Option<(CertificateDirectory, Names)>,
    /// What the files held when they were last taken over.
    pub(super) seen: Seen,
}

/// Client authorities of a file.
#[derive(Clone)]
pub(super) struct Authorities {
    authorities: Arc<ClientAuthorities>,
    file: PathBuf,
}

impl Authorities {
    pub(super) fn new(authorities: Arc<ClientAuthorities>, file: PathBuf) -> Self {
        Authorities { authorities, file }
    }

    fn reload(&self) -> Result<(), String> {
        let pem = std::fs::read(&self.file).map_err(|e| e.to_string())?;
        self.authorities.replace(&pem).map_err(|e| e.to_string())
    }
}

/// What files held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    serving: Option<[u8; 32]>,
    /// In the order of the certificates.
    named: Vec<Option<[u8; 32]>>,
    /// In the order of the authorities.
    authorities: Vec<Option<[u8; 32]>>,
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
            match self.certificates.exchange(&self.serving_files, &self.provider) {
                Ok(()) => info!("took over a new serving certificate"),
                Err(failure) => error!(error = %failure, "the new serving certificate can't be used"),
            }
        }
        for (at, named) in self.named.iter().enumerate() {
            if now.named.get(at) == self.seen.named.get(at) {
                continue;
            }
            let certificate = named.files.certificate.display();
            match self.certificates.exchange_named(at, &named.files, &self.provider) {
                Ok(()) => info!(%certificate, "took over a new SNI certificate"),
                Err(failure) => error!(error = %failure, "the new SNI certificate can't be used"),
            }
        }
        for (at, authorities) in self.authorities.iter().enumerate() {
            if now.authorities.get(at) == self.seen.authorities.get(at) {
                continue;
            }
            let file = authorities.file.display();
            match authorities.reload() {
                Ok(()) => info!(%file, "took over new client authorities"),
                Err(failure) => error!(%file, error = failure, "the new client authorities can't be used"),
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
        let pair = |files: &CertificateFiles| digest(&[&files.certificate, &files.key]);
        Seen {
            serving: pair(&self.serving_files),
            named: self.named.iter().map(|named| pair(&named.files)).collect(),
            authorities: self.authorities.iter().map(|a| digest(&[&a.file])).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;
    use crate::authn::{Anonymous, Authentication, Authenticator, ClientCertificate, Credentials};

    fn first(path: &Path) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(path).expect("a certificate")
    }

    #[test]
    fn new_files_are_taken_over_and_useless_ones_are_not() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let [ours, other] =
            ["ours", "other"].map(|name| CertificateDirectory::new(temporary.path().join(name)));
        let (files, _) = ours.serving(&Names::default()).expect("certificates");
        let (other_files, _) = other.serving(&Names::default()).expect("certificates");
        let sni = CertificateDirectory::new(temporary.path().join("sni"));
        let (sni_files, _) = sni.serving(&Names::default()).expect("certificates");
        let named = [NamedCertificate { files: sni_files.clone(), names: vec!["sni.test".to_owned()] }];
        let (admin, other_admin) =
            (ours.administrator().expect("certificates"), other.administrator().expect("certificates"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = Arc::new(ClientAuthorities::new(provider.clone()));
        authorities.replace(&std::fs::read(&admin.authority).expect("a file")).expect("authorities");
        let authenticator = Authenticator::new(authorities.clone(), Vec::new(), Anonymous::Everywhere);
        let mut followed = Followed {
            certificates: Arc::new(
                ServingCertificates::load(&files, &named, &provider).expect("loads").expect("loads"),
            ),
            provider,
            serving_files: files.clone(),
            named: named.to_vec(),
            authorities: vec![Authorities::new(authorities, admin.authority.clone())],
            renewal: None,
            seen: Seen::default(),
        };
        followed.seen = followed.now();

        let believes = |files: &CertificateFiles| {
            let shown = ClientCertificate::new(vec![first(&files.certificate)]);
            let headers = http::HeaderMap::new();
            let credentials = Credentials { certificate: Some(&shown), headers: &headers, path: "/" };
            matches!(authenticator.authenticate(credentials), Authentication::Known(o) if o.user.is_ok())
        };
        let mut check = |shown: &CertificateDer<'_>, ours: bool| {
            followed.look();
            assert_eq!(&followed.certificates.for_name(None).cert[0], shown);
            assert_eq!((believes(&admin.files), believes(&other_admin.files)), (ours, !ours));
        };
        let (before, after) = (first(&files.certificate), first(&other_files.certificate));
        check(&before, true);
        // One file of the pair is there before the other.
        std::fs::copy(&other_files.certificate, &files.certificate).expect("copied");
        check(&before, true);
        std::fs::copy(&other_files.key, &files.key).expect("copied");
        check(&after, true);
        std::fs::copy(&other_admin.authority, &admin.authority).expect("copied");
        check(&after, false);
        for path in [&files.certificate, &admin.authority] {
            std::fs::write(path, "nothing").expect("written");
        }
        check(&after, false);
        // One with a name is exchanged without the others, too, and only whole.
        let old = first(&sni_files.certificate);
        for (from, to, taken) in [
            (&other_files.certificate, &sni_files.certificate, false),
            (&other_files.key, &sni_files.key, true),
        ] {
            std::fs::copy(from, to).expect("copied");
            followed.look();
            let shown = followed.certificates.for_name(Some("sni.test")).cert[0].clone();
            assert_eq!(shown, if taken { after.clone() } else { old.clone() });
        }
    }
}
