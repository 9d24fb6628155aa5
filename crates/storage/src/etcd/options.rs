//! How to reach etcd.

use std::path::PathBuf;
use std::time::Duration;

use keelson_base::metrics::Histogram;

/// How to reach etcd, and how to use it. Defaults as kube-apiserver's.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--etcd-servers`: URLs, `https://` with TLS.
    pub endpoints: Vec<String>,
    /// `--etcd-prefix`: what stands before every key; `/registry` by default.
    pub prefix: String,
    /// `--etcd-cafile`, `--etcd-certfile`, `--etcd-keyfile`.
    pub tls: TlsFiles,
    /// How long start-up waits for an endpoint; 20 s by default. A connection may take 3 s.
    pub connect_timeout: Duration,
    /// How often an open connection in use that brings nothing is probed; 6 s by default, as etcd takes probes every 5 s
    /// for an attack. kube-apiserver probes every 30 s.
    pub keepalive_interval: Duration,
    /// How long a probe may take before the connection counts as broken; 4 s by default.
    pub keepalive_timeout: Duration,
    /// How long a request other than a watch may take, with what is sent again; 60 s by default.
    pub request_timeout: Duration,
    /// `--lease-reuse-duration-seconds`: how much later than asked a key may expire so that its lease can be
    /// shared; 60 s by default, and never more than a twentieth of the time to live.
    pub lease_reuse: Duration,
    /// How many keys share a lease at most; 1000 by default.
    pub lease_max_keys: u64,
    /// Takes how many keys had each lease when the next one took its place.
    pub lease_keys: Option<Histogram>,
}

/// The files of a TLS connection. They are read again when a connection fails, so that they may be rotated.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// PEM certificates of the authorities that etcd's is checked against; the system's where it is absent.
    pub ca: Option<PathBuf>,
    /// The PEM certificate chain that the client shows; with `key` or not at all.
    pub certificate: Option<PathBuf>,
    /// Its PEM key.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    pub(super) fn is_empty(&self) -> bool {
        self.ca.is_none() && self.certificate.is_none() && self.key.is_none()
    }
}

impl Options {
    /// The defaults, for these endpoints.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: "/registry".to_owned(),
            tls: TlsFiles::default(),
            connect_timeout: Duration::from_secs(20),
            keepalive_interval: Duration::from_secs(6),
            keepalive_timeout: Duration::from_secs(4),
            request_timeout: Duration::from_secs(60),
            lease_reuse: Duration::from_secs(60),
            lease_max_keys: 1000,
            lease_keys: None,
        }
    }

    /// The prefix as it stands before keys: a slash at each end and none doubled.
    pub(super) fn key_prefix(&self) -> String {
        let parts: Vec<&str> = self.prefix.split('/').filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { "/".to_owned() } else { format!("/{}/", parts.join("/")) }
    }
}

/// Why there is no connection to etcd.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No endpoint is given.
    #[error("no etcd endpoint is given")]
    NoEndpoint,
    /// An endpoint or a TLS file's content makes no sense.
    #[error("the etcd endpoint {endpoint} can't be used: {reason}")]
    Endpoint {
        /// The URL as it was given.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// A TLS file can't be read.
    #[error("the file {} for etcd's TLS can't be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A certificate without its key, or the other way.
    #[error("a client certificate for etcd needs both the certificate's and the key's file")]
    HalfAPair,
    /// No endpoint answered in time.
    #[error("no etcd endpoint answered within {} seconds: {reasons}", seconds.as_secs())]
    Unreachable {
        /// How long they were waited for.
        seconds: Duration,
        /// Each endpoint with what became of it.
        reasons: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_has_one_slash_at_each_end() {
        for (given, expected) in [
            ("/registry", "/registry/"),
            ("registry", "/registry/"),
            ("/registry/", "/registry/"),
            ("//a//b/", "/a/b/"),
            ("/", "/"),
            ("", "/"),
        ] {
            let options = Options { prefix: given.to_owned(), ..Options::new(["http://localhost:2379"]) };
            assert_eq!(options.key_prefix(), expected, "{given:?}");
        }
    }
}
