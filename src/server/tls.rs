//! TLS: what is spoken, the certificate that is shown, and the one that is asked for.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

use super::config::{CertificateFiles, Serving};

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
        ..rustls::crypto::ring::default_provider()
    }
}

/// The settings of every connection.
///
/// # Errors
/// Where no cipher suite is left for the versions of TLS.
pub(super) fn server_config(
    serving: &Serving,
    provider: Arc<CryptoProvider>,
    certificate: Arc<ServingCertificate>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let versions: &[_] = if serving.tls12 {
        &[&rustls::version::TLS13, &rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13]
    };
    let clients = Arc::new(AnyOwnedCertificate { algorithms: provider.signature_verification_algorithms });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificate that the server shows; it may be exchanged at any time.
#[derive(Debug)]
pub(super) struct ServingCertificate {
    current: ArcSwap<CertifiedKey>,
}

impl ServingCertificate {
    /// That of these files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub(super) fn load(files: &CertificateFiles, provider: &CryptoProvider) -> Result<Self, TlsError> {
        Ok(ServingCertificate { current: ArcSwap::from_pointee(load(files, provider)?) })
    }

    /// Shows that of these files from now on.
    ///
    /// # Errors
    /// See [`TlsError`]; the old one is shown then.
    pub(super) fn reload(&self, files: &CertificateFiles, provider: &CryptoProvider) -> Result<(), TlsError> {
        self.current.store(Arc::new(load(files, provider)?));
        Ok(())
    }
}

#[cfg(test)]
impl ServingCertificate {
    /// The certificate that clients get to see now.
    pub(super) fn shown(&self) -> CertificateDer<'static> {
        self.current.load().cert[0].clone()
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn load(files: &CertificateFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let failed = |path: &PathBuf, error: &dyn std::fmt::Display| TlsError::File {
        path: path.clone(),
        reason: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| failed(&files.certificate, &e))?;
    if chain.is_empty() {
        return Err(failed(&files.certificate, &"it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| failed(&files.key, &e))?;
    let key = provider.key_provider.load_private_key(key).map_err(|e| failed(&files.key, &e))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() })
        }
        Err(error) => Err(failed(&files.certificate, &error)),
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
