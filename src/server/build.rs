//! Makes what is behind the listener: registry, authentication, authorization, admission, endpoints, filters, health.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use keelson_base::metrics::{HistogramVec, Registry as MetricRegistry};
use keelson_base::trace::Tracer;
use tokio::task::JoinHandle;
use tracing::warn;

use super::components::Neighbours;
use super::config::{self, Config, Reconciler};
use super::follow::Following;
use super::health::{Check, Checks, Health, Hook, InformerSync, NotEnding, Ping, StorageAnswers};
use super::identity::Identity;
use super::issuers::Issuers;
use super::lifecycle::Lifecycle;
use super::metrics::StorageSize;
use super::objects::Snapshots;
use super::readiness::Readiness;
use super::service_accounts::OpenId;
use super::{StartError, addresses, authentication, authorization, metrics, routes, storage};
use crate::bootstrap::{self, BootstrapError, Endpoint, KubernetesService};
use crate::endpoints::{Endpoints, EndpointsConfig};
use crate::filters::chain::{self, Chain};
use crate::outbound::ClientMetrics;
use crate::registry::{CacheMetrics, Caches, Metered, Registry, RegistryConfig};
use crate::telemetry::Metrics;
use crate::{admission, authn};

/// What it is made from.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    /// The port that is listened on.
    pub(super) port: u16,
    pub(super) identity: Identity,
    pub(super) issuers: Issuers,
    pub(super) storage: &'a storage::Opened,
    pub(super) lifecycle: &'a Lifecycle,
    pub(super) readiness: &'a Readiness,
    pub(super) metrics: &'a Metrics,
    pub(super) tracer: Option<Tracer>,
}

/// What a server is made of behind its listener.
pub(super) struct Built {
    pub(super) chain: Chain,
    /// What puts the server behind the service `kubernetes`.
    pub(super) announced: Arc<KubernetesService>,
    pub(super) registry: Arc<Registry>,
    /// How it goes with the cluster's first objects.
    pub(super) bootstrap: JoinHandle<Option<Result<(), BootstrapError>>>,
    /// Whether storage is there.
    pub(super) storage_check: Arc<dyn Check>,
}

/// Begins to set up the cluster's first objects, and makes everything from the filters to the registry.
///
/// # Errors
/// See [`StartError`].
pub(super) async fn build(parts: Parts<'_>) -> Result<Built, StartError> {
    let Parts { config, port, identity, issuers, storage, lifecycle, readiness, metrics, tracer } = parts;
    let metered = Arc::new(Metered::new(storage.storage.clone(), metrics.registry())?);
    let waits = metrics::read_waits(metrics.registry())?;
    let registry = Arc::new(Registry::new(metered, registry_config(config, storage, waits)));
    let advertised = addresses::advertised(config);
    let address = advertised.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let endpoint = Endpoint { address, port, node_port: config.kubernetes_service.node_port };
    // What the files say is known before the cluster is touched.
    let authorization = authorization::prepare(&config.authorization).await?;
    let (tasks, end) = (&lifecycle.tasks, lifecycle.background.signal());
    let bootstrap = {
        let (registry, milestones, end) = (registry.clone(), readiness.bootstrap.clone(), end.clone());
        let create = async move { bootstrap::create_missing(&registry, &endpoint, &milestones).await };
        tasks.spawn("bootstrap", async move { end.unless_begun(Box::pin(create)).await })
    };
    let following = Following { tasks, end: &end, followers: &readiness.followers };
    let (authorizer, escalation) =
        authorization::authorizer(authorization, &registry, metrics, &following).await?;
    let reconciler = match (config.kubernetes_service.reconciler, advertised) {
        (Reconciler::Lease, None) => {
            warn!("there is no address that others could reach: the service kubernetes will lead nowhere");
            Reconciler::None
        }
        (reconciler, _) => reconciler,
    };
    let announced = KubernetesService::new(registry.clone(), endpoint, reconciler);
    let announced = Arc::new(announced.map_err(StartError::Announce)?);
    let (health, storage_check) = health(config, storage, lifecycle, readiness)?;
    let followers = readiness.followers.clone();
    let snapshots = Snapshots::new(registry.clone(), tasks.clone(), end.clone(), followers);
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
        following: &following,
        trust_told: &readiness.trust,
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
        request_timeout: config.limits.request_timeout,
        max_reading: config.limits.max_reading,
        max_mutating: config.limits.max_mutating,
        in_flight: lifecycle.in_flight.clone(),
        watches: lifecycle.watches.clone(),
        watch_grace: config.ending.watch_grace,
        end_watches: lifecycle.end_watches.signal(),
        refuse: lifecycle.refuse.signal(),
        tracer,
        ready_once: config.health.refuse_until_ready.then(|| readiness.ready.clone()),
        strict_transport_security: config.http.strict_transport_security.clone(),
        goaway_chance: config.http.goaway_chance,
        allowed_origins: config.http.allowed_origins.clone().into(),
    };
    let routes = routes::Routes { health, openid, metrics: metrics.clone(), storage_size, endpoints };
    let chain = chain::build(&parts, routes.into_service());
    // Whatever the server keeps of resources is being followed by now.
    readiness.informers.pass();
    Ok(Built { chain, announced, registry, bootstrap, storage_check })
}

/// The checks of health, in the order of kube-apiserver, and the one whether storage is there.
fn health(
    config: &Config,
    storage: &storage::Opened,
    lifecycle: &Lifecycle,
    readiness: &Readiness,
) -> Result<(Health, Arc<dyn Check>), StartError> {
    let config = &config.health;
    let answers = |name, timeout| -> Arc<dyn Check> {
        let (storage, tasks) = (storage.storage.clone(), lifecycle.tasks.clone());
        Arc::new(StorageAnswers::new(name, storage, timeout, tasks))
    };
    let hooks = readiness.milestones().into_iter().map(|m| -> Arc<dyn Check> { Arc::new(Hook::new(m)) });
    let storage_check = answers("etcd-readiness", config.storage_ready_timeout);
    let checks = Checks {
        always: vec![Arc::new(Ping("ping")), Arc::new(Ping("log"))],
        storage: vec![answers("etcd", config.storage_timeout)],
        ready: vec![storage_check.clone(), Arc::new(InformerSync(readiness.followers.clone()))],
        hooks: hooks.collect(),
        hooks_live_after: config.livez_grace,
        ready_last: vec![Arc::new(NotEnding(lifecycle.ending.signal()))],
    };
    Ok((Health::new(checks, MetricRegistry::new())?, storage_check))
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
