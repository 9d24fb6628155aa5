//! Flags about listening and TLS.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::{ALL_CIPHER_SUITES, cipher_suite};

use super::{Errors, path, value};
use crate::server::config::{CertificateFiles, Serving};

/// How many streams a client may have open, where nothing else is said.
const HTTP2_STREAMS: u32 = 100;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Secure serving")]
pub(super) struct SecureServing {
    /// The address to listen on; an unspecified one (0.0.0.0 or ::) for all [default: 0.0.0.0].
    #[arg(long, value_name = "IP")]
    bind_address: Option<String>,
    /// Where the certificates that the server makes are kept [default: --data-dir].
    #[arg(long, value_name = "DIRECTORY")]
    cert_dir: Option<String>,
    /// How many requests a client may have open on one HTTP/2 connection; 0 for the default [default: 100].
    #[arg(long, value_name = "INT")]
    http2_max_streams_per_connection: Option<String>,
    /// Whether another process may listen on the same port (SO_REUSEPORT) [default: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    permit_port_sharing: Option<String>,
    /// The port to serve HTTPS on [default: 6443].
    #[arg(long, value_name = "PORT")]
    secure_port: Option<String>,
    /// The serving certificate, followed by those up to its authority [default: one that the server makes].
    #[arg(long, value_name = "FILE")]
    tls_cert_file: Option<String>,
    /// The cipher suites of TLS 1.2 that may be agreed on, parted by commas; those of TLS 1.3 always may
    /// [default: all that are known].
    #[arg(long, value_name = "NAME,…")]
    tls_cipher_suites: Vec<String>,
    /// The oldest version of TLS that is spoken: VersionTLS12 or VersionTLS13 [default: VersionTLS12].
    #[arg(long, value_name = "VERSION")]
    tls_min_version: Option<String>,
    /// The key of --tls-cert-file.
    #[arg(long, value_name = "FILE")]
    tls_private_key_file: Option<String>,
}

impl SecureServing {
    pub(super) fn read(
        &self,
        advertise_address: Option<IpAddr>,
        data_dir: &Path,
        errors: &mut Errors,
    ) -> Serving {
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let bind_address = errors
            .optional("--bind-address", self.bind_address.as_ref(), value::address)
            .unwrap_or(everywhere);
        let port = errors.value("--secure-port", self.secure_port.as_ref(), port, 6443);
        let streams = errors.value(
            "--http2-max-streams-per-connection",
            self.http2_max_streams_per_connection.as_ref(),
            |t| value::count(t, i32::MAX as u32),
            0,
        );
        let tls12 =
            errors.optional("--tls-min-version", self.tls_min_version.as_ref(), speaks_tls12).unwrap_or(true);
        Serving {
            bind_address,
            port,
            advertise_address,
            permit_port_sharing: errors.value(
                "--permit-port-sharing",
                self.permit_port_sharing.as_ref(),
                value::boolean,
                false,
            ),
            http2_max_streams: if streams == 0 { HTTP2_STREAMS } else { streams },
            certificate: self.certificate(errors),
            cert_dir: path(self.cert_dir.as_ref()).unwrap_or_else(|| data_dir.to_owned()),
            tls12,
            cipher_suites: cipher_suites(&value::list(&self.tls_cipher_suites), errors),
        }
    }

    fn certificate(&self, errors: &mut Errors) -> Option<CertificateFiles> {
        match (path(self.tls_cert_file.as_ref()), path(self.tls_private_key_file.as_ref())) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (Some(_), None) => {
                errors.note("--tls-cert-file", "needs --tls-private-key-file");
                None
            }
            (None, Some(_)) => {
                errors.note("--tls-private-key-file", "needs --tls-cert-file");
                None
            }
            (None, None) => None,
        }
    }
}

fn port(text: &str) -> Result<u16, String> {
    let port = value::integer(text)?;
    u16::try_from(port).ok().filter(|p| *p > 0).ok_or_else(|| {
        format!("{port} must be between 1 and 65535, inclusive. It cannot be turned off with 0")
    })
}

fn speaks_tls12(text: &str) -> Result<bool, String> {
    match text {
        "VersionTLS12" => Ok(true),
        "VersionTLS13" => Ok(false),
        "VersionTLS10" | "VersionTLS11" => {
            Err(format!("{text} is not supported by Keelson, which speaks TLS 1.2 and 1.3"))
        }
        _ => Err(format!("unknown TLS version {text:?}: give VersionTLS12 or VersionTLS13")),
    }
}

/// All suites of TLS 1.3 and those of TLS 1.2 that are named; every one where none is.
fn cipher_suites(names: &[String], errors: &mut Errors) -> Vec<SupportedCipherSuite> {
    let mut suites: Vec<SupportedCipherSuite> = ALL_CIPHER_SUITES.to_vec();
    if names.is_empty() {
        return suites;
    }
    let mut wanted = Vec::new();
    for name in names {
        match name.as_str() {
            "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256" => {}
            name => match tls12_suite(name) {
                Some(suite) => wanted.push(suite.suite()),
                None => errors.note(
                    "--tls-cipher-suites",
                    format!("Cipher suite {name} not supported or doesn't exist"),
                ),
            },
        }
    }
    suites.retain(|s| s.tls13().is_some() || wanted.contains(&s.suite()));
    suites
}

fn tls12_suite(name: &str) -> Option<SupportedCipherSuite> {
    Some(match name {
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" | "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => {
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        }
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" | "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => {
            cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        }
        _ => return None,
    })
}
