//! What TLS agrees on.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::server::config::{CertificateFiles, NamedCertificate};

/// Writes a certificate for this name, that is its own authority, and its key.
fn write(directory: &Path, name: &str) -> CertificateFiles {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let path = |end: &str| directory.join(format!("{name}.{end}"));
    let files = CertificateFiles { certificate: path("crt"), key: path("key") };
    std::fs::write(&files.certificate, made.cert.pem()).expect("written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    files
}

/// Connects as to this host, trusting this certificate.
async fn connect(
    server: &Server,
    trusted: &Path,
    host: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<()> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).expect("a certificate")).expect("a usable one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address()).await?;
    let host = ServerName::try_from(host.to_owned()).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(host, stream).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_get_the_certificate_of_the_name_that_they_ask_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, address) = (write(directory.path(), "one.test"), write(directory.path(), "127.0.0.1"));
    let mut config = config(directory.path());
    config.serving.named_certificates = vec![
        NamedCertificate { files: one.clone(), names: Vec::new() },
        NamedCertificate { files: address.clone(), names: vec!["127.0.0.1".to_owned()] },
    ];
    let server = Server::start(config).await.expect("a server");
    let own = directory.path().join("server-ca.crt");
    let check = async |trusted: &Path, host: &str, known: bool| {
        let outcome = connect(&server, trusted, host, rustls::ALL_VERSIONS).await;
        assert_eq!(outcome.is_ok(), known, "{} {host}: {outcome:?}", trusted.display());
    };
    check(&one.certificate, "one.test", true).await;
    check(&own, "one.test", false).await;
    check(&own, "localhost", true).await;
    // Who names nobody gets the certificate of the address that it came to.
    check(&address.certificate, "127.0.0.1", true).await;
    check(&own, "127.0.0.1", false).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_curves_are_those_that_are_wanted() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(directory.path());
    config.serving.tls12 = false;
    config.serving.curves = vec![rustls::crypto::ring::kx_group::SECP384R1];
    let server = Server::start(config).await.expect("a server");
    let own = directory.path().join("server-ca.crt");
    connect(&server, &own, "localhost", &[&rustls::version::TLS13]).await.expect("a curve in common");
    connect(&server, &own, "localhost", &[&rustls::version::TLS12]).await.expect_err("too old");
    server.stop().await;
}
