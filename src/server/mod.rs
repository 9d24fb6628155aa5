//! The server: listens, speaks TLS and HTTP, tells its health, starts and ends.
//!
//! [`Server::start`] builds everything from a [`Config`], from storage up to the listening socket, and
//! returns when the server is ready; [`Server::stop`] ends it without breaking a request (see [`lifecycle`]).
//! [`run`] does both, between the signals of the process.

mod addresses;
mod authentication;
mod authentication_trust;
mod authorization;
mod bootstrap_tokens;
pub mod certificates;
mod components;
pub mod config;
mod connection;
mod follow;
pub mod health;
mod identity;
mod issuers;
mod kubeconfig;
mod lifecycle;
mod listener;
mod metrics;
mod node;
mod objects;
mod peers;
mod rbac;
mod reload;
mod routes;
mod service_accounts;
mod serving_certificates;
mod storage;
mod tls;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keelson_apimachinery::Status;
use keelson_base::clock;
use keelson_base::metrics::{HistogramVec, MetricError, Registry as MetricRegistry};
use keelson_base::trace::Tracer;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tracing::{info, warn};

pub use self::certificates::CertificateError;
use self::components::Neighbours;
use self::config::{Config, Reconciler};
use self::connection::Settings;
use self::health::{Check, Health, NotEnding, Ping, StorageAnswers};
use self::identity::Identity;
use self::issuers::Issuers;
use self::lifecycle::Lifecycle;
use self::metrics::StorageSize;
use self::objects::Snapshots;
use self::service_accounts::OpenId;
pub use self::storage::StorageError;
pub use self::tls::TlsError;
use crate::admission;
use crate::authn::token_file::TokenFileError;
use crate::authn::{self, jwt};
use crate::bootstrap::{self, BootstrapError, Endpoint, KubernetesService};
use crate::config_file::ConfigFileError;
use crate::endpoints::{Endpoints, EndpointsConfig};
use crate::filters::chain::{self, Chain};
use crate::outbound::{ClientMetrics, OutboundError};
use crate::registry::{CacheMetrics, Caches, Metered, Registry, RegistryConfig};
use crate::telemetry::Metrics;
use crate::telemetry::traces::{self, Traces};

/// How long the collector of traces may take for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(5);

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

/// Runs a server until the process is asked to end, and ends it. Says on standard output when it is ready.
///
/// A second SIGTERM or SIGINT ends the process at once, with exit code 1.
///
/// # Errors
/// Where it can't start.
pub async fn run(config: Config) -> Result<(), StartError> {
    for notice in &config.notices {
        warn!("{notice}");
    }
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
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{}", server.ready_line()).and_then(|()| out.flush()) {
        warn!(%error, "nobody reads that the server is ready");
    }
    drop(out);
    asked().await;
    tokio::select! {
        () = server.stop() => Ok(()),
        () = asked() => std::process::exit(1),
    }
}

/// A running server.
pub struct Server {
    running: Running,
    storage: storage::Opened,
}

/// A server apart from its storage, which outlives it.
struct Running {
    url: String,
    address: SocketAddr,
    kubeconfig: Option<PathBuf>,
    lifecycle: Lifecycle,
    shutdown_delay: Duration,
    ending: config::Ending,
    request_timeout: Duration,
    /// What puts the server behind the service `kubernetes`.
    announced: Arc<KubernetesService>,
    /// Until the end takes it.
    traces: Mutex<Option<Traces>>,
    registry: Arc<Registry>,
}

impl Server {
    /// Starts a server. It is ready when this returns.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running then.
    pub async fn start(config: Config) -> Result<Server, StartError> {
        let address = SocketAddr::new(config.serving.bind_address, config.serving.port);
        let failed = |source| StartError::Listen { address, source };
        // The port comes first, then the data: a server that can't have them must not touch anything else.
        let listener = listener::listen(address, config.serving.permit_port_sharing).map_err(failed)?;
        keelson_api::validation::allow_privileged(config.allow_privileged);
        let metrics = metrics::registry(&config.metrics)?;
        let storage = storage::open(&config.storage, &config.data_dir, &metrics).await?;
        // Boxed: the futures of a start are large, and whoever awaits one would be so, too.
        match Box::pin(Running::start(config, listener, &storage, metrics)).await {
            Ok(running) => Ok(Server { running, storage }),
            Err(failure) => {
                storage.close().await;
                Err(failure)
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Its URL from this machine.
    pub fn url(&self) -> &str {
        &self.running.url
    }

    /// The administrator's kubeconfig, where the server is the client authority.
    pub fn kubeconfig(&self) -> Option<&Path> {
        self.running.kubeconfig.as_deref()
    }

    /// Says that it is ready, where it is and how to use it.
    pub fn ready_line(&self) -> String {
        let (version, url) = (crate::KUBERNETES_VERSION, self.url());
        match self.kubeconfig() {
            Some(path) => format!("Keelson ({version}) is ready at {url}, kubeconfig {}", path.display()),
            None => format!("Keelson ({version}) is ready at {url}"),
        }
    }

    /// Ends the server: fails `/readyz`, waits for `--shutdown-delay-duration`, lets requests finish.
    pub async fn stop(self) {
        self.running.stop().await;
        self.storage.close().await;
        info!("ended");
    }
}

impl Running {
    async fn start(
        config: Config,
        listener: TcpListener,
        storage: &storage::Opened,
        metrics: MetricRegistry,
    ) -> Result<Self, StartError> {
        let config = authentication::without_almighty_strangers(config);
        let wanted = SocketAddr::new(config.serving.bind_address, config.serving.port);
        let failed = |source| StartError::Listen { address: wanted, source };
        let address = listener.local_addr().map_err(failed)?;
        let url = format!("https://{}", SocketAddr::new(addresses::reachable(address.ip()), address.port()));
        let identity = identity::load(&config, url.clone()).await?;
        let lifecycle = Lifecycle::default();
        let metrics = Metrics::new(metrics)?;
        let issuers = Issuers::start(&config, &lifecycle, &metrics)?;
        let (tls, followed, kubeconfig) =
            (identity.tls.clone(), identity.followed.clone(), identity.kubeconfig.clone());
        let traces = config.tracing_file.as_deref().map(start_traces).transpose()?;
        let tracer = traces.as_ref().map(Traces::tracer);
        let Built { chain, announced, registry } =
            build(&config, address.port(), identity, issuers, storage, &lifecycle, (&metrics, tracer))
                .await?;
        let settings = Settings {
            tls,
            chain,
            metrics,
            http2_max_streams: config.serving.http2_max_streams,
            drain: lifecycle.drain.signal(),
        };
        lifecycle.connections.spawn("accept", accept(listener, settings, lifecycle.clone()));
        lifecycle.tasks.spawn("reload", followed.follow(lifecycle.background.signal()));
        let (end, service) = (lifecycle.background.signal(), announced.clone());
        let announce = async move { end.unless_begun(Box::pin(service.run())).await };
        lifecycle.tasks.spawn("announce", announce);
        let (end, store, interval) =
            (lifecycle.background.signal(), storage.storage.clone(), config.compaction_interval);
        if !interval.is_zero() {
            let compact = async move { end.unless_begun(store.run_compactor(interval)).await };
            lifecycle.tasks.spawn("compact", compact);
        }
        let end = lifecycle.background.signal();
        let maintained = registry.clone();
        let maintain = async move { bootstrap::maintain(&maintained).await };
        lifecycle.tasks.spawn("maintain", async move { end.unless_begun(Box::pin(maintain)).await });
        info!(%address, "Serving securely");
        Ok(Running {
            url,
            address,
            kubeconfig,
            lifecycle,
            shutdown_delay: config.shutdown_delay,
            ending: config.ending,
            request_timeout: config.limits.request_timeout,
            announced,
            traces: Mutex::new(traces),
            registry,
        })
    }

    async fn stop(&self) {
        let withdraw = async {
            if let Err(status) = self.announced.withdraw().await {
                warn!(error = %status, "the server's address can't be withdrawn; its lease runs out");
            }
        };
        self.lifecycle.end(self.shutdown_delay, self.request_timeout, &self.ending, withdraw).await;
        self.registry.close().await;
        let traces = self.traces.lock().take();
        if let Some(traces) = traces {
            traces.stop(LAST_SPANS).await;
        }
    }
}

/// Begins to trace what this file says.
fn start_traces(file: &Path) -> Result<Traces, StartError> {
    let config = traces::Config::read(file).map_err(|error| StartError::Traces(error.to_string()))?;
    let started = Traces::start(&config, bootstrap::server_name());
    started.map_err(|error| StartError::Traces(format!("{}: {error}", file.display())))
}

/// What a server is made of behind its listener.
struct Built {
    chain: Chain,
    announced: Arc<KubernetesService>,
    registry: Arc<Registry>,
}

/// Sets up the cluster's first objects, and everything from the filters to the registry.
async fn build(
    config: &Config,
    port: u16,
    identity: Identity,
    issuers: Issuers,
    storage: &storage::Opened,
    lifecycle: &Lifecycle,
    (metrics, tracer): (&Metrics, Option<Tracer>),
) -> Result<Built, StartError> {
    let metered = Arc::new(Metered::new(storage.storage.clone(), metrics.registry())?);
    let waits = metrics::read_waits(metrics.registry())?;
    let registry = Arc::new(Registry::new(metered, registry_config(config, storage, waits)));
    let advertised = addresses::advertised(config);
    let address = advertised.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let endpoint = Endpoint { address, port, node_port: config.kubernetes_service.node_port };
    // What the files say is known before the cluster is touched.
    let authorization = authorization::prepare(&config.authorization).await?;
    bootstrap::create_missing(&registry, &endpoint).await?;
    let (tasks, end) = (&lifecycle.tasks, lifecycle.background.signal());
    let (authorizer, escalation) =
        authorization::authorizer(authorization, &registry, metrics, tasks, &end).await?;
    let reconciler = match (config.kubernetes_service.reconciler, advertised) {
        (Reconciler::Lease, None) => {
            warn!("there is no address that others could reach: the service kubernetes will lead nowhere");
            Reconciler::None
        }
        (reconciler, _) => reconciler,
    };
    let announced = KubernetesService::new(registry.clone(), endpoint, reconciler);
    let announced = Arc::new(announced.map_err(StartError::Announce)?);
    let answers = |name| -> Arc<dyn Check> { Arc::new(StorageAnswers::new(name, storage.storage.clone())) };
    let always: Vec<Arc<dyn Check>> = vec![Arc::new(Ping("ping")), Arc::new(Ping("log")), answers("etcd")];
    let ready: Vec<Arc<dyn Check>> =
        vec![answers("etcd-readiness"), Arc::new(NotEnding(lifecycle.ending.signal()))];
    let health = Health::new(always, ready, MetricRegistry::new())?;
    let snapshots = Snapshots::new(registry.clone(), lifecycle.tasks.clone(), lifecycle.background.signal());
    let snapshots = Arc::new(snapshots);
    let external = addresses::external(&config.serving, SocketAddr::new(address, port));
    let openid = OpenId::new(config, &identity.keys.public, &external);
    let authenticator = authentication::authenticator(authentication::Parts {
        config,
        identity: &identity,
        issuers,
        snapshots: &snapshots,
        registry: &registry,
        metrics: authn::Metrics::new(metrics.registry())?,
        clients: ClientMetrics::new(metrics.registry())?,
        tasks,
        end: &end,
    });
    let authenticator = Arc::new(Box::pin(authenticator).await?);
    let admitted = admission::Dependencies {
        objects: snapshots,
        authorizer: authorizer.clone(),
        metrics: metrics.registry().clone(),
    };
    let admission = Arc::new(admission::build(&config.admission, &admitted)?);
    CacheMetrics::register(&registry, metrics.registry())?;
    let (intervals, sizes) = (config.metrics.intervals, storage.database_sizes());
    metrics::follow(intervals, &registry, sizes, metrics.registry(), tasks, &end)?;
    let storage_size = StorageSize::new(storage.storage.clone(), metrics.registry())?;
    let neighbours = Neighbours::new(storage.storage.clone(), lifecycle.tasks.clone())?;
    let endpoints = Arc::new(Endpoints::new(
        registry.clone(),
        EndpointsConfig {
            resources: config.resources.clone(),
            watch_list: config.features.watch_list,
            min_request_timeout: config.limits.min_watch,
            writes: lifecycle.tasks.clone(),
            admission,
            authorizer: authorizer.clone(),
            escalation,
            metrics: metrics.clone(),
            authenticator: authenticator.clone(),
            token_issuer: Arc::new(identity.keys.issuer),
            components: Arc::new(neighbours),
            server_paths: routes::paths(&health, &openid),
            external_address: external,
        },
    ));
    let parts = chain::Parts {
        authenticator,
        authorizer,
        metrics: metrics.clone(),
        tracer,
        request_timeout: config.limits.request_timeout,
        max_reading: config.limits.max_reading,
        max_mutating: config.limits.max_mutating,
        in_flight: lifecycle.in_flight.clone(),
        watches: lifecycle.watches.clone(),
        watch_grace: config.ending.watch_grace,
        end_watches: lifecycle.end_watches.signal(),
        refuse: lifecycle.refuse.signal(),
        strict_transport_security: config.http.strict_transport_security.clone(),
        goaway_chance: config.http.goaway_chance,
        allowed_origins: config.http.allowed_origins.clone().into(),
    };
    let routes = routes::Routes { health, openid, metrics: metrics.clone(), storage_size, endpoints };
    let chain = chain::build(&parts, routes.into_service());
    Ok(Built { chain, announced, registry })
}

fn registry_config(config: &Config, storage: &storage::Opened, waits: HistogramVec) -> RegistryConfig {
    RegistryConfig {
        prefix: storage.prefix.clone(),
        services: config.services.clone(),
        event_ttl: config.event_ttl,
        caches: match &config.watch_caches {
            config::WatchCaches::Off => Caches::None,
            config::WatchCaches::AllBut(off) => Caches::AllBut(off.clone()),
        },
        as_json: config.stores.as_json,
        delete_workers: config.stores.delete_workers,
        garbage_collector: config.stores.garbage_collector,
        read_waits: Some(waits),
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
