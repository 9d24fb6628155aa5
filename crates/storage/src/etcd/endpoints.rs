//! Connections to etcd's members: TLS, taking turns, failover, and what may be sent again.
//!
//! Requests go round the endpoints; one that failed is passed over for a while. Reads are sent again as long
//! as there is time. A write is sent again only where it certainly never left: else it might happen twice, or
//! its own first try be taken for somebody else's.

use std::fmt::Write as _;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use etcd_client::{
    Certificate, Client, ConnectOptions, Error as Failure, GetOptions, Identity, KvClient, LeaseClient,
    MaintenanceClient, TlsOptions, WatchClient,
};
use keelson_base::clock::{self, Instant};
use keelson_base::random;
use keelson_base::task::blocking;
use parking_lot::Mutex;

use crate::Error;
use crate::etcd::failure::{describe, is_transient, is_unsent, map};
use crate::etcd::options::{ConnectError, Options, TlsFiles};
use crate::etcd::version::Version;

/// How long an endpoint that failed is passed over while another one has not.
const PASS_OVER: Duration = Duration::from_secs(2);
/// The wait before a request is sent again: doubled each time, to the longest.
const BACKOFF: Duration = Duration::from_millis(25);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
/// How often a request is sent again once every endpoint had a turn: for some seconds.
const MORE_ROUNDS: usize = 7;
/// The TLS files are looked at again this often at most.
const TLS_INTERVAL: Duration = Duration::from_secs(5);
/// gRPC's own bound on an answer, 4 MiB, is less than a list; etcd's Go client takes this much too.
const LARGEST_ANSWER: usize = i32::MAX as usize;

/// When a failed request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing, or the same however often it comes.
    Always,
    /// Only where it was not sent.
    IfNotSent,
}

/// The services of one endpoint. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) kv: KvClient,
    pub(super) watch: WatchClient,
    pub(super) lease: LeaseClient,
    pub(super) maintenance: MaintenanceClient,
}

struct Endpoint {
    url: String,
    clients: ArcSwap<Clients>,
    /// Until when it is passed over.
    failed: Mutex<Option<Instant>>,
    /// What its last answer about itself said.
    version: Mutex<Option<Version>>,
}

/// The PEM texts of the TLS files.
#[derive(Clone, PartialEq, Eq)]
struct Tls {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// The endpoints, and whose turn it is.
pub(super) struct Endpoints {
    options: Options,
    endpoints: Vec<Endpoint>,
    turn: AtomicUsize,
    tls: Mutex<TlsState>,
    progress: AtomicBool,
}

struct TlsState {
    current: Option<Tls>,
    checked: Instant,
}

impl Endpoints {
    /// Reads the TLS files and sets the endpoints up; nothing is connected yet.
    pub(super) async fn new(options: Options) -> Result<Self, ConnectError> {
        if options.endpoints.is_empty() {
            return Err(ConnectError::NoEndpoint);
        }
        let tls = read_tls(&options).await?;
        let mut endpoints = Vec::with_capacity(options.endpoints.len());
        for url in &options.endpoints {
            let clients = open(url, &options, tls.as_ref()).await?;
            endpoints.push(Endpoint {
                url: url.clone(),
                clients: ArcSwap::from_pointee(clients),
                failed: Mutex::new(None),
                version: Mutex::new(None),
            });
        }
        let tls = Mutex::new(TlsState { current: tls, checked: clock::monotonic() });
        Ok(Self { options, endpoints, turn: AtomicUsize::new(0), tls, progress: AtomicBool::new(false) })
    }

    /// Waits until some endpoint answers a read.
    pub(super) async fn wait_for_one(&self, key: &str) -> Result<(), ConnectError> {
        let mut reasons = vec!["no answer".to_owned(); self.endpoints.len()];
        let limit = self.options.connect_timeout;
        let answered = tokio::time::timeout(limit, async {
            let mut pause = BACKOFF;
            loop {
                for (endpoint, reason) in self.endpoints.iter().zip(&mut reasons) {
                    let mut kv = endpoint.clients.load().kv.clone();
                    // One that swallows connections must not keep the others from being asked.
                    let share = (limit / 4).max(Duration::from_millis(100));
                    match tokio::time::timeout(share, kv.get(key, Some(GetOptions::new()))).await {
                        Ok(Ok(_)) => return,
                        Ok(Err(failure)) => *reason = describe(&failure),
                        Err(_) => "no answer".clone_into(reason),
                    }
                }
                self.refresh_tls().await;
                clock::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_BACKOFF);
            }
        });
        if answered.await.is_ok() {
            return Ok(());
        }
        let mut text = String::new();
        for (endpoint, reason) in self.endpoints.iter().zip(reasons) {
            let separator = if text.is_empty() { "" } else { "; " };
            // Writing to a string does not fail.
            let _ = write!(text, "{separator}{}: {reason}", endpoint.url);
        }
        Err(ConnectError::Unreachable { seconds: limit, reasons: text })
    }

    /// Asks every endpoint which version it is, and returns whether each has said so by now. Those that can't be
    /// reached count as they did when they last could.
    pub(super) async fn learn_versions(&self) -> bool {
        let limit = (self.options.connect_timeout / 4).max(Duration::from_millis(100));
        futures::future::join_all(self.endpoints.iter().map(async |endpoint| {
            let mut maintenance = endpoint.clients.load().maintenance.clone();
            if let Ok(Ok(status)) = tokio::time::timeout(limit, maintenance.status()).await {
                *endpoint.version.lock() = Some(Version::parse(status.version()));
            }
        }))
        .await;
        let known: Vec<Option<Version>> = self.endpoints.iter().map(|e| *e.version.lock()).collect();
        let lowest = known.iter().flatten().min();
        let supported = lowest.is_some_and(|version| version.answers_progress_in_order());
        if self.progress.swap(supported, Ordering::Relaxed) != supported {
            tracing::info!(supported, "whether etcd's watches can be asked for progress");
        }
        known.iter().all(Option::is_some)
    }

    /// How many bytes each endpoint's database takes, of those that answer.
    pub(super) async fn database_sizes(&self) -> Vec<(String, u64)> {
        let limit = (self.options.connect_timeout / 4).max(Duration::from_millis(100));
        let sizes = futures::future::join_all(self.endpoints.iter().map(async |endpoint| {
            let mut maintenance = endpoint.clients.load().maintenance.clone();
            let status = tokio::time::timeout(limit, maintenance.status()).await.ok()?.ok()?;
            Some((endpoint.url.clone(), u64::try_from(status.db_size()).ok()?))
        }));
        sizes.await.into_iter().flatten().collect()
    }

    /// Whether every member that was ever reached answers requests for progress in order with events.
    pub(super) fn supports_progress(&self) -> bool {
        self.progress.load(Ordering::Relaxed)
    }

    /// Sends a request to the endpoint whose turn it is, and again where it may be, for the request timeout at
    /// most. Dropping the future drops the request; a write may happen all the same.
    pub(super) async fn call<T, F>(&self, repeat: Repeat, send: impl Fn(Clients) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let limit = self.options.request_timeout;
        let attempts = async {
            let mut pause = BACKOFF;
            let mut round = 0;
            loop {
                let endpoint = self.next();
                let clients = Clients::clone(&endpoint.clients.load());
                let failure = match send(clients).await {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                };
                if is_transient(&failure) {
                    self.passed_over(endpoint);
                }
                let again = match repeat {
                    Repeat::Always => is_transient(&failure),
                    Repeat::IfNotSent => is_unsent(&failure),
                };
                round += 1;
                // With no connection anywhere, a caller is better told than kept.
                if !again || round >= self.endpoints.len() + MORE_ROUNDS {
                    return Err(map(&failure));
                }
                tracing::debug!(endpoint = endpoint.url, failure = describe(&failure), "asking again");
                self.refresh_tls().await;
                if round >= self.endpoints.len() {
                    clock::sleep(random::jitter(pause, 0.2)).await;
                    pause = (pause * 2).min(LONGEST_BACKOFF);
                }
            }
        };
        match tokio::time::timeout(limit, attempts).await {
            Ok(outcome) => outcome,
            Err(_) => {
                Err(Error::Unavailable(format!("etcd did not answer within {} seconds", limit.as_secs())))
            }
        }
    }

    /// The clients of the endpoint whose turn it is, for a stream; and what to do with it when it fails.
    pub(super) fn stream(&self) -> (Clients, impl Fn() + '_) {
        let endpoint = self.next();
        (Clients::clone(&endpoint.clients.load()), move || self.passed_over(endpoint))
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.options.connect_timeout
    }

    fn next(&self) -> &Endpoint {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let now = clock::monotonic();
        let order = (0..self.endpoints.len())
            .map(|step| &self.endpoints[(turn.wrapping_add(step)) % self.endpoints.len()]);
        let ready = |endpoint: &&Endpoint| endpoint.failed.lock().is_none_or(|until| until <= now);
        order.clone().find(ready).unwrap_or(&self.endpoints[turn % self.endpoints.len()])
    }

    fn passed_over(&self, endpoint: &Endpoint) {
        *endpoint.failed.lock() = Some(clock::monotonic() + PASS_OVER);
    }

    /// Reads the TLS files again where it is time to, and opens the endpoints anew where they changed.
    pub(super) async fn refresh_tls(&self) {
        {
            let mut state = self.tls.lock();
            let now = clock::monotonic();
            if state.current.is_none() || now < state.checked + TLS_INTERVAL {
                return;
            }
            state.checked = now;
        }
        let read = match read_tls(&self.options).await {
            Ok(read) => read,
            Err(failure) => {
                tracing::warn!(%failure, "reading etcd's TLS files again failed");
                return;
            }
        };
        if self.tls.lock().current == read {
            return;
        }
        for endpoint in &self.endpoints {
            match open(&endpoint.url, &self.options, read.as_ref()).await {
                Ok(clients) => endpoint.clients.store(Arc::new(clients)),
                Err(failure) => {
                    tracing::warn!(%failure, "etcd's changed TLS files can't be used");
                    return;
                }
            }
        }
        tracing::info!("etcd's TLS files changed; new connections use them");
        self.tls.lock().current = read;
    }
}

async fn read_tls(options: &Options) -> Result<Option<Tls>, ConnectError> {
    let secure = options.endpoints.iter().any(|url| url.starts_with("https://"));
    if !secure && options.tls.is_empty() {
        return Ok(None);
    }
    let TlsFiles { ca, certificate, key } = options.tls.clone();
    blocking(move || {
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            _ => return Err(ConnectError::HalfAPair),
        };
        Ok(Some(Tls { ca: ca.map(read).transpose()?, identity }))
    })
    .await
}

fn read(path: PathBuf) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(&path).map_err(|source| ConnectError::File { path, source })
}

/// Sets a client of one endpoint up; it connects with its first request.
async fn open(url: &str, options: &Options, tls: Option<&Tls>) -> Result<Clients, ConnectError> {
    let refused = |reason: String| ConnectError::Endpoint { endpoint: url.to_owned(), reason };
    if let Some((scheme, _)) = url.split_once("://")
        && scheme != "http"
        && scheme != "https"
    {
        return Err(refused(format!("the scheme {scheme} is not supported, use http or https")));
    }
    let mut connect = ConnectOptions::new()
        .with_connect_timeout(options.connect_timeout)
        .with_keep_alive(options.keepalive_interval, options.keepalive_timeout)
        // etcd takes probes of idle connections for an attack.
        .with_keep_alive_while_idle(false)
        .with_tcp_keepalive(options.keepalive_interval)
        // A member that lost its cluster says so, instead of keeping a request or a watch waiting.
        .with_require_leader(true);
    if let Some(tls) = tls.filter(|_| !url.starts_with("http://")) {
        let mut config = match &tls.ca {
            Some(ca) => TlsOptions::new().ca_certificate(Certificate::from_pem(ca)),
            None => TlsOptions::new().with_native_roots(),
        };
        if let Some((certificate, key)) = &tls.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        connect = connect.with_tls(config);
    }
    let client =
        Client::connect([url], Some(connect)).await.map_err(|failure| refused(failure_text(&failure)))?;
    Ok(Clients {
        kv: client.kv_client().max_decoding_message_size(LARGEST_ANSWER),
        watch: client.watch_client().max_decoding_message_size(LARGEST_ANSWER),
        lease: client.lease_client(),
        maintenance: client.maintenance_client(),
    })
}

fn failure_text(failure: &Failure) -> String {
    use std::error::Error as _;
    match failure {
        Failure::TransportError(transport) => {
            let mut text = transport.to_string();
            let mut source = transport.source();
            while let Some(cause) = source {
                let _ = write!(text, ": {cause}");
                source = cause.source();
            }
            text
        }
        other => describe(other),
    }
}
