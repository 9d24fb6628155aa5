//! The server: listens, speaks TLS and HTTP, tells its health, starts and ends.
//!
//! [`Server::start`] builds everything from a [`Config`], from storage up to the listening socket, and
//! returns when the server is ready; [`Server::stop`] ends it without breaking a request (see [`lifecycle`]).
//! [`run`] does both, between the signals of the process.

pub mod certificates;
pub mod config;
mod connection;
pub mod health;
mod kubeconfig;
mod lifecycle;
mod listener;
mod reload;
mod routes;
mod storage;
mod tls;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keelson_apimachinery::Status;
use keelson_base::clock;
use keelson_base::metrics::{MetricError, Registry as MetricRegistry};
use keelson_base::task::blocking;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tracing::{info, warn};

pub use self::certificates::CertificateError;
use self::certificates::{CertificateDirectory, Names};
use self::config::{Config, Serving};
use self::connection::Settings;
use self::health::{Check, Health, NotEnding, Ping, StorageAnswers};
use self::lifecycle::Lifecycle;
pub use self::storage::StorageError;
use self::tls::ServingCertificate;
pub use self::tls::TlsError;
use crate::authn::token_file::{TokenFileError, Tokens};
use crate::authn::x509::AuthoritiesError;
use crate::authn::{Authenticator, ClientAuthorities};
use crate::bootstrap::{self, BootstrapError, Endpoint, KubernetesService};
use crate::endpoints::{Endpoints, EndpointsConfig};
use crate::filters::chain::{self, Chain};
use crate::registry::{Cidr, Registry, RegistryConfig};
use crate::telemetry::Metrics;

/// Files that the process keeps for other things than connections.
const RESERVED_FILES: u64 = 512;

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
    /// TLS can't be spoken.
    #[error("--tls-cert-file, --tls-private-key-file: {0}")]
    Tls(#[from] TlsError),
    /// The client authorities can't be used.
    #[error("--client-ca-file: {path}: {reason}")]
    ClientAuthorities {
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
    /// There is no store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Metrics were registered twice.
    #[error("metrics: {0}")]
    Metrics(#[from] MetricError),
    /// The first objects can't be written.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The server can't be one of those behind the service `kubernetes`.
    #[error("can't announce this server: {0}")]
    Announce(Status),
    /// The process gets no signals.
    #[error("signals: {0}")]
    Signals(io::Error),
}

/// Runs a server until the process is asked to end, and ends it. Says on standard output when it is ready.
///
/// A second SIGTERM or SIGINT ends the process at once, with exit code 1.
///
/// # Errors
/// Where it can't start.
pub async fn run(config: Config) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let mut asked = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    // Asked to end while it starts: nothing is served yet, so there is nothing to finish.
    let server = tokio::select! {
        server = Server::start(config) => server?,
        () = asked() => return Ok(()),
    };
    println!("{}", server.ready_line());
    asked().await;
    tokio::select! {
        () = server.stop() => Ok(()),
        () = asked() => std::process::exit(1),
    }
}

/// A running server.
pub struct Server {
    url: String,
    address: SocketAddr,
    kubeconfig: Option<PathBuf>,
    lifecycle: Lifecycle,
    shutdown_delay: Duration,
    request_timeout: Duration,
    storage: storage::Opened,
    /// What puts the server behind the service `kubernetes`; `None` where others can't reach it.
    announced: Option<Arc<KubernetesService>>,
}

impl Server {
    /// Starts a server. It is ready when this returns.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running then.
    pub async fn start(config: Config) -> Result<Server, StartError> {
        let wanted = SocketAddr::new(config.serving.bind_address, config.serving.port);
        let failed = |source| StartError::Listen { address: wanted, source };
        // The port comes first: a server that can't have it must not touch anything else.
        let listener = listener::listen(wanted, config.serving.permit_port_sharing).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let url = format!("https://{}", SocketAddr::new(reachable(address.ip()), address.port()));

        let (identity, storage) = tokio::join!(identity(&config, url.clone()), async {
            storage::open(&config.storage, &config.data_dir).await
        });
        let (identity, storage) = (identity?, storage?);
        let lifecycle = Lifecycle::default();
        let metrics = Metrics::new(MetricRegistry::new())?;
        let built = build(&config, address.port(), &identity, &storage, &lifecycle, &metrics).await;
        let (chain, announced) = match built {
            Ok(built) => built,
            Err(failure) => {
                storage.close().await;
                return Err(failure);
            }
        };
        let settings = Settings {
            tls: identity.tls.clone(),
            chain,
            metrics,
            http2_max_streams: config.serving.http2_max_streams,
            drain: lifecycle.drain.signal(),
        };
        lifecycle.connections.spawn("accept", accept(listener, settings, lifecycle.clone()));
        lifecycle.tasks.spawn("reload", identity.followed.follow(lifecycle.background.signal()));
        if let Some(service) = announced.clone() {
            let end = lifecycle.background.signal();
            lifecycle.tasks.spawn("announce", async move { end.unless_begun(service.run()).await });
        }
        info!(%address, "Serving securely");
        Ok(Server {
            url,
            address,
            kubeconfig: identity.kubeconfig,
            lifecycle,
            shutdown_delay: config.shutdown_delay,
            request_timeout: config.limits.request_timeout,
            storage,
            announced,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL from this machine.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The administrator's kubeconfig, where the server is the client authority.
    pub fn kubeconfig(&self) -> Option<&Path> {
        self.kubeconfig.as_deref()
    }

    /// Says that it is ready, where it is and how to use it.
    pub fn ready_line(&self) -> String {
        let (version, url) = (crate::KUBERNETES_VERSION, &self.url);
        match &self.kubeconfig {
            Some(path) => format!("Keelson ({version}) is ready at {url}, kubeconfig {}", path.display()),
            None => format!("Keelson ({version}) is ready at {url}"),
        }
    }

    /// Ends the server: fails `/readyz`, waits for `--shutdown-delay-duration`, lets requests finish.
    pub async fn stop(self) {
        let withdraw = async {
            if let Some(service) = &self.announced
                && let Err(status) = service.withdraw().await
            {
                warn!(error = %status, "the server's address can't be withdrawn; its lease runs out");
            }
        };
        self.lifecycle.end(self.shutdown_delay, self.request_timeout, withdraw).await;
        self.storage.close().await;
        info!("ended");
    }
}

/// Who the server is, and whom it believes.
struct Identity {
    tls: Arc<rustls::ServerConfig>,
    authenticator: Arc<Authenticator>,
    kubeconfig: Option<PathBuf>,
    followed: reload::Followed,
}

/// Reads or makes certificates, authorities and tokens.
async fn identity(config: &Config, url: String) -> Result<Identity, StartError> {
    let config = config.clone();
    blocking(move || identity_now(&config, &url)).await
}

fn identity_now(config: &Config, url: &str) -> Result<Identity, StartError> {
    let serving = &config.serving;
    let provider = Arc::new(tls::provider(serving));
    let directory = CertificateDirectory::new(serving.cert_dir.clone());
    let (serving_files, trusted, renewal) = match &serving.certificate {
        Some(files) => (files.clone(), files.certificate.clone(), None),
        None => {
            let names = names(config);
            let (files, trusted) = directory.serving(&names)?;
            (files, trusted, Some((directory.clone(), names)))
        }
    };
    let certificate = Arc::new(ServingCertificate::load(&serving_files, &provider)?);
    let tls = tls::server_config(serving, provider.clone(), certificate.clone())?;

    let (authorities_file, kubeconfig) = match &config.authentication.client_ca_file {
        Some(file) => (file.clone(), None),
        None => {
            let administrator = directory.administrator()?;
            let kubeconfig = directory.kubeconfig(&administrator, url, &trusted)?;
            (administrator.authority, Some(kubeconfig))
        }
    };
    let authorities = Arc::new(ClientAuthorities::new(provider.clone()));
    std::fs::read(&authorities_file)
        .map_err(|e| e.to_string())
        .and_then(|pem| authorities.replace(&pem).map_err(|e: AuthoritiesError| e.to_string()))
        .map_err(|reason| StartError::ClientAuthorities { path: authorities_file.clone(), reason })?;
    let tokens = match &config.authentication.token_file {
        Some(path) => {
            let failed = |source| StartError::Tokens { path: path.clone(), source };
            Some(Tokens::read(path).map_err(failed)?)
        }
        None => None,
    };
    let followed = reload::Followed {
        provider,
        serving: certificate,
        serving_files,
        authorities: authorities.clone(),
        authorities_file,
        renewal,
        seen: reload::Seen::default(),
    };
    let authenticator = Arc::new(Authenticator::new(authorities, tokens, config.authentication.anonymous));
    Ok(Identity { tls, authenticator, kubeconfig, followed })
}

/// Sets up the cluster's first objects, and everything from the filters to the registry.
async fn build(
    config: &Config,
    port: u16,
    identity: &Identity,
    storage: &storage::Opened,
    lifecycle: &Lifecycle,
    metrics: &Metrics,
) -> Result<(Chain, Option<Arc<KubernetesService>>), StartError> {
    let authorizer = config.authorization.authorizer();
    let registry = Arc::new(Registry::new(storage.storage.clone(), registry_config(config, storage)));
    let advertised = advertised(config);
    let address = advertised.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let endpoint = Endpoint { address, port, node_port: None };
    bootstrap::create_missing(&registry, &endpoint).await?;
    let announced = match advertised {
        Some(_) => Some(KubernetesService::new(registry.clone(), endpoint).map_err(StartError::Announce)?),
        None => {
            warn!("there is no address that others could reach: the service kubernetes will lead nowhere");
            None
        }
    };
    let endpoints = Arc::new(Endpoints::new(
        registry,
        EndpointsConfig {
            min_request_timeout: config.limits.min_watch,
            shutdown: lifecycle.end_watches.signal(),
            authorizer: authorizer.clone(),
        },
    ));
    let answers = |name| -> Arc<dyn Check> { Arc::new(StorageAnswers::new(name, storage.storage.clone())) };
    let always: Vec<Arc<dyn Check>> = vec![Arc::new(Ping("ping")), Arc::new(Ping("log")), answers("etcd")];
    let ready: Vec<Arc<dyn Check>> =
        vec![answers("etcd-readiness"), Arc::new(NotEnding(lifecycle.ending.signal()))];
    let health = Health::new(always, ready, MetricRegistry::new())?;
    let parts = chain::Parts {
        authenticator: identity.authenticator.clone(),
        authorizer,
        metrics: metrics.clone(),
        request_timeout: config.limits.request_timeout,
        max_reading: config.limits.max_reading,
        max_mutating: config.limits.max_mutating,
        in_flight: lifecycle.in_flight.clone(),
        end_watches: lifecycle.end_watches.signal(),
    };
    let routes = routes::Routes { health, metrics: metrics.clone(), endpoints };
    Ok((chain::build(&parts, routes.into_service()), announced.map(Arc::new)))
}

fn registry_config(config: &Config, storage: &storage::Opened) -> RegistryConfig {
    RegistryConfig {
        prefix: storage.prefix.clone(),
        services: config.services.clone(),
        event_ttl: config.event_ttl,
        ..RegistryConfig::new(&storage.storage)
    }
}

/// Accepts connections until the server drains.
async fn accept(listener: TcpListener, settings: Settings, lifecycle: Lifecycle) {
    let room = Arc::new(Semaphore::new(most_connections()));
    let drain = lifecycle.drain.signal();
    while let Some(permit) = drain.unless_begun(room.clone().acquire_owned()).await {
        let Ok(permit) = permit else { return };
        match drain.unless_begun(listener.accept()).await {
            None => return,
            Some(Ok((stream, peer))) => {
                let served = connection::serve(stream, peer, settings.clone());
                lifecycle.connections.spawn("connection", async move {
                    served.await;
                    drop(permit);
                });
            }
            Some(Err(failure)) => {
                // Out of files or memory, most likely: connections that end make room.
                warn!(error = %failure, "can't accept a connection");
                clock::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// As many connections as the process may have files, less those that it needs itself.
fn most_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Like Go's programs: what the administrator allows is used.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let files = if raised.is_ok() { limit.maximum } else { limit.current }.unwrap_or(1 << 20);
    usize::try_from(files.saturating_sub(RESERVED_FILES).max(files / 2)).unwrap_or(usize::MAX).min(1 << 20)
}

/// Whom the serving certificate is for.
fn names(config: &Config) -> Names {
    let mut dns: BTreeSet<String> = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    .map(str::to_owned)
    .into();
    let host = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !host.is_empty() && host.chars().all(is_name) {
        dns.insert(host);
    }
    let mut addresses = BTreeSet::from([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    addresses.extend(config.services.cidrs.iter().map(Cidr::first));
    addresses.extend(advertised(config));
    if !config.serving.bind_address.is_unspecified() {
        addresses.insert(config.serving.bind_address);
    }
    Names { dns, addresses }
}

/// The address under which others in the cluster find this server: the one that is configured, or else one
/// of this machine that is of the service range's family. `None` where it has none that others can reach.
fn advertised(config: &Config) -> Option<IpAddr> {
    let Serving { advertise_address, bind_address, .. } = config.serving;
    if advertise_address.is_some() {
        return advertise_address;
    }
    let ipv4 = config.services.cidrs.first().is_none_or(Cidr::is_ipv4);
    if !bind_address.is_unspecified() && !bind_address.is_loopback() && bind_address.is_ipv4() == ipv4 {
        return Some(bind_address);
    }
    // Sends nothing: the kernel picks the address that packets to somewhere else would leave from. The
    // destinations are kept for documentation.
    let (any, elsewhere): (IpAddr, IpAddr) = if ipv4 {
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into())
    } else {
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into())
    };
    let outgoing = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((elsewhere, 9))?;
        socket.local_addr()
    });
    outgoing.ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

/// An address that this machine can connect to.
fn reachable(bound: IpAddr) -> IpAddr {
    match bound {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        specific => specific,
    }
}
