//! Client certificates: the subject's common name is the user, its organizations are the groups.
//!
//! TLS only proves that the client owns the certificate's key, so that a certificate of an unknown authority
//! is answered with 401 and not with a broken connection. Whether to believe the certificate is decided
//! here, against authorities that may be exchanged while connections are open: those of clients, and those of front
//! proxies ([`super::front_proxy`]).
//!
//! Source: "X509 client certificates" in the authentication chapter of the Kubernetes documentation.

mod subject;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keelson_base::clock;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use tokio::sync::watch;
use tracing::warn;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath};
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
    /// Those of them whose time it is.
    anchors: Vec<TrustAnchor<'static>>,
    /// How many certificates may stand between each of these and a client's.
    longest: Vec<Option<u32>>,
    /// The second from which on others are to be believed: one runs out, or its time begins.
    until: i64,
}

/// An authority that may issue certificates.
#[derive(Debug)]
struct Root {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    /// How many certificates may stand between it and a client's.
    longest: Option<u32>,
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
        let trusted = Trusted::new(pem.into(), roots.into());
        let generation = trusted.generation;
        self.current.store(Some(Arc::new(trusted)));
        self.replaced.send_replace(generation);
        Ok(())
    }

    /// The PEM text that is believed; `None` where there is none.
    pub fn bundle(&self) -> Option<Arc<[u8]>> {
        self.current.load().as_ref().map(|trusted| trusted.bundle.clone())
    }

    /// Whether one of the authorities is among the others', too.
    pub fn overlap(&self, others: &ClientAuthorities) -> bool {
        let (ours, theirs) = (self.current.load(), others.current.load());
        let (Some(ours), Some(theirs)) = (ours.as_ref(), theirs.as_ref()) else { return false };
        ours.roots.iter().any(|one| theirs.roots.iter().any(|other| one.der == other.der))
    }

    /// Tells of every [`ClientAuthorities::replace`].
    pub fn replacements(&self) -> watch::Receiver<u64> {
        self.replaced.subscribe()
    }

    /// Those whose time it is; `None` where none are known.
    fn current(&self) -> Option<Arc<Trusted>> {
        let current = self.current.load_full()?;
        if clock::now().as_second() < current.until {
            return Some(current);
        }
        let trusted = Arc::new(Trusted::new(current.bundle.clone(), current.roots.clone()));
        // Somebody may just have put others in: those stay.
        self.current.compare_and_swap(&current, Some(trusted.clone()));
        Some(trusted)
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
        let result = trusted.judge(&certificate.chain, &self.provider);
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
    fn new(bundle: Arc<[u8]>, roots: Arc<[Root]>) -> Self {
        let now = clock::now().as_second();
        let current = || roots.iter().filter(|root| (root.not_before..=root.not_after).contains(&now));
        let (anchors, longest) = current().map(|root| (root.anchor.clone(), root.longest)).unzip();
        let changes = roots.iter().flat_map(|root| [root.not_before, root.not_after.saturating_add(1)]);
        let until = changes.filter(|at| *at > now).min().unwrap_or(i64::MAX);
        let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
        Trusted { generation, bundle, roots, anchors, longest, until }
    }

    fn judge(&self, chain: &[CertificateDer<'static>], provider: &CryptoProvider) -> Result<(), String> {
        use webpki::Error::{
            CertExpired, CertNotValidYet, InvalidSignatureForPublicKey, RequiredEkuNotFoundContext,
            UnknownIssuer,
        };
        let unknown = || "x509: certificate signed by unknown authority".to_owned();
        let (leaf, intermediates) = chain.split_first().ok_or_else(unknown)?;
        let now = UnixTime::since_unix_epoch(Duration::from_millis(clock::unix_millis()));
        let verified = EndEntityCert::try_from(leaf).and_then(|leaf| {
            leaf.verify_for_usage(
                provider.signature_verification_algorithms.all,
                &self.anchors,
                intermediates,
                now,
                ForClients,
                None,
                Some(&|path| self.check_length(path)),
            )
            .map(drop)
        });
        verified.map_err(|failed| match failed {
            UnknownIssuer | InvalidSignatureForPublicKey => unknown(),
            RequiredEkuNotFoundContext(_) => {
                "x509: certificate specifies an incompatible key usage".to_owned()
            }
            CertExpired { .. } | CertNotValidYet { .. } => {
                format!("x509: certificate has expired or is not yet valid: {failed}")
            }
            other => format!("x509: {other}"),
        })
    }

    /// What the verification of a path leaves out: how long the authority lets it be.
    fn check_length(&self, path: &VerifiedPath<'_>) -> Result<(), webpki::Error> {
        let length = path.intermediate_certificates().count();
        let fits = |longest: &Option<u32>| longest.is_none_or(|longest| length <= longest as usize);
        let mut same = self.anchors.iter().zip(&self.longest).filter(|(anchor, _)| *anchor == path.anchor());
        match same.any(|(_, longest)| fits(longest)) {
            true => Ok(()),
            false => Err(webpki::Error::PathLenConstraintViolated),
        }
    }
}

/// Certificates for clients: those that say so, that are for anything, or don't say what for.
#[derive(Clone, Copy)]
struct ForClients;

impl ExtendedKeyUsageValidator for ForClients {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        const CLIENT_AUTH: &[usize] = &[1, 3, 6, 1, 5, 5, 7, 3, 2];
        const ANY: &[usize] = &[2, 5, 29, 37, 0];
        let mut present = Vec::new();
        for usage in usages {
            let usage = usage?.to_decoded_oid();
            if usage == CLIENT_AUTH || usage == ANY {
                return Ok(());
            }
            present.push(usage);
        }
        if present.is_empty() {
            return Ok(());
        }
        let required = webpki::KeyUsage::client_auth();
        Err(webpki::Error::RequiredEkuNotFoundContext(webpki::RequiredEkuNotFoundContext {
            required,
            present,
        }))
    }
}

/// A certificate of a bundle as an authority; `None` where it may not issue any for clients.
fn root(der: CertificateDer<'static>) -> Result<Option<Root>, AuthoritiesError> {
    let unusable = |error: &dyn std::fmt::Display| AuthoritiesError::Certificate(error.to_string());
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|e| unusable(&e))?;
    let constraints = parsed.basic_constraints().map_err(|e| unusable(&e))?;
    let is_authority = constraints.as_ref().map_or(parsed.version().0 < 2, |found| found.value.ca);
    let longest = constraints.and_then(|found| found.value.path_len_constraint);
    let usage = parsed.key_usage().map_err(|e| unusable(&e))?;
    let may_sign = usage.is_none_or(|usage| usage.value.key_cert_sign());
    let usages = parsed.extended_key_usage().map_err(|e| unusable(&e))?;
    let for_clients = usages.is_none_or(|usages| usages.value.client_auth || usages.value.any);
    let (not_before, not_after) =
        (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    if !(is_authority && may_sign && for_clients) {
        warn!(
            subject = %parsed.subject(),
            "a certificate among the client authorities may issue none for clients: it is not used"
        );
        return Ok(None);
    }
    let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|e| unusable(&e))?.to_owned();
    Ok(Some(Root { der, anchor, longest, not_before, not_after }))
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
