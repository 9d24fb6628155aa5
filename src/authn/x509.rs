//! Client certificates: the subject's common name is the user, its organizations are the groups.
//!
//! TLS only proves that the client owns the certificate's key, so that a certificate of an unknown authority
//! is answered with 401 and not with a broken connection. Whether to believe the certificate is decided
//! here, against authorities that may be exchanged while connections are open: those of clients, and those of front
//! proxies ([`super::front_proxy`]).
//!
//! Source: "X509 client certificates" in the authentication chapter of the Kubernetes documentation.

mod subject;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keelson_base::clock;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;
use tracing::warn;
use x509_parser::prelude::{FromDer, X509Certificate};

pub use self::subject::Subject;
use super::with_authenticated_group;
use crate::request::UserInfo;

/// How long a verdict on a connection's certificate holds: after it, the certificate may have run out.
const VERDICT_LIFETIME: Duration = Duration::from_secs(60);

/// Numbers all sets of authorities of the process, so that no verdict is taken for another's.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// The authorities whose certificates are believed. They may be exchanged at any time.
#[derive(Debug)]
pub struct ClientAuthorities {
    provider: Arc<CryptoProvider>,
    of: Role,
    current: ArcSwapOption<Trusted>,
    /// Those that were put in last; what they are is in `current`.
    replaced: watch::Sender<u64>,
}

/// Whose certificates authorities issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Clients,
    FrontProxies,
}

/// A set of authorities.
#[derive(Debug)]
struct Trusted {
    generation: u64,
    bundle: Arc<[u8]>,
    roots: Arc<[Root]>,
    /// Believes certificates of those whose time it is; `None` where there are none.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// The second from which on others are to be believed: one runs out, or its time begins.
    until: i64,
}

/// An authority that may issue certificates.
#[derive(Debug)]
struct Root {
    der: CertificateDer<'static>,
    not_before: i64,
    not_after: i64,
}

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
    /// Those of clients. Believes nobody until [`ClientAuthorities::replace`]. The provider's algorithms are those
    /// that signatures may use.
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        Self::with_role(provider, Role::Clients)
    }

    /// The same, of front proxies.
    pub fn of_front_proxies(provider: Arc<CryptoProvider>) -> Self {
        Self::with_role(provider, Role::FrontProxies)
    }

    fn with_role(provider: Arc<CryptoProvider>, of: Role) -> Self {
        ClientAuthorities { provider, of, current: ArcSwapOption::empty(), replaced: watch::Sender::new(0) }
    }

    /// Believes the authorities of this PEM text, and no others, from now on.
    ///
    /// # Errors
    /// See [`AuthoritiesError`]; nothing is changed then.
    pub fn replace(&self, pem: &[u8]) -> Result<(), AuthoritiesError> {
        let (mut roots, mut count) = (Vec::new(), 0);
        for certificate in CertificateDer::pem_slice_iter(pem) {
            count += 1;
            roots.extend(root(certificate.map_err(AuthoritiesError::Pem)?)?);
        }
        if count == 0 {
            return Err(AuthoritiesError::Empty);
        }
        let trusted = self.trusted(pem.into(), roots.into())?;
        let generation = trusted.generation;
        self.current.store(Some(Arc::new(trusted)));
        self.replaced.send_replace(generation);
        Ok(())
    }

    /// The PEM text that is believed; `None` where there is none.
    pub fn bundle(&self) -> Option<Arc<[u8]>> {
        self.current.load().as_ref().map(|trusted| trusted.bundle.clone())
    }

    /// Tells of every [`ClientAuthorities::replace`].
    pub fn replacements(&self) -> watch::Receiver<u64> {
        self.replaced.subscribe()
    }

    fn trusted(&self, bundle: Arc<[u8]>, roots: Arc<[Root]>) -> Result<Trusted, AuthoritiesError> {
        let unusable = |error: &dyn std::fmt::Display| AuthoritiesError::Certificate(error.to_string());
        let now = clock::now().as_second();
        let mut store = RootCertStore::empty();
        for root in roots.iter() {
            // All are looked at, so that one that can't be used is told of at once.
            let mut alone = RootCertStore::empty();
            alone.add(root.der.clone()).map_err(|e| unusable(&e))?;
            if (root.not_before..=root.not_after).contains(&now) {
                store.roots.extend(alone.roots);
            }
        }
        let changes = roots.iter().flat_map(|root| [root.not_before, root.not_after.saturating_add(1)]);
        let until = changes.filter(|at| *at > now).min().unwrap_or(i64::MAX);
        let verifier = match store.is_empty() {
            true => None,
            false => Some(
                WebPkiClientVerifier::builder_with_provider(Arc::new(store), self.provider.clone())
                    .build()
                    .map_err(|e| unusable(&e))?,
            ),
        };
        let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
        Ok(Trusted { generation, bundle, roots, verifier, until })
    }

    /// Those whose time it is; `None` where none are known.
    fn current(&self) -> Option<Arc<Trusted>> {
        let current = self.current.load_full()?;
        if clock::now().as_second() < current.until {
            return Some(current);
        }
        match self.trusted(current.bundle.clone(), current.roots.clone()) {
            Ok(trusted) => {
                let trusted = Arc::new(trusted);
                // Somebody may just have put others in: those stay.
                self.current.compare_and_swap(&current, Some(trusted.clone()));
                Some(trusted)
            }
            // They were usable before.
            Err(_) => Some(current),
        }
    }

    /// Whether the certificate is of one of the authorities, made for clients and valid now; `None` where no
    /// authority is known: then certificates say nothing, they are not even wrong. The error is for the log.
    pub(super) fn verify(&self, certificate: &ClientCertificate) -> Option<Result<(), String>> {
        let trusted = self.current()?;
        let now = clock::monotonic();
        let slot = match self.of {
            Role::Clients => &certificate.as_client,
            Role::FrontProxies => &certificate.as_front_proxy,
        };
        let known = slot.load();
        if let Some(verdict) = known.as_ref()
            && verdict.generation == trusted.generation
            && now.duration_since(verdict.at) < VERDICT_LIFETIME
        {
            return Some(verdict.result.clone());
        }
        let result = trusted.judge(&certificate.chain);
        let verdict = Verdict { generation: trusted.generation, at: now, result: result.clone() };
        slot.store(Some(Arc::new(verdict)));
        Some(result)
    }

    /// Whose certificate this is; `None` where it names nobody (no common name), or no authority is known.
    ///
    /// # Errors
    /// Why it is not believed, for the log.
    pub(super) fn user_of(&self, certificate: &ClientCertificate) -> Result<Option<Arc<UserInfo>>, String> {
        match self.verify(certificate) {
            None => Ok(None),
            Some(Ok(())) => certificate.about().as_ref().map_err(Clone::clone)?.user.clone(),
            Some(Err(why)) => {
                let id = certificate.about().as_ref().map_or("", |about| about.identifier.as_str());
                Err(format!("verifying certificate {id} failed: {why}"))
            }
        }
    }
}

impl Trusted {
    fn judge(&self, chain: &[CertificateDer<'static>]) -> Result<(), String> {
        const UNKNOWN: &str = "x509: certificate signed by unknown authority";
        let Some((leaf, intermediates)) = chain.split_first() else { return Err(UNKNOWN.to_owned()) };
        let Some(verifier) = &self.verifier else { return Err(UNKNOWN.to_owned()) };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(clock::unix_millis()));
        let failed = match verifier.verify_client_cert(leaf, intermediates, now) {
            Ok(_) => return Ok(()),
            Err(rustls::Error::InvalidCertificate(failed)) => failed,
            Err(other) => return Err(format!("x509: {other}")),
        };
        Err(match failed {
            CertificateError::UnknownIssuer => UNKNOWN.to_owned(),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "x509: certificate specifies an incompatible key usage".to_owned()
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                format!("x509: certificate has expired or is not yet valid: {failed}")
            }
            other => format!("x509: {other}"),
        })
    }
}

/// A certificate of a bundle as an authority; `None` where it may not issue any.
fn root(der: CertificateDer<'static>) -> Result<Option<Root>, AuthoritiesError> {
    let (_, parsed) =
        X509Certificate::from_der(&der).map_err(|e| AuthoritiesError::Certificate(e.to_string()))?;
    let twice = |e: x509_parser::error::X509Error| AuthoritiesError::Certificate(e.to_string());
    let constraints = parsed.basic_constraints().map_err(twice)?;
    let is_authority = constraints.map_or(parsed.version().0 < 2, |constraints| constraints.value.ca);
    let usage = parsed.key_usage().map_err(twice)?;
    let may_sign = usage.is_none_or(|usage| usage.value.key_cert_sign());
    let (not_before, not_after) =
        (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    if !(is_authority && may_sign) {
        warn!(subject = %parsed.subject(), "a certificate among the client authorities may issue none: it is not used");
        return Ok(None);
    }
    Ok(Some(Root { der, not_before, not_after }))
}

/// The certificate that a connection's client proved to own the key of, with what was found out about it.
#[derive(Debug)]
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    about: OnceLock<Result<About, String>>,
    as_client: ArcSwapOption<Verdict>,
    as_front_proxy: ArcSwapOption<Verdict>,
}

/// What some authorities make of it.
#[derive(Debug)]
struct Verdict {
    generation: u64,
    at: clock::Instant,
    result: Result<(), String>,
}

/// What the certificate says.
#[derive(Debug)]
struct About {
    common_name: String,
    user: Result<Option<Arc<UserInfo>>, String>,
    /// As it is named in logs.
    identifier: String,
    /// The last second of its validity, since 1970.
    not_after: i64,
}

impl ClientCertificate {
    /// The certificate, followed by those that lead to its authority.
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        ClientCertificate {
            chain,
            about: OnceLock::new(),
            as_client: ArcSwapOption::empty(),
            as_front_proxy: ArcSwapOption::empty(),
        }
    }

    fn about(&self) -> &Result<About, String> {
        self.about.get_or_init(|| {
            let leaf = self.chain.first().map_or(&[][..], AsRef::as_ref);
            let subject = Subject::parse(leaf)?;
            let user = subject.user().map(|user| user.map(with_authenticated_group));
            let Subject { common_name, identifier, not_after, .. } = subject;
            Ok(About { common_name, user, identifier, not_after })
        })
    }

    /// The common name of its subject; empty where there is none.
    pub(super) fn common_name(&self) -> Result<&str, String> {
        self.about().as_ref().map(|about| about.common_name.as_str()).map_err(Clone::clone)
    }

    /// How many seconds it is still valid, below zero where it has run out; `None` where it can't be read.
    pub(super) fn remaining(&self) -> Option<i64> {
        let about = self.about().as_ref().ok()?;
        Some(about.not_after.saturating_sub(clock::now().as_second()))
    }
}
