//! TLS as a client speaks it: whom it believes, and what it shows.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::OutboundError;

/// How to speak TLS. By default: believe the system's authorities, show nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that are believed, PEM; `None` for the system's.
    pub authorities: Option<Vec<u8>>,
    /// The certificate that is shown, with those that follow it up to its authority, and its key, both PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the peer's certificate must be for; `None` for the host of the URL.
    pub server_name: Option<String>,
    /// Believes any certificate: whoever sits between reads and writes everything.
    pub insecure_skip_verify: bool,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls")
            .field("authorities", &self.authorities.as_ref().map(Vec::len))
            .field("identity", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .field("insecure_skip_verify", &self.insecure_skip_verify)
            .finish()
    }
}

fn wrong(reason: impl std::fmt::Display) -> OutboundError {
    OutboundError::Settings(reason.to_string())
}

/// The settings of connections.
///
/// # Errors
/// PEM that can't be used, a key of another certificate.
pub fn client_config(tls: &Tls) -> Result<ClientConfig, OutboundError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(tls, provider)?);
    let Some((chain, key)) = &tls.identity else { return Ok(builder.with_no_client_auth()) };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("client certificate: {error}")))?;
    if chain.is_empty() {
        return Err(wrong("client certificate: no certificate found"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong(format!("client key: {error}")))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| wrong(format!("client certificate: {error}")))
}

/// The name to hold the peer's certificate to.
///
/// # Errors
/// A name that is none.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, OutboundError> {
    ServerName::try_from(name.to_owned()).map_err(|_| wrong(format!("{name:?} is no server name")))
}

fn verifier(tls: &Tls, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, OutboundError> {
    if tls.insecure_skip_verify {
        if tls.authorities.is_some() {
            return Err(wrong("specifying a root certificates file with the insecure flag is not allowed"));
        }
        return Ok(Arc::new(Blind { provider, believes: true }));
    }
    let mut roots = RootCertStore::empty();
    let mut pinned = Vec::new();
    match &tls.authorities {
        Some(pem) => {
            // What can't be read beside what can is overlooked, as Go does.
            for certificate in CertificateDer::pem_slice_iter(pem).flatten() {
                if roots.add(certificate.clone()).is_ok() {
                    pinned.push(certificate);
                }
            }
            if pinned.is_empty() {
                return Err(wrong("unable to load root certificates: no certificate found"));
            }
        }
        // A machine without authorities can't reach those that need one, but the others.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        // There are no authorities.
        return Ok(Arc::new(Blind { provider, believes: false }));
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(Arc::new(Believing { inner: inner.map_err(wrong)?, pinned }))
}

/// Believes authorities, and a peer that shows one of the given certificates itself: what `openssl req -x509`
/// makes is an authority, which serves its own name all the same.
#[derive(Debug)]
struct Believing {
    inner: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let failure =
            match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                Ok(verified) => return Ok(verified),
                Err(failure) => failure,
            };
        let is_pinned = || self.pinned.iter().any(|pinned| pinned == end_entity);
        // That an authority serves is told among the other reasons; those with a name of their own stay.
        if !matches!(failure, rustls::Error::InvalidCertificate(CertificateError::Other(_))) || !is_pinned() {
            return Err(failure);
        }
        is_valid_at(end_entity, now)?;
        rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

/// Looks at no certificate: believes anyone who owns the key of the one that is shown, or nobody.
#[derive(Debug)]
struct Blind {
    provider: Arc<CryptoProvider>,
    believes: bool,
}

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.believes {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
