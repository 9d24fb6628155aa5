//! Why a server can't start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use keelson_apimachinery::Status;
use keelson_base::metrics::MetricError;

use super::certificates::CertificateError;
use super::storage::StorageError;
use super::tls::TlsError;
use crate::admission;
use crate::authn::jwt;
use crate::authn::token_file::TokenFileError;
use crate::bootstrap::BootstrapError;
use crate::config_file::ConfigFileError;
use crate::outbound::OutboundError;

/// Why a server can't start. One line each, naming the flag where one is to blame.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("--bind-address, --secure-port: can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The server's own certificates can't be had.
    #[error("--cert-dir: {0}")]
    Certificates(#[from] CertificateError),
    /// Other components can't be asked.
    #[error("the health of components: {0}")]
    Components(#[from] OutboundError),
    /// TLS can't be spoken.
    #[error("--tls-cert-file, --tls-private-key-file: {0}")]
    Tls(#[from] TlsError),
    /// A certificate for other names can't be shown.
    #[error("--tls-sni-cert-key: failed to load SNI cert and key: {0}")]
    NamedCertificates(#[source] TlsError),
    /// What is to be shown to kubelets or aggregated servers can't be used.
    #[error("{flags}: {source}")]
    Peers {
        /// The flags.
        flags: &'static str,
        /// Why.
        source: TlsError,
    },
    /// The client authorities can't be used.
    #[error("{flag}: {path}: {reason}")]
    ClientAuthorities {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The tokens can't be used.
    #[error("--token-auth-file: {path}: {source}")]
    Tokens {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TokenFileError,
    },
    /// The keys of service accounts' tokens can't be used.
    #[error("{flag}: {path}: {reason}")]
    Keys {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Tokens of other issuers can't be judged.
    #[error(transparent)]
    Issuers(#[from] jwt::StartError),
    /// There is no store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Metrics were registered twice.
    #[error("metrics: {0}")]
    Metrics(#[from] MetricError),
    /// The values that labels may have can't be read.
    #[error("--allow-metric-labels-manifest: {0}")]
    AllowedLabels(#[source] ConfigFileError),
    /// Admission can't be set up.
    #[error("admission: {0}")]
    Admission(#[from] admission::ConfigError),
    /// The first objects can't be written.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The server can't be one of those behind the service `kubernetes`.
    #[error("can't announce this server: {0}")]
    Announce(Status),
    /// The authorizers can't be set up.
    #[error("{flag}: {reason}")]
    Authorization {
        /// The flag.
        flag: &'static str,
        /// Why.
        reason: String,
    },
    /// What authentication follows can't be read.
    #[error("can't set up authentication: {0}")]
    Trust(Status),
    /// The webhook that knows tokens can't be used.
    #[error("--authentication-token-webhook-config-file: {0}")]
    TokenWebhook(ConfigFileError),
    /// The policy of RBAC can't be read.
    #[error("can't read the policy of RBAC: {0}")]
    Policy(Status),
    /// Nothing can be traced.
    #[error("--tracing-config-file: {0}")]
    Traces(String),
    /// The process gets no signals.
    #[error("signals: {0}")]
    Signals(io::Error),
}
