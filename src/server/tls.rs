//! TLS: what is spoken, and the certificate that clients are asked for.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::config::Serving;
use super::serving_certificates::{AtAddress, ServingCertificates};

/// Why TLS can't be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be used.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificate and the key are not of one pair.
    #[error("{certificate} is not the certificate of the key {key}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The settings exclude each other.
    #[error("{0}")]
    Settings(#[from] rustls::Error),
}

/// The algorithms that this server knows, as far as they are wanted.
pub(super) fn provider(serving: &Serving) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: serving.cipher_suites.clone(),
        kx_groups: serving.curves.clone(),
        ..rustls::crypto::ring::default_provider()
    }
}

/// How TLS is spoken. Clones share it.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    certificates: Arc<ServingCertificates>,
}

impl Tls {
    /// Speaks as `serving` says and shows these certificates.
    ///
    /// # Errors
    /// Where no cipher suite or curve is left for the versions of TLS.
    pub(super) fn new(
        serving: &Serving,
        provider: Arc<CryptoProvider>,
        certificates: Arc<ServingCertificates>,
    ) -> Result<Self, TlsError> {
        let versions: &[_] = if serving.tls12 {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        } else {
            &[&rustls::version::TLS13]
        };
        let clients =
            Arc::new(AnyOwnedCertificate { algorithms: provider.signature_verification_algorithms });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if serving.http2 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        Ok(Tls { config: Arc::new(config), certificates })
    }

    /// The settings of a connection that came to this address.
    pub(super) fn config_at(&self, address: Option<IpAddr>) -> Arc<ServerConfig> {
        let nameless = address.and_then(|address| self.certificates.for_address(address.to_canonical()));
        let Some(nameless) = nameless else { return self.config.clone() };
        let mut config = ServerConfig::clone(&self.config);
        config.cert_resolver = Arc::new(AtAddress { nameless, others: self.certificates.clone() });
        Arc::new(config)
    }
}

/// Asks clients for a certificate, and takes any whose key they own: authentication decides whether to
/// believe it, so that the client gets an answer and not a broken connection.
#[derive(Debug)]
struct AnyOwnedCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyOwnedCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
