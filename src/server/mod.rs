//! The server: listens, speaks TLS and HTTP, tells its health, starts and ends.
//!
//! [`Server::serve`] makes everything from a [`Config`], from storage up to the listening socket; what else has to
//! be there before the server is ready comes while it serves ([`Server::ready`], see [`readiness`]).
//! [`Server::stop`] ends it without breaking a request (see [`lifecycle`]). [`run`] does all of it, between the
//! signals of the process.

mod accept;
mod addresses;
mod authentication;
mod authentication_trust;
mod authorization;
mod bootstrap_tokens;
mod build;
pub mod certificates;
mod components;
pub mod config;
mod connection;
mod evacuation;
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
mod process;
mod rbac;
mod readiness;
mod reload;
mod routes;
mod service_accounts;
mod serving_certificates;
mod start_error;
mod storage;
mod tls;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keelson_base::metrics::Registry as MetricRegistry;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use self::build::Built;
pub use self::certificates::CertificateError;
use self::config::Config;
use self::connection::Settings;
use self::evacuation::Evacuation;
use self::issuers::Issuers;
use self::lifecycle::Lifecycle;
use self::listener::Bound;
pub use self::process::run;
use self::readiness::Readiness;
pub use self::start_error::StartError;
pub use self::storage::StorageError;
pub use self::tls::TlsError;
use crate::bootstrap::{self, BootstrapError, KubernetesService};
use crate::registry::Registry;
use crate::telemetry::Metrics;
use crate::telemetry::traces::{self, Traces};

/// How long the collector of traces may take for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(5);

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
    registry: Arc<Registry>,
    /// Until the end takes it.
    traces: Mutex<Option<Traces>>,
    readiness: Readiness,
    storage_initialization: Duration,
    /// What is left to be done until the server is ready; taken by whoever does it.
    start: Mutex<Option<Start>>,
}

/// What is left to be done until a server is ready.
struct Start {
    bootstrap: JoinHandle<Option<Result<(), BootstrapError>>>,
    /// The socket that is listened on when the server is ready, where other processes share the port: they serve
    /// until then.
    later: Option<(Bound, Settings)>,
}

impl Server {
    /// Starts a server. It is ready when this returns.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running then.
    pub async fn start(config: Config) -> Result<Server, StartError> {
        let server = Server::serve(config).await?;
        match server.ready().await {
            Ok(()) => Ok(server),
            Err(failure) => {
                server.stop().await;
                Err(failure)
            }
        }
    }

    /// Starts a server that serves, but need not be ready yet: [`Server::ready`] has to be called. One that shares
    /// its port does not listen before it is ready.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running then.
    pub async fn serve(config: Config) -> Result<Server, StartError> {
        let address = SocketAddr::new(config.serving.bind_address, config.serving.port);
        let failed = |source| StartError::Listen { address, source };
        // The port comes first, then the data: a server that can't have them must not touch anything else.
        let bound = listener::bind(address, config.serving.permit_port_sharing).map_err(failed)?;
        keelson_api::validation::allow_privileged(config.allow_privileged);
        let metrics = metrics::registry(&config.metrics)?;
        let storage = storage::open(&config.storage, &config.data_dir, &metrics).await?;
        // Boxed: the futures of a start are large, and whoever awaits one would be so, too.
        match Box::pin(Running::serve(config, bound, &storage, metrics)).await {
            Ok(running) => Ok(Server { running, storage }),
            Err(failure) => {
                storage.close().await;
                Err(failure)
            }
        }
    }

    /// Does what is left to be done until the server is ready, and returns when it is. To be called once; dropping
    /// the future leaves the server as one that is not ready.
    ///
    /// # Errors
    /// Where the cluster's first objects can't be created. The server is to be stopped then.
    pub async fn ready(&self) -> Result<(), StartError> {
        self.running.ready().await
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
    async fn serve(
        config: Config,
        bound: Bound,
        storage: &storage::Opened,
        metrics: MetricRegistry,
    ) -> Result<Self, StartError> {
        let config = authentication::without_almighty_strangers(config);
        let wanted = SocketAddr::new(config.serving.bind_address, config.serving.port);
        let failed = |source| StartError::Listen { address: wanted, source };
        let address = bound.address().map_err(failed)?;
        let url = format!("https://{}", SocketAddr::new(addresses::reachable(address.ip()), address.port()));
        let identity = identity::load(&config, url.clone()).await?;
        let (lifecycle, readiness) = (Lifecycle::default(), Readiness::default());
        let metrics = Metrics::new(metrics)?;
        let traces = config.tracing_file.as_deref().map(start_traces).transpose()?;
        let issuers = Issuers::start(&config, &lifecycle, &metrics)?;
        let (tls, followed, kubeconfig) =
            (identity.tls.clone(), identity.followed.clone(), identity.kubeconfig.clone());
        let built = build::build(build::Parts {
            config: &config,
            port: address.port(),
            identity,
            issuers,
            storage,
            lifecycle: &lifecycle,
            readiness: &readiness,
            metrics: &metrics,
            tracer: traces.as_ref().map(Traces::tracer),
        });
        let Built { chain, announced, registry, bootstrap, storage_check } = match built.await {
            Ok(built) => built,
            Err(failure) => {
                lifecycle.abandon().await;
                return Err(failure);
            }
        };
        let evacuation = Evacuation::default();
        let settings = Settings {
            tls,
            chain,
            metrics,
            http2_max_streams: config.serving.http2_max_streams,
            drain: lifecycle.drain.signal(),
            evacuation: evacuation.clone(),
        };
        let later = if config.serving.permit_port_sharing {
            Some((bound, settings))
        } else {
            let listener = bound.listen().map_err(failed)?;
            lifecycle.connections.spawn("accept", accept::accept(listener, settings, lifecycle.clone()));
            info!(%address, "Serving securely");
            None
        };
        if storage.is_remote() {
            let service = announced.clone();
            let end = lifecycle.background.signal();
            let run = evacuation.run(storage_check, move || service.has_others(), end);
            lifecycle.tasks.spawn("evacuation", run);
        }
        lifecycle.tasks.spawn("reload", followed.follow(lifecycle.background.signal()));
        let (end, store, interval) =
            (lifecycle.background.signal(), storage.storage.clone(), config.compaction_interval);
        if !interval.is_zero() {
            let compact = async move { end.unless_begun(store.run_compactor(interval)).await };
            lifecycle.tasks.spawn("compact", compact);
        }
        Ok(Running {
            url,
            address,
            kubeconfig,
            lifecycle,
            shutdown_delay: config.shutdown_delay,
            ending: config.ending,
            request_timeout: config.limits.request_timeout,
            announced,
            registry,
            traces: Mutex::new(traces),
            readiness,
            storage_initialization: config.health.storage_initialization,
            start: Mutex::new(Some(Start { bootstrap, later })),
        })
    }

    async fn ready(&self) -> Result<(), StartError> {
        let Some(Start { bootstrap, later }) = self.start.lock().take() else { return Ok(()) };
        let created = async {
            match bootstrap.await {
                Ok(Some(created)) => created.map_err(StartError::from),
                // It was stopped meanwhile.
                Ok(None) | Err(_) => Ok(()),
            }
        };
        let storage = self.readiness.await_storage(&self.registry, self.storage_initialization);
        let (created, ()) = tokio::join!(created, storage);
        created?;
        self.maintain();
        self.readiness.reached().await;
        if let Some((bound, settings)) = later {
            let address = self.address;
            let listener = bound.listen().map_err(|source| StartError::Listen { address, source })?;
            let lifecycle = &self.lifecycle;
            lifecycle.connections.spawn("accept", accept::accept(listener, settings, lifecycle.clone()));
            info!(%address, "Serving securely");
        }
        self.announce();
        Ok(())
    }

    /// Begins what looks after the cluster's first objects.
    fn maintain(&self) {
        let end = self.lifecycle.background.signal();
        let (registry, milestones) = (self.registry.clone(), self.readiness.bootstrap.clone());
        let maintain = async move { bootstrap::maintain(&registry, &milestones).await };
        self.lifecycle.tasks.spawn("maintain", async move { end.unless_begun(Box::pin(maintain)).await });
    }

    /// Begins to tell others where this server is: those who come find one that is ready.
    fn announce(&self) {
        let (end, service) = (self.lifecycle.background.signal(), self.announced.clone());
        let announce = async move { end.unless_begun(Box::pin(service.run())).await };
        self.lifecycle.tasks.spawn("announce", announce);
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
