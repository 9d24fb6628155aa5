//! Client certificates: the subject's common name is the user, its organizations are the groups.
//!
//! TLS only proves that the client owns the certificate's key, so that a certificate of an unknown authority
//! is answered with 401 and not with a broken connection. Whether to believe the certificate is decided
//! here, against authorities that may be exchanged while connections are open.
//!
//! Source: "X509 client certificates" in the authentication chapter of the Kubernetes documentation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keelson_base::clock;
use parking_lot::Mutex;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CREDENTIAL_ID, with_authenticated_group};
use crate::request::UserInfo;

/// The attribute of a subject that is the user's uid.
const UID_OID: &str = "1.3.6.1.4.1.57683.2";
/// How long a verdict on a connection's certificate holds: after it, the certificate may have run out.
const VERDICT_LIFETIME: Duration = Duration::from_secs(60);

/// The authorities whose certificates are believed. They may be exchanged at any time.
#[derive(Debug)]
pub struct ClientAuthorities {
    provider: Arc<CryptoProvider>,
    verifier: ArcSwapOption<Verifier>,
    generation: AtomicU64,
}

/// A sized wrapper, as the swap needs one.
#[derive(Debug)]
struct Verifier(Arc<dyn ClientCertVerifier>);

/// Why authorities can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The file is no PEM.
    #[error("not a PEM file: {0}")]
    Pem(rustls_pki_types::pem::Error),
    /// It holds no certificate.
    #[error("it holds no certificate")]
    Empty,
    /// One of them can't be used.
    #[error("unusable certificate: {0}")]
    Certificate(String),
}

impl ClientAuthorities {
    /// Believes nobody until [`ClientAuthorities::replace`]. The provider's algorithms are those that
    /// signatures may use.
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        ClientAuthorities { provider, verifier: ArcSwapOption::empty(), generation: AtomicU64::new(0) }
    }

    /// Believes the authorities of this PEM text, and no others, from now on.
    ///
    /// # Errors
    /// See [`AuthoritiesError`]; nothing is changed then.
    pub fn replace(&self, pem: &[u8]) -> Result<(), AuthoritiesError> {
        let unusable = |error: &dyn std::fmt::Display| AuthoritiesError::Certificate(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(AuthoritiesError::Pem)?).map_err(|e| unusable(&e))?;
        }
        if roots.is_empty() {
            return Err(AuthoritiesError::Empty);
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|e| unusable(&e))?;
        self.verifier.store(Some(Arc::new(Verifier(verifier))));
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Whose certificate this is; `None` where it names nobody (no common name).
    ///
    /// # Errors
    /// Why it is not believed, for the log.
    pub(super) fn user_of(&self, certificate: &ClientCertificate) -> Result<Option<Arc<UserInfo>>, String> {
        let generation = self.generation.load(Ordering::Acquire);
        let now = clock::monotonic();
        let mut known = certificate.verdict.lock();
        if let Some(verdict) = &*known
            && verdict.generation == generation
            && now.duration_since(verdict.at) < VERDICT_LIFETIME
        {
            return verdict.user.clone();
        }
        let user = self.judge(&certificate.chain);
        *known = Some(Verdict { generation, at: now, user: user.clone() });
        user
    }

    fn judge(&self, chain: &[CertificateDer<'static>]) -> Result<Option<Arc<UserInfo>>, String> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Ok(None) };
        // Where no authority is known, certificates say nothing: they are not even wrong.
        let Some(verifier) = self.verifier.load_full() else { return Ok(None) };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(clock::unix_millis()));
        verifier.0.verify_client_cert(leaf, intermediates, now).map_err(|e| e.to_string())?;
        Ok(user_in(leaf)?.map(with_authenticated_group))
    }
}

/// The certificate that a connection's client proved to own the key of, with what was found out about it.
#[derive(Debug)]
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    verdict: Mutex<Option<Verdict>>,
}

#[derive(Debug)]
struct Verdict {
    generation: u64,
    at: clock::Instant,
    user: Result<Option<Arc<UserInfo>>, String>,
}

impl ClientCertificate {
    /// The certificate, followed by those that lead to its authority.
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        ClientCertificate { chain, verdict: Mutex::new(None) }
    }
}

/// The user that the certificate's subject names.
fn user_in(certificate: &CertificateDer<'_>) -> Result<Option<UserInfo>, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|e| e.to_string())?;
    let subject = parsed.subject();
    let Some(name) =
        subject.iter_common_name().filter_map(|n| n.as_str().ok()).last().filter(|n| !n.is_empty())
    else {
        return Ok(None);
    };
    let uids = subject
        .iter_attributes()
        .filter(|a| a.attr_type().to_id_string() == UID_OID)
        .map(|a| a.as_str().map_err(|_| "unable to parse UID into a string".to_owned()))
        .collect::<Result<Vec<_>, _>>()?;
    let uid = match uids.as_slice() {
        [] => "",
        [""] => return Err("UID cannot be an empty string".to_owned()),
        [uid] => uid,
        many => return Err(format!("expected 1 UID, but found multiple: {many:?}")),
    };
    let fingerprint: String = Sha256::digest(certificate).iter().map(|b| format!("{b:02x}")).collect();
    Ok(Some(UserInfo {
        name: name.to_owned(),
        uid: uid.to_owned(),
        groups: subject.iter_organization().filter_map(|o| o.as_str().ok()).map(str::to_owned).collect(),
        extra: BTreeMap::from([(CREDENTIAL_ID.to_owned(), vec![format!("X509SHA256={fingerprint}")])]),
    }))
}
