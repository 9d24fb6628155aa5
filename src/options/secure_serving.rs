//! Flags about listening and TLS.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{ALL_CIPHER_SUITES, ALL_KX_GROUPS, cipher_suite};

use super::{Errors, path, value};
use crate::server::config::{CertificateFiles, NamedCertificate, Serving};

/// How many streams a client may have open, where nothing else is said.
const HTTP2_STREAMS: u32 = 100;

#[derive(Debug, clap::Args)]
pub(super) struct SecureServing {
    /// The address to listen on; an unspecified one (0.0.0.0 or ::) for all.
    #[arg(long)]
    bind_address: Option<String>,
    /// Where the certificates that the server makes are kept [default: --data-dir].
    #[arg(long)]
    cert_dir: Option<String>,
    /// Speak HTTP/1.1 alone.
    #[arg(long)]
    disable_http2_serving: Option<String>,
    /// How many requests a client may have open on one HTTP/2 connection; 0 for the default [default: 100].
    #[arg(long)]
    http2_max_streams_per_connection: Option<String>,
    /// Whether other processes may listen on the same port of other addresses of this machine, and a port be taken
    /// that connections were served on a moment ago (SO_REUSEADDR). As with any server on Linux they may, whatever is
    /// said here.
    #[arg(long)]
    permit_address_sharing: Option<String>,
    /// Whether another process may listen on the same port (SO_REUSEPORT).
    #[arg(long)]
    permit_port_sharing: Option<String>,
    /// The port to serve HTTPS on.
    #[arg(long)]
    secure_port: Option<String>,
    /// The serving certificate, followed by those up to its authority [default: one that the server makes].
    #[arg(long)]
    tls_cert_file: Option<String>,
    /// The cipher suites of TLS 1.2 that may be agreed on, parted by commas; those of TLS 1.3 always may
    /// [default: all that are known].
    #[arg(long)]
    tls_cipher_suites: Vec<String>,
    /// The groups that keys may be exchanged in, as numbers of Go's CurveID parted by commas: 23 (P-256), 24 (P-384),
    /// 29 (X25519). Their order means nothing.
    #[arg(long)]
    tls_curve_preferences: Vec<String>,
    /// The oldest version of TLS that is spoken: VersionTLS12 or VersionTLS13 [default: VersionTLS12].
    #[arg(long)]
    tls_min_version: Option<String>,
    /// The key of --tls-cert-file.
    #[arg(long)]
    tls_private_key_file: Option<String>,
    /// A certificate and its key for clients that ask for one of these names; for those that the certificate is for,
    /// where none is given: FILE,KEYFILE[:NAME,…]. A name may begin with *. for any label, or be an address of this
    /// server. May be given several times; names that are given win over those of certificates, and exact ones over
    /// wildcards.
    #[arg(long)]
    tls_sni_cert_key: Vec<String>,
}

impl SecureServing {
    pub(super) fn read(
        &self,
        advertise_address: Option<IpAddr>,
        external_hostname: Option<String>,
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
        let without_http2 = errors.value(
            "--disable-http2-serving",
            self.disable_http2_serving.as_ref(),
            value::boolean,
            false,
        );
        // The listener is set up so in any case, as Go's are.
        errors.optional("--permit-address-sharing", self.permit_address_sharing.as_ref(), value::boolean);
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
            curves: curves(&value::list(&self.tls_curve_preferences), errors),
            named_certificates: self
                .tls_sni_cert_key
                .iter()
                .filter_map(|text| errors.take("--tls-sni-cert-key", named_certificate(text)))
                .collect(),
            external_hostname,
            http2: !without_http2,
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
                None if NOT_SPOKEN.contains(&name) => errors.note(
                    "--tls-cipher-suites",
                    format!(
                        "Cipher suite {name} is insecure or outdated and not spoken by Keelson: leave it out"
                    ),
                ),
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

/// Suites that kube-apiserver knows: those without forward secrecy, with CBC, 3DES or RC4.
const NOT_SPOKEN: [&str; 16] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

/// The groups of these numbers of Go's CurveID, in this server's order; all where none is named.
fn curves(numbers: &[String], errors: &mut Errors) -> Vec<&'static dyn SupportedKxGroup> {
    const FLAG: &str = "--tls-curve-preferences";
    let mut seen = Vec::new();
    for text in numbers {
        let Some(number) = errors.take(FLAG, value::integer(text)) else { continue };
        let known = || ALL_KX_GROUPS.iter().any(|group| i64::from(u16::from(group.name())) == number);
        match number {
            number if !(1..=i64::from(u16::MAX)).contains(&number) => {
                errors.note(FLAG, format!("curve preference {number} is out of range (must be 1-65535)"));
            }
            number if seen.contains(&number) => {
                errors.note(FLAG, format!("duplicate curve preference {number}"));
            }
            25 | 4587 | 4588 | 4589 => {
                errors.note(
                    FLAG,
                    format!("curve preference {number} is not supported by Keelson: give 23, 24 or 29"),
                );
            }
            number if !known() => {
                errors.note(FLAG, format!("curve preference {number} is not known"));
            }
            _ => {}
        }
        seen.push(number);
    }
    let wanted = |group: &&&dyn SupportedKxGroup| {
        seen.is_empty() || seen.contains(&i64::from(u16::from(group.name())))
    };
    ALL_KX_GROUPS.iter().filter(wanted).copied().collect()
}

/// `FILE,KEYFILE[:NAME,…]`.
fn named_certificate(text: &str) -> Result<NamedCertificate, String> {
    let (files, names) = match text.split_once(':') {
        Some((_, names)) if names.trim().is_empty() => {
            return Err("empty names list is not allowed".to_owned());
        }
        Some((files, names)) => (files, names.trim().split(',').map(|name| name.trim().to_owned()).collect()),
        None => (text, Vec::new()),
    };
    match files.split(',').map(str::trim).collect::<Vec<_>>()[..] {
        [certificate, key] => Ok(NamedCertificate {
            files: CertificateFiles { certificate: certificate.into(), key: key.into() },
            names,
        }),
        _ => Err("expected comma separated certificate and key file paths".to_owned()),
    }
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
