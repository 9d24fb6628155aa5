//! What will be shown to kubelets and to servers of aggregated APIs: checked at start, so that a fault shows when the
//! server is set up and not when the first log is read.

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::StartError;
use super::config::Peers;
use super::serving_certificates;
use super::tls::TlsError;

/// Reads all files.
///
/// # Errors
/// [`StartError::Peers`], for the first one that can't be used.
pub(super) fn check(peers: &Peers, provider: &CryptoProvider) -> Result<(), StartError> {
    for (flags, files) in [
        ("--kubelet-client-certificate, --kubelet-client-key", &peers.kubelet_client),
        ("--proxy-client-cert-file, --proxy-client-key-file", &peers.proxy_client),
    ] {
        if let Some(files) = files {
            serving_certificates::load(files, provider)
                .map_err(|source| StartError::Peers { flags, source })?;
        }
    }
    let Some(path) = &peers.kubelet_authority else { return Ok(()) };
    let failed = |reason: String| StartError::Peers {
        flags: "--kubelet-certificate-authority",
        source: TlsError::File { path: path.clone(), reason },
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
    let mut authorities = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        authorities.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if authorities.is_empty() { Err(failed("it holds no certificate".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::server::config::CertificateFiles;

    #[test]
    fn files_are_checked_and_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| -> PathBuf {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let made = || rcgen::generate_simple_self_signed(["a".to_owned()]).expect("made");
        let (one, two) = (made(), made());
        let certificate = file("a.crt", &one.cert.pem());
        let key = file("a.key", &one.signing_key.serialize_pem());
        let other_key = file("b.key", &two.signing_key.serialize_pem());
        let (empty, missing) = (file("empty", ""), directory.path().join("missing"));
        let provider = rustls::crypto::ring::default_provider();
        let check = |peers: Peers, wanted: Option<(&str, &str)>| {
            let failed = check(&peers, &provider).err().map(|error| error.to_string());
            match (&failed, wanted) {
                (None, None) => {}
                (Some(text), Some((flags, reason))) => {
                    let rest = text.strip_prefix(flags).unwrap_or_else(|| panic!("{text}"));
                    assert!(rest.contains(&directory.path().display().to_string()), "{text}");
                    assert!(rest.contains(reason), "{text}");
                }
                _ => panic!("{peers:?}: {failed:?}"),
            }
        };
        let pair = |certificate: &PathBuf, key: &PathBuf| {
            Some(CertificateFiles { certificate: certificate.clone(), key: key.clone() })
        };
        let kubelet = |files| Peers { kubelet_client: files, ..Peers::default() };
        let authority = |path: &PathBuf| Peers { kubelet_authority: Some(path.clone()), ..Peers::default() };
        check(Peers::default(), None);
        check(
            Peers {
                kubelet_authority: Some(certificate.clone()),
                kubelet_client: pair(&certificate, &key),
                proxy_client: pair(&certificate, &key),
            },
            None,
        );
        let flags = "--kubelet-client-certificate, --kubelet-client-key: ";
        check(kubelet(pair(&certificate, &other_key)), Some((flags, "is not the certificate of the key")));
        check(kubelet(pair(&missing, &key)), Some((flags, "No such file")));
        check(kubelet(pair(&empty, &key)), Some((flags, "it holds no certificate")));
        check(kubelet(pair(&certificate, &empty)), Some((flags, "")));
        let proxy = Peers { proxy_client: pair(&certificate, &other_key), ..Peers::default() };
        check(proxy, Some(("--proxy-client-cert-file, --proxy-client-key-file: ", "is not the certificate")));
        let flag = "--kubelet-certificate-authority: ";
        check(authority(&missing), Some((flag, "No such file")));
        check(authority(&empty), Some((flag, "it holds no certificate")));
        check(authority(&key), Some((flag, "it holds no certificate")));
    }
}
